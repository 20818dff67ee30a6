"""What was looked up a moment ago, for pages that many people keep open: the same question is asked once.

Only what is not anybody's own is kept here (a tenant's numbers, a tenant's problems); whether somebody may see it is
asked before. A change of settings makes a new question of it, so what somebody has just mended is gone at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from postroom.clock import monotonic_ms

__all__ = ["Recent"]

T = TypeVar("T")
_MOST = 512


class Recent:
    """Keeps answers for `keep_ms`."""

    def __init__(self, keep_ms: float) -> None:
        self._keep_ms = keep_ms
        self._known: dict[tuple[Any, ...], tuple[float, Any]] = {}

    async def ask(self, question: tuple[Any, ...], look: Callable[[], Awaitable[T]]) -> T:
        """The answer of a moment ago, else that of `look`."""
        until, answer = self._known.get(question, (0.0, None))
        if monotonic_ms() < until:
            found: T = answer
            return found
        fresh = await look()
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[question] = (monotonic_ms() + self._keep_ms, fresh)
        return fresh
