"""Listing settled mail under the terms that it is found by, whenever the house is calm.

What people do not wait for gives way: while mail waits to be taken in or settled, a batch is written only now and then,
so that the list never stands still. Without pressure it works half of the time at most.
"""

from __future__ import annotations

import asyncio
import time

from postroom.clock import now_ms
from postroom.store import terms
from postroom.store.database import Store

__all__ = ["Listing"]

_BATCH = 250
_TURNS = 20
_HOT = ("accept", "settle", "mark")


class Listing:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def run_once(self) -> bool:
        """Some batches, one if there is pressure. Never says that there is more: its own clock gives others room."""
        for _ in range(_TURNS):
            began = time.monotonic()
            if not await self._one_batch() or self._pressed():
                break
            await asyncio.sleep(time.monotonic() - began)
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
