"""When a webhook that did not take an event is tried again, and when it is given up. Pure."""

from __future__ import annotations

__all__ = ["GIVE_UP_MS", "wait_ms"]

GIVE_UP_MS = 5 * 24 * 3600 * 1000
"""A webhook that has taken nothing for so long is paused."""
_STEPS = (1, 6, 24, 120, 360, 720, 1440, 2880)
_SPREAD = 0.2


def wait_ms(tries: int, first_ms: float, chance: float, asked_ms: int | None = None) -> int:
    """How long to wait after so many failures in a row: with a first wait of 5 s that is 5 s, 30 s, 2, 10, 30 min, 1, 2
    and then every 4 h, 20 % more or less by `chance` (0 to 1). `asked_ms`: what the server asked for (Retry-After,
    RFC 9110 10.2.3); as long as that, but never longer than the longest wait.
    """
    longest = first_ms * _STEPS[-1]
    own = first_ms * _STEPS[min(max(tries, 1), len(_STEPS)) - 1] * (1 + _SPREAD * (2 * chance - 1))
    return int(max(own, min(asked_ms or 0, longest)))
