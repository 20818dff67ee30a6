"""When an account may be tried again, and with how many connections: learnt from what its server did.

Pure: the time is an argument (monotonic milliseconds). How long an account rests is `policy.retry`'s decision; a server
that asks to slow down also gets half as many connections and wins them back one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Gate"]

_RECOVER_MS = 60_000


@dataclass(slots=True)
class Gate:
    """One account's. `opens_ms` is when the next try may start."""

    connections: int
    opens_ms: float = 0.0
    troubles: int = 0
    _recovers_ms: float = 0.0
    _cap: int = 0

    def open(self, now_ms: float) -> bool:
        return now_ms >= self.opens_ms

    def allowed(self, now_ms: float) -> int:
        """How many connections may be open now."""
        if self._cap and now_ms >= self._recovers_ms:
            self._cap += 1
            self._recovers_ms = now_ms + _RECOVER_MS
            if self._cap >= self.connections:
                self._cap = 0
        return self._cap or self.connections

    def trouble(self, now_ms: float) -> int:
        """The number of the trouble that is told of now, from 1. What several connections meet together, while the
        account rests already, is one trouble.
        """
        return max(1, self.troubles + self.open(now_ms))

    def failed(self, now_ms: float, rest_ms: float) -> None:
        """No session came about, or one that was of no use: the account rests for so long."""
        self.troubles = self.trouble(now_ms)
        self.opens_ms = max(self.opens_ms, now_ms + rest_ms)

    def slowed(self, now_ms: float, rest_ms: float) -> None:
        """The server asked to slow down: half as many connections, after a rest."""
        if self.open(now_ms):
            self._cap = max(1, (self._cap or self.connections) // 2)
            self._recovers_ms = now_ms + rest_ms + _RECOVER_MS
        self.failed(now_ms, rest_ms)

    def succeeded(self) -> None:
        self.troubles = 0
