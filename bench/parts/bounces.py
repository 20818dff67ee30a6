"""Bounces that come back: read, proven by their tag, tied to their message, explained, stored, mailboxes suppressed.

Many at once, as a mailbox brings them, against one after the other; and, as the yardstick of what reading alone costs,
the standard library's parser for the same octets, which understands nothing of them yet.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from email import message_from_bytes, policy
from functools import partial
from itertools import count, islice

from bench.bench import Bench
from bench.figures import Figure, ratios
from postroom.clock import now_ms
from postroom.compose.message_id import message_id
from postroom.model.account import AddressTag
from postroom.model.tenant import INSTALLATION
from postroom.outbox.inbox import Inbox
from postroom.store import tables
from postroom.store.bulk import insert_rows
from tests.rigs.process import RigFailed
from tests.store.house import ADMIN, House

__all__ = ["measure"]

_AIM = 1_000.0
_AT_ONCE = 50
_SHARE_OF_SINGLES = 10
_MESSAGE = ("id", "tenant_id", "created_ms", "sender", "mail_from", "message_id")
_RECIPIENT = ("message_id", "n", "tenant_id", "address", "state", "updated_ms")
_BOUNCE = """Return-Path: <>\r
Received: from mx.customer.example (mx.customer.example [192.0.2.1]) by mail.example.com; {date}\r
From: Mail Delivery System <MAILER-DAEMON@mx.customer.example>\r
To: {path}\r
Subject: Undelivered Mail Returned to Sender\r
Date: Fri, 20 Nov 2026 12:00:00 +0000\r
Message-ID: <{nth}@mx.customer.example>\r
Auto-Submitted: auto-replied\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r
\r
--b\r
Content-Type: text/plain; charset=us-ascii\r
\r
This is the mail system at host mx.customer.example.\r
\r
I'm sorry to have to inform you that your message could not be delivered.\r
\r
<{address}>: host mail.customer.example said: 550 5.1.1 <{address}>: User unknown\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.customer.example\r
Arrival-Date: Fri, 20 Nov 2026 11:59:00 +0000\r
\r
Final-Recipient: rfc822; {address}\r
Original-Recipient: rfc822;{address}\r
Action: failed\r
Status: 5.1.1\r
Remote-MTA: dns; mail.customer.example\r
Diagnostic-Code: smtp; 550 5.1.1 <{address}>: User unknown\r
\r
--b\r
Content-Type: text/rfc822-headers\r
\r
From: shop@example.com\r
To: {address}\r
Subject: Your invoice\r
Message-ID: <{own}>\r
\r
--b--\r
"""


def measure(bench: Bench) -> list[Figure]:
    figures: list[Figure] = []
    with ExitStack() as stack:
        for database in bench.databases:
            folder = bench.folder_for("bounces")
            house = House(bench.database(stack, database) or f"sqlite:///{folder / 'postroom.db'}", folder)
            stack.callback(house.close)
            mailbox = _Mailbox(house, bench.size.committed)
            found = bench.take_turns(
                {
                    f"{_AT_ONCE} at once, {database}": partial(mailbox.rate, bench.size.committed, _AT_ONCE),
                    f"one by one, {database}": partial(mailbox.rate, bench.size.committed // _SHARE_OF_SINGLES, 1),
                    f"parsed by the standard library, {database}": partial(mailbox.parsed, bench.size.committed // 2),
                }
            )
            together, singly, parsed = found.values()
            name = "bounces a second, {}, " + database
            figures += [
                Figure("bounces", name.format(f"{_AT_ONCE} at once"), tuple(together), _AIM),
                Figure("bounces", name.format(f"{_AT_ONCE} at once over one by one"), ratios(together, singly)),
                Figure("bounces", name.format("over parsing alone"), ratios(together, parsed), measured=found),
            ]
    return figures


class _Mailbox:
    """What was sent, and the endless bounces of it."""

    def __init__(self, house: House, messages: int) -> None:
        house.office.change_tenant(ADMIN, {"suppress_unknown": True}).result()
        self._house = house
        self._inbox = Inbox(house.store, house.office)
        self._numbers = [house.store.ids.next() for _ in range(messages)]
        self._nth = count()
        moment = now_ms()
        sent = [(n, INSTALLATION, moment, "shop@example.com", "post@example.com", self._own(n)) for n in self._numbers]
        to = [(n, 0, INSTALLATION, f"joe.{n}@customer.example", "sent", moment) for n in self._numbers]
        house.store.write(lambda c: insert_rows(c, tables.message, _MESSAGE, sent)).result()
        house.store.write(lambda c: insert_rows(c, tables.recipient, _RECIPIENT, to)).result()
        self._bounces = self._made()

    def rate(self, bounces: int, at_once: int) -> float:
        """Bounces a second; the next ones are read when those before are durable."""
        mails = list(islice(self._bounces, bounces))
        began = time.monotonic()
        for start in range(0, bounces, at_once):
            taken = self._inbox.take_many(ADMIN, mails[start : start + at_once]).result(60)
            if any(isinstance(one, Exception) or one.again or one.received.n != 0 for one in taken):
                raise RigFailed("a bounce was not taken for what it is")
        return bounces / (time.monotonic() - began)

    def parsed(self, bounces: int) -> float:
        """What only the octets' parser does a second."""
        mails = list(islice(self._bounces, bounces))
        began = time.monotonic()
        for mail in mails:
            message_from_bytes(mail, policy=policy.default).get_body()
        return bounces / (time.monotonic() - began)

    def _made(self) -> Iterator[bytes]:
        tagging = self._house.office.tagging
        for nth in self._nth:
            number = self._numbers[nth % len(self._numbers)]
            path = tagging.return_path(INSTALLATION, number, 0, "post@example.com", AddressTag.PLUS)
            address, date = f"joe.{number}@customer.example", "Fri, 20 Nov 2026 12:00:00 +0000"
            yield _BOUNCE.format(path=path, nth=nth, address=address, own=self._own(number), date=date).encode()

    @staticmethod
    def _own(number: int) -> str:
        return message_id(number, "example.com", mark="k1")
