"""Searching the mailing log: newest first, page by page, however many millions of rows there are.

Rules it keeps: every search goes backwards through message ids (which are ordered by time), so a page is found again
by the id it ended at; it goes along the lists that are shortest (see `postings`), everything else is checked on what
they name; and no call looks at more than a bounded number of rows, or for longer than its patience. A search for
something rare that no list helps with may therefore give a short page, or an empty one, that still names where to go
on.

The newest messages stand in no term yet (see `terms`): those are looked at one by one. What is found does not depend
on it: terms only say where to look, and each message found is held against what was asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, and_, func, select

from postroom.ids import time_of
from postroom.store import tables, terms
from postroom.store.checking import Check
from postroom.store.lists import by_recipients, by_terms
from postroom.store.postings import Few, Long, of_ids
from postroom.store.scope import within
from postroom.store.wanted import HIGHEST_ID, Found, Wanted

__all__ = ["Count", "Found", "Wanted", "count", "search"]

_message = tables.message

_FEW = 5_000
_SLICE = 5_000
_SLOW_SLICE = 2_000
_FIRST_SLICE = 300
_QUICK = 0.012
"""Seconds for a slice after which the next may be larger."""
_FIRST, _LIST = 200, 2_000
_MOST_ROWS = 150_000
_PATIENCE = 0.1
"""Seconds that a page may look; the lines of what it found are read after that."""
_COUNTING = 0.8
_COUNTED = 5_000

Chunk = tuple[ColumnElement[bool], int | None, int]
"""Which messages to check now, below which id the next chunk begins (None: this is the last), how many rows it has."""
Source = Callable[[int], Chunk]


def search(connection: Connection, tenant_id: int, wanted: Wanted, limit: int, *, patience: float = _PATIENCE) -> Found:
    """Up to `limit` messages. Bounded work: see the module. `patience` in seconds."""
    walk = _Walk(connection, tenant_id, wanted, limit, time.monotonic() + patience)
    listed = terms.listed_below(connection)
    below = wanted.high
    for floor, is_listed in ((max(listed, wanted.low), False), (wanted.low, True)):
        if below > floor:
            goes_on = walk.through(below, floor, is_listed=is_listed)
            if goes_on is not None:
                return Found(tuple(walk.found), goes_on if goes_on > wanted.low else None)
            below = floor
    return Found(tuple(walk.found), None)


@dataclass(frozen=True, slots=True)
class Count:
    """`exact`: that is all; else there are more, for it was counted no further back than `counted_to_ms` (ms UTC)."""

    number: int
    exact: bool = True
    counted_to_ms: int | None = None


def count(connection: Connection, tenant_id: int, wanted: Wanted, *, patience: float = _COUNTING) -> Count:
    """How many messages there are, as far as can be told within its patience (seconds)."""
    until = time.monotonic() + patience
    number, below = 0, wanted.high
    if replace(wanted, low=0, high=HIGHEST_ID, held_accounts=frozenset()) == Wanted():
        return Count(_all_between(connection, tenant_id, wanted))
    while True:
        found = search(connection, tenant_id, replace(wanted, high=below), _COUNTED, patience=until - time.monotonic())
        number += len(found.ids)
        if found.below is None:
            return Count(number)
        below = found.below
        if time.monotonic() >= until:
            return Count(number, exact=False, counted_to_ms=time_of(below))


def _all_between(connection: Connection, tenant_id: int, wanted: Wanted) -> int:
    c = _message.c
    chosen = (within(_message, tenant_id), c.id >= wanted.low, c.id < wanted.high)
    return int(connection.execute(select(func.count()).select_from(_message).where(*chosen)).scalar_one())


class _Walk:
    def __init__(self, connection: Connection, tenant_id: int, wanted: Wanted, limit: int, until: float) -> None:
        self.found: list[int] = []
        self._connection = connection
        self._tenant_id = tenant_id
        self._wanted = wanted
        self._limit = limit
        self._until = until
        self._looked_at = 0
        self._check = Check(connection, tenant_id, wanted)

    def through(self, below: int, floor: int, *, is_listed: bool) -> int | None:
        """From `below` down to `floor`; where it goes on when there is enough, or patience is over; else None."""
        source = self._choose(floor, is_listed=is_listed)
        goes_on: int | None = below
        began = time.monotonic()
        while goes_on is not None:
            chosen, goes_on, rows = source(goes_on)
            self._looked_at += rows
            self.found += self._check.passing(chosen, self._limit - len(self.found))
            if len(self.found) >= self._limit:
                return self.found[-1]
            now = time.monotonic()
            took, began = now - began, now
            # The next chunk takes about as long: who would not be done in time does not begin it.
            if goes_on is not None and (self._looked_at >= _MOST_ROWS or now + took / 2 >= self._until):
                return goes_on
        return None

    def _choose(self, low: int, *, is_listed: bool) -> Source:
        lists = list(by_recipients(self._connection, self._tenant_id, self._wanted, _FEW))
        if is_listed:
            lists += by_terms(self._connection, self._tenant_id, self._wanted)
        few = [one.ids for one in lists if isinstance(one, Few)]
        long = [one for one in lists if isinstance(one, Long)]
        if few:
            return _along(of_ids(frozenset.intersection(*few)), long, low)
        if long:
            long.sort(key=lambda one: one.page(self._wanted.high, _LIST)[1])
            return _along(long[0], long[1:], low)
        return _sliced(
            self._connection, self._tenant_id, low, min(_SLOW_SLICE, _SLICE) if self._check.looks else _SLICE
        )


def _along(driver: Long, others: Sequence[Long], low: int) -> Source:
    """Through the shortest list; over what another has nothing of it leaps."""
    size = [_FIRST]

    def chunk(below: int) -> Chunk:
        for other in others:
            ids, floor = other.page(below, 1)
            below = min(below, ids[0] + 1) if ids else max(floor, low)
        found, floor = driver.page(below, size[0])
        size[0] = min(size[0] * 4, _LIST)
        ids = [number for number in found if number >= low]
        for other in others:
            if other.keep is not None:
                kept = other.keep(ids)
                ids = [number for number in ids if number in kept]
        return _message.c.id.in_(ids), floor if floor > low else None, max(len(found), 1)

    return chunk


def _sliced(connection: Connection, tenant_id: int, low: int, most: int) -> Source:
    """The log itself, in slices that grow as long as they are quick."""
    size, asked = [min(_FIRST_SLICE, most)], [0.0]

    def chunk(below: int) -> Chunk:
        now = time.monotonic()
        if asked[0]:
            size[0] = min(size[0] * 3, most) if now - asked[0] < _QUICK else max(size[0] // 2, 1)
        asked[0] = now
        query = (
            select(_message.c.id)
            .where(within(_message, tenant_id), _message.c.id < below, _message.c.id >= low)
            .order_by(_message.c.id.desc())
            .offset(size[0] - 1)
            .limit(1)
        )
        floor = connection.execute(query).scalar()
        return and_(_message.c.id < below, _message.c.id >= (low if floor is None else floor)), floor, size[0]

    return chunk
