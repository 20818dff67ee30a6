"""When an account may be tried again, after what its server did.

Pure: the time is an argument (monotonic milliseconds). How long an account rests is `policy.retry`'s decision, how fast
it sends afterwards `policy.speed`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Gate"]


@dataclass(slots=True)
class Gate:
    """One account's. `opens_ms` is when the next try may start."""

    opens_ms: float = 0.0
    troubles: int = 0

    def open(self, now_ms: float) -> bool:
        return now_ms >= self.opens_ms

    def trouble(self, now_ms: float) -> int:
        """The number of the trouble that is told of now, from 1. What several connections meet together, while the
        account rests already, is one trouble.
        """
        return max(1, self.troubles + self.open(now_ms))

    def failed(self, now_ms: float, rest_ms: float) -> None:
        """No session came about, or one that was of no use: the account rests for so long."""
        self.troubles = self.trouble(now_ms)
        self.opens_ms = max(self.opens_ms, now_ms + rest_ms)

    def succeeded(self) -> None:
        self.troubles = 0
