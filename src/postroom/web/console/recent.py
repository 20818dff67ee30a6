"""What was looked up a moment ago, for pages that many people keep open: the same question is asked once.

Only what is not anybody's own is kept here (a tenant's numbers, a tenant's problems); whether somebody may see it is
asked before. A change of settings makes a new question of it, so what somebody has just mended is gone at once. An
answer that is a little old is given at once, while somebody fetches the new one for whoever asks next: pages that
follow what happens by themselves wait for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from postroom.clock import monotonic_ms

__all__ = ["Recent"]

T = TypeVar("T")
_MOST = 512
_MOST_OLD = 6
"""So many times as old as it is kept, an answer is still given while the new one is fetched."""


class _Answer(NamedTuple):
    fresh_until: float
    good_until: float
    value: Any


class Recent:
    """Keeps answers for `keep_ms`."""

    def __init__(self, keep_ms: float) -> None:
        self._keep_ms = keep_ms
        self._known: dict[tuple[Any, ...], _Answer] = {}
        self._fetching: dict[tuple[Any, ...], asyncio.Task[Any]] = {}

    async def ask(self, question: tuple[Any, ...], look: Callable[[], Awaitable[T]]) -> T:
        """The answer of a moment ago, else that of `look`, which is asked once for all who wait for it."""
        known, now = self._known.get(question), monotonic_ms()
        if known is not None and now < known.fresh_until:
            fresh: T = known.value
            return fresh
        task = self._fetching.get(question)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._fetch(question, look))
            self._fetching[question] = task
            task.add_done_callback(lambda done: self._over(question, done))
        if known is not None and now < known.good_until:
            older: T = known.value
            return older
        fetched: T = await asyncio.shield(task)
        return fetched

    async def _fetch(self, question: tuple[Any, ...], look: Callable[[], Awaitable[T]]) -> T:
        value = await look()
        now = monotonic_ms()
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[question] = _Answer(now + self._keep_ms, now + self._keep_ms * _MOST_OLD, value)
        return value

    def _over(self, question: tuple[Any, ...], done: asyncio.Task[Any]) -> None:
        self._fetching.pop(question, None)
        if not done.cancelled():
            done.exception()  # told to those who wait; nobody else misses it
