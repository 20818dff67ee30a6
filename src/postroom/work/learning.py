"""What lanes learn about their account, told to everybody: that its server wants it slower, that it can't be reached.

Told once and kept in the store (`store.paces`), so that every node and every later start knows it. What follows from it
is decided in `policy`: the speed in `speed`, whether another account takes over in `fallback`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from postroom.clock import monotonic_ms, now_ms
from postroom.failpoints import reach
from postroom.maillog import MailLog
from postroom.policy.fallback import Diversion, Trouble, diversions
from postroom.policy.snapshot import Snapshot
from postroom.policy.speed import NOTHING, Learnt
from postroom.store import paces
from postroom.store.database import Store
from postroom.store.diversion import divert
from postroom.work.room import Room

__all__ = ["Learning"]

_BATCH = 500


class Learning:
    """One worker's. A write that fails is told in the log: the next complaint teaches the same."""

    def __init__(self, store: Store, log: MailLog, after_ms: int) -> None:
        """`after_ms`: how long an account is out of reach before another takes over."""
        self._store = store
        self._log = log
        self._after_ms = after_ms
        self._known: Mapping[int, Learnt] = {}

    def take_over(self, known: Mapping[int, Learnt], rooms: Iterable[Room]) -> None:
        """What all nodes know by now."""
        self._known = known
        for room in rooms:
            room.learnt = self.known(room.account.id)

    def known(self, account_id: int) -> Learnt:
        return self._known.get(account_id, NOTHING)

    async def complained(self, room: Room, why: str, rest_ms: int, *, in_mail: bool) -> None:
        """The server asked for less. `in_mail`: while mail was leaving, so the speed is meant as well."""
        account, moment = room.account, now_ms()
        left = max(room.left_in_a_minute(monotonic_ms()), 1) if in_mail else 0
        learnt = await self._tell(lambda c: paces.learn(c, account, left, moment, rest_ms, why))
        if isinstance(learnt, Learnt):
            room.learnt = learnt
            self._known = {**self._known, account.id: learnt}
            self._log.account_slowed(
                account.name, learnt.rate(moment), learnt.lanes(moment) or account.limits.connections
            )

    async def troubled(self, room: Room, why: str) -> None:
        """No connection came about."""
        room.troubled = True
        account, moment = room.account, now_ms()
        await self._tell(lambda c: paces.troubled(c, account, why, moment))

    async def well(self, room: Room) -> None:
        """A connection came about."""
        if room.troubled is False:
            return
        room.troubled = False
        account = room.account
        await self._tell(lambda c: paces.well(c, account))

    async def fall_back(self, snapshot: Snapshot) -> tuple[bool, set[int]]:
        """Moves what waits for accounts that can't send: (whether there is more, the accounts that got some)."""
        if all(account.fallback_account_id is None for account in snapshot.accounts.values()):
            return False, set()
        moment, again = now_ms(), False
        found = await asyncio.wrap_future(self._store.read(paces.troubles))
        troubles = {number: Trouble(pace.troubled_ms or 0, pace.trouble) for number, pace in found.items()}
        woken = set()
        for way in diversions(snapshot, troubles, moment, self._after_ms):
            moved = await self._divert(way, moment)
            if moved:
                reach("divert.after-commit")
                self._log.diverted(moved, way.source.name, way.target.name, way.why)
                woken.add(way.target.id)
            again = again or moved >= _BATCH
        return again, woken

    async def _divert(self, way: Diversion, moment: int) -> int:
        work = lambda c: divert(c, way, moment, self._store.ids.next, _BATCH)  # noqa: E731  (it has to be handed over)
        return int(await asyncio.wrap_future(self._store.write(work)))

    async def _tell(self, function: Callable[[Any], Any]) -> Any:
        try:
            return await asyncio.wrap_future(self._store.write(function))
        except Exception as error:
            self._log.store_trouble(str(error))
            return None
