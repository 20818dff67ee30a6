"""A claim of 100 with more and more mail waiting: what it costs must not depend on how long the queue is.

Each queue has several accounts, tenants and priorities in the same shares. Claims of the queues take turns. What a
claim took is put back in the same shares at the end of the queue, so that every claim finds as much as the first. The
time is that of the claim's statements; the commit after it is as long for every queue and left out, for it would only
hide a difference.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack

from sqlalchemy import Connection

from bench import letter
from bench.bench import Bench
from bench.figures import Figure, ratios
from bench.waiting import SPREAD, Mixed, Queued, fill, insert
from postroom.clock import now_ms
from postroom.store import lanes
from postroom.store.database import Store
from postroom.store.lanes import Claimed
from tests.rigs.process import RigFailed

__all__ = ["measure"]

_AIM = 1.2
_CLAIM = 100
_WARM_UP = 3
_BODY = letter.octets()[:512]
"""So that a million take less than a gigabyte."""


def measure(bench: Bench) -> list[Figure]:
    figures = []
    with ExitStack() as stack:
        for database in bench.databases:
            queues = {size: _Queue(bench, stack, database, size) for size in bench.size.waiting}
            for queue in queues.values():
                queue.claims(_WARM_UP)
            found: dict[int, list[float]] = {size: [] for size in queues}
            for _ in range(bench.size.rounds):
                for size, times in _in_turn(queues, bench.size.claims).items():
                    found[size].append(statistics.median(times))
                    bench.say(f"  {database}, {size:,} waiting: {found[size][-1]:.3f} ms")
            figures += _figures(database, found)
    return figures


def _in_turn(queues: dict[int, _Queue], claims: int) -> dict[int, list[float]]:
    times: dict[int, list[float]] = {size: [] for size in queues}
    for _ in range(claims):
        for size, queue in queues.items():
            times[size] += queue.claims(1)
    return times


def _figures(database: str, found: dict[int, list[float]]) -> list[Figure]:
    smallest, largest = min(found), max(found)
    measured = {f"{size:,} waiting, ms a claim": times for size, times in found.items()}
    return [
        Figure(
            "claim", f"a claim with {size:,} waiting over one with {smallest:,}, {database}",
            ratios(times, found[smallest]), _AIM if size == largest else None, at_most=True, measured=measured,
        )
        for size, times in found.items()
        if size != smallest
    ]  # fmt: skip


class _Queue:
    """A store of its own with so much waiting."""

    def __init__(self, bench: Bench, stack: ExitStack, database: str, messages: int) -> None:
        file = bench.folder_for(f"claim-{messages}") / "postroom.db"
        self._store = Store(bench.database(stack, database) or f"sqlite:///{file}", role="http")
        stack.callback(self._store.close)
        self._first = self._store.ids.next()
        self._next = messages
        bench.say(f"  filling a queue with {messages:,}")
        fill(self._store, Mixed.waiting(messages, self._first, now_ms(), _BODY))

    def claims(self, times: int) -> list[float]:
        """Milliseconds of so many claims, each in a transaction of its own."""
        return [self._store.write(self._claim).result(120) for _ in range(times)]

    def _claim(self, connection: Connection) -> float:
        fence, moment, next_id = self._store.ids.next(), now_ms(), self._store.ids.next
        began = time.perf_counter()
        taken = lanes.claim(connection, Mixed.ACCOUNT, fence, _CLAIM, moment, next_id)
        took = time.perf_counter() - began
        if len(taken) != _CLAIM:
            raise RigFailed(f"a claim of {_CLAIM} took {len(taken)}")
        self._put_back(connection, taken, moment)
        return took * 1000

    def _put_back(self, connection: Connection, taken: Sequence[Claimed], moment: int) -> None:
        queued = []
        for one in taken:
            number = self._first + self._next * SPREAD
            self._next += 1
            queued.append(Queued(number, one.tenant_id, one.address, one.priority, Mixed.ACCOUNT, moment, _BODY))
        insert(connection, queued)
