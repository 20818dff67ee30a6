"""What sharing a commit saves: a message with its rows in a commit of its own, against a hundred in one.

For information, and for whoever asks why the store gathers what waits: this is the most that gathering can gain.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from sqlalchemy import Connection

from bench import letter
from bench.bench import Bench
from bench.figures import Figure, ratios
from bench.waiting import SPREAD, Queued, insert
from postroom.clock import now_ms
from postroom.model.tenant import INSTALLATION
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
            rows = _Rows(store)
            singly = bench.size.committed // _SHARE_OF_SINGLES
            found = bench.take_turns(
                {
                    f"by {_GROUP}, {database}": partial(rows.rate, bench.size.committed, _GROUP),
                    f"one by one, {database}": partial(rows.rate, singly, 1),
                }
            )
            groups, singles = found.values()
            name = f"rows a second, {_GROUP} messages a commit over one, {database}"
            figures.append(Figure("commit", name, ratios(groups, singles), measured=found))
    return figures


class _Rows:
    """Messages for one store, each with its rows: message, recipient, content, event."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = store.ids.next()
        self._body = letter.octets()

    def rate(self, messages: int, group: int) -> float:
        """Messages a second; the next commit begins when the one before is durable."""
        began = time.monotonic()
        for _ in range(0, messages, group):
            queued = [self._queued() for _ in range(group)]
            self._store.write(partial(_insert, queued)).result(60)
        return messages / (time.monotonic() - began)

    def _queued(self) -> Queued:
        self._next += SPREAD
        return Queued(self._next, INSTALLATION, letter.TO.spec, 5, _ACCOUNT, now_ms(), self._body)


def _insert(queued: Sequence[Queued], connection: Connection) -> None:
    insert(connection, queued)
