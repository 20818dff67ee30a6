"""What a group commit saves: one acceptance a commit, each waited for, against many that share their commits."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from bench import letter
from bench.bench import Bench
from bench.figures import Figure, ratios
from postroom.clock import now_ms
from postroom.model.event import EventKind
from postroom.model.tenant import INSTALLATION
from postroom.store.acceptance import Acceptance
from postroom.store.database import Store

__all__ = ["measure"]

_GROUP = 100
_SHARE_OF_SINGLES = 10
_ACCOUNT = 77


def measure(bench: Bench) -> list[Figure]:
    figures = []
    with ExitStack() as stack:
        for database in bench.databases:
            file = bench.folder_for("commit") / "postroom.db"
            store = Store(bench.database(stack, database) or f"sqlite:///{file}", role="http")
            stack.callback(store.close)
            singly = bench.size.committed // _SHARE_OF_SINGLES
            found = bench.take_turns(
                {
                    f"in groups, {database}": partial(_rate, store, bench.size.committed, _GROUP),
                    f"one by one, {database}": partial(_rate, store, singly, 1),
                }
            )
            groups, singles = found.values()
            name = f"messages committed by {_GROUP} over one by one, {database}"
            figures.append(Figure("commit", name, ratios(groups, singles), measured=found))
    return figures


def _rate(store: Store, messages: int, group: int) -> float:
    """Messages a second; a group is handed in when the one before is durable."""
    units = [_unit(store) for _ in range(messages)]
    began = time.monotonic()
    for start in range(0, messages, group):
        _commit(store, units[start : start + group])
    return messages / (time.monotonic() - began)


def _commit(store: Store, units: Sequence[Acceptance]) -> None:
    left = len(units)
    durable = threading.Event()

    def done(_unit: object, answer: object) -> None:
        nonlocal left
        left -= 1
        if not left or isinstance(answer, Exception):
            durable.set()

    store.submit_many("accept", units, done)
    durable.wait(60)
    if left:
        raise RuntimeError("an acceptance was refused")


def _unit(store: Store) -> Acceptance:
    """A message with one recipient as intake would hand it in."""
    moment, number, body = now_ms(), store.ids.next(), letter.octets()
    message = (
        number, INSTALLATION, moment, None, None, letter.SENDER.spec, letter.SENDER.spec, letter.SUBJECT,
        letter.MESSAGE_ID, len(body), 5, "", False, False, None, None, "retry", False, None, None, None,
        None, None,
    )  # fmt: skip
    recipient = (
        number, 0, INSTALLATION, letter.TO.spec, "to", "queued", _ACCOUNT, None, "default", 5, moment, None, None, "",
        moment, None, None,
    )  # fmt: skip
    event = (number, store.ids.next(), INSTALLATION, None, moment, EventKind.ACCEPTED.value, '{"state": "queued"}')
    return Acceptance(message, [recipient], [event], body)
