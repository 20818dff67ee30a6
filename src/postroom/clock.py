"""Time as Postroom stores and compares it: whole milliseconds since 1970-01-01 UTC.

Pure layers never ask for the time; they are given it. This is the one place that asks the machine.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["iso", "monotonic_ms", "now_ms", "parse_iso"]


def now_ms() -> int:
    """The wall clock, in milliseconds since the epoch (UTC)."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> float:
    """A clock for durations, in milliseconds; unaffected by changes of the wall clock."""
    return time.monotonic_ns() / 1_000_000


def iso(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-20T08:43:00.000Z`."""
    seconds, rest = divmod(at_ms, 1000)
    return f"{_to_the_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=64)
def _to_the_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def parse_iso(text: str) -> int:
    """Milliseconds since the epoch from RFC 3339 text. A time without an offset is refused: whose noon would it be?

    Raises ValueError with a sentence for people.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a time like 2026-11-20T14:30:00+01:00") from None
    if moment.tzinfo is None:
        raise ValueError("has no offset from UTC; write it like 2026-11-20T14:30:00+01:00 or …Z")
    return int(moment.timestamp() * 1000)
