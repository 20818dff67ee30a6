"""Listing settled mail under the terms that it is found by, whenever the house is calm.

What people do not wait for gives way: while mail waits to be taken in or settled, a batch is written only now and then,
so that the list never stands still. While much is being delivered it works a tenth of the time at most, which is enough
for a thousand messages a second and more; else half of the time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from postroom.clock import now_ms
from postroom.store import terms
from postroom.store.database import Store

__all__ = ["Listing"]

_BATCH = 250
_TURNS = 20
_BUSY = 50.0
"""Settled jobs a second: from there on much is being delivered."""
_BUSY_SECONDS = 0.2
"""Of each turn, which come every two seconds."""
_HOT = ("accept", "settle", "mark")


class Listing:
    """`settled`: how many jobs this process has settled so far."""

    def __init__(self, store: Store, settled: Callable[[], int] = lambda: 0) -> None:
        self._store = store
        self._settled = settled
        self._seen = settled()
        self._seen_at = time.monotonic()

    async def run_once(self) -> bool:
        """Some batches, one if there is pressure. Never says that there is more: its own clock gives others room."""
        most = _BUSY_SECONDS if self._is_busy() else None
        spent = 0.0
        for _ in range(_TURNS):
            began = time.monotonic()
            if not await self._one_batch() or self._pressed():
                break
            took = time.monotonic() - began
            spent += took
            if most is not None and spent >= most:
                break
            await asyncio.sleep(took)
        return False

    async def _one_batch(self) -> bool:
        """Whether it was a full one."""
        moment = now_ms()
        batch = await asyncio.wrap_future(self._store.read(lambda c: terms.next_batch(c, moment, _BATCH)))
        if batch is None:
            return False
        await asyncio.wrap_future(self._store.write(lambda c: terms.put(c, batch)))
        return batch.messages == _BATCH

    def _pressed(self) -> bool:
        return any(self._store.waiting(name) for name in _HOT)

    def _is_busy(self) -> bool:
        """Whether much was delivered since the last turn."""
        now, settled = time.monotonic(), self._settled()
        rate = (settled - self._seen) / max(now - self._seen_at, 0.001)
        self._seen, self._seen_at = settled, now
        return rate >= _BUSY
