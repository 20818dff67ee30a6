"""How much mail a lane may have in hand: what it sends in about a second, by what it was seen to do.

A quick server's lane takes fresh mail from memory, however much comes at once; before a slow one the mail waits in the
queue, where it can be overtaken by what is urgent, by other tenants, and be taken by another lane or node.

Pure: the time is an argument (monotonic milliseconds).
"""

from __future__ import annotations

__all__ = ["Tempo"]

_AHEAD_MS = 1_000.0
_FEWEST, _MOST = 16, 2_048
_AT_FIRST_MS = 16.0
_WEIGHT = 0.1
_LOW = 3 / 8


class Tempo:
    """One lane's. `room`: jobs it may have in hand; with fewer than `low` it asks the queue for more."""

    __slots__ = ("_each_ms", "_last_ms", "low", "room")

    def __init__(self) -> None:
        self._each_ms = _AT_FIRST_MS
        self._last_ms = 0.0
        self._use()

    def began(self, now_ms: float) -> None:
        """The lane had nothing to do until now: the pause was not the server's."""
        self._last_ms = now_ms

    def done(self, now_ms: float) -> None:
        """One more job is over."""
        took = now_ms - self._last_ms
        self._last_ms = now_ms
        self._each_ms += (took - self._each_ms) * _WEIGHT
        self._use()

    def _use(self) -> None:
        self.room = int(min(max(_AHEAD_MS / max(self._each_ms, 0.01), _FEWEST), _MOST))
        self.low = int(self.room * _LOW)
