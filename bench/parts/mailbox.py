"""A mailbox with very many mails, read for the first time out of Dovecot: whether memory grows, how quickly it goes.

The mails lie there before Postroom is told of the mailbox. The peak of the whole process counts: when a tenth of the
mails was taken in, and when all were.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from bench.bench import Bench, peak_octets
from bench.figures import Figure, ratios
from tests.rigs.imap import ImapServer
from tests.rigs.parts import missing
from tests.rigs.postroom import Postroom
from tests.rigs.process import RigFailed

__all__ = ["measure"]

_AIM = 1.1
_SHARE = 10
_SECONDS = 1_800.0
_LOOK_EVERY = 0.1
_USER, _WORD = "office", "the-word-of-the-office"


def measure(bench: Bench) -> list[Figure]:
    if lacking := missing("imap"):
        raise RigFailed(lacking)
    return [_of(bench, database) for database in bench.databases]


def _of(bench: Bench, database: str) -> Figure:
    with ExitStack() as stack:
        server = stack.enter_context(ImapServer({_USER: _WORD}))
        server.put(_USER, _mails(bench.size.mailbox))
        folder, url = bench.folder_for("mailbox"), bench.database(stack, database)
        postroom = stack.enter_context(Postroom(folder, database=url))
        there = {"name": "Office", "host": server.host, "port": server.port, "encryption": "none", "user": _USER}
        postroom.api.post("/v1/mailboxes", there | {"secret": _WORD, "allow_clear_login": True}).expect(201)
        began = time.monotonic()
        few = _peak_at(postroom, bench.size.mailbox // _SHARE)
        peaks = [few, _peak_at(postroom, bench.size.mailbox)]
        rate = bench.size.mailbox / (time.monotonic() - began)
        bench.say(f"  {peaks[1]:.0f} MB after {bench.size.mailbox:,} mails, {rate:,.0f} a second, {database}")
        postroom.kill9()
    name = f"memory after {bench.size.mailbox:,} mails over a tenth of them, {database}"
    measured = {"MB": peaks, "mails a second": [rate]}
    return Figure("mailbox", name, ratios(peaks[1:], peaks[:1]), _AIM, at_most=True, measured=measured)


def _peak_at(postroom: Postroom, taken: int) -> float:
    """Megabytes, as soon as so many were taken in."""
    until = time.monotonic() + _SECONDS
    while True:
        state = postroom.api.get("/v1/mailboxes/Office").expect(200)
        if state["taken"] >= taken:
            return peak_octets(postroom.process.pid) / 1e6
        if time.monotonic() > until:
            raise RigFailed(f"only {state['taken']:,} of {taken:,} mails were taken in: {state}")
        time.sleep(_LOOK_EVERY)


def _mails(count: int) -> Iterator[bytes]:
    for number in range(count):
        head = f"From: ann{number}@customer.example\r\nTo: office@shop.example\r\nSubject: Order {number}\r\n"
        yield f"{head}Message-ID: <{number}@customer.example>\r\n\r\nWhere is it?\r\n".encode()
