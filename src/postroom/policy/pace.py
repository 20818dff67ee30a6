"""How fast an account may send: so many a minute, so many a day.

The unit is one recipient of one message, which is what waits in the queue; a provider that counts messages sees fewer
than that. Limits of connections and of recipients per message are kept where connections and transactions are made.

Windows are fixed: a window opens with the first send after the last one closed, and holds for a minute or for a day.
They are fixed rather than sliding because four numbers per account then tell everything: one conditional update books a
batch, several nodes agree through the same row, and people can be told when it goes on ("will leave at about 14:20").
What a fixed window can't promise is the limit over every possible minute: at a border up to twice as much can leave. A
provider that minds answers with "slower" or "tomorrow", and those answers are understood (`slow`, `hold-24h`).

Pure: the numbers are kept by others (`Used`), and time is an argument, in milliseconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroom.model.account import Limits

__all__ = ["UNLIMITED", "Allowance", "Used", "allowance", "forecast", "spend"]

UNLIMITED = 2**31 - 1
"""The number that stands for "as many as you like"."""

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Used:
    """What an account has used up. A start of 0 is a window that was never opened."""

    minute_start_ms: int = 0
    minute_count: int = 0
    day_start_ms: int = 0
    day_count: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """`n` recipients may leave now. When that is none, some may at `again_ms`; otherwise `again_ms` is now."""

    n: int
    again_ms: int
    used: Used
    now_ms: int

    def after(self, n: int) -> Used:
        """The numbers to keep once `n` of them have been taken."""
        return spend(self.used, n, self.now_ms)


@dataclass(frozen=True, slots=True)
class _Window:
    """One limit at one time: how many are left, when the window closes, and how long the next ones are."""

    limit: int
    left: int
    ends_ms: int
    length_ms: int

    def leaves_ms(self, position: int, from_ms: int) -> int:
        """When the `position`-th from now (the first is 1) leaves at the earliest. `limit` is above zero."""
        if position <= self.left:
            return from_ms
        return self.ends_ms + (position - self.left - 1) // self.limit * self.length_ms


def allowance(limits: Limits, used: Used, now_ms: int) -> Allowance:
    """How many may leave now. A limit of 0 lets none leave, ever."""
    windows = _windows(limits, used, now_ms)
    n = min((window.left for window in windows), default=UNLIMITED)
    if n > 0:
        return Allowance(n, now_ms, used, now_ms)
    return Allowance(0, max(window.ends_ms for window in windows if window.left == 0), used, now_ms)


def spend(used: Used, n: int, now_ms: int) -> Used:
    """The numbers after `n` more have left. Windows that are over begin anew with them."""
    minute_start, minute_count = _rolled(used.minute_start_ms, used.minute_count, _MINUTE_MS, now_ms)
    day_start, day_count = _rolled(used.day_start_ms, used.day_count, _DAY_MS, now_ms)
    return Used(minute_start, minute_count + n, day_start, day_count + n)


def forecast(limits: Limits, used: Used, ahead: int, now_ms: int) -> int | None:
    """When a recipient with `ahead` others before it leaves at the earliest, as far as limits decide; None is never.

    "About", because servers take their time and others may be put first.
    """
    if 0 in (limits.per_minute, limits.per_day):
        return None
    windows = {window.length_ms: window for window in _windows(limits, used, now_ms)}
    position, from_ms = ahead + 1, now_ms
    day, minute = windows.get(_DAY_MS), windows.get(_MINUTE_MS)
    if day is not None and position > day.left:
        from_ms = day.leaves_ms(position, now_ms)
        position = (position - day.left - 1) % day.limit + 1
        minute = _fresh(limits.per_minute, _MINUTE_MS, from_ms)
    return from_ms if minute is None else minute.leaves_ms(position, from_ms)


def _windows(limits: Limits, used: Used, now_ms: int) -> list[_Window]:
    """Those that limit anything."""
    found = []
    for limit, start, count, length in (
        (limits.per_minute, used.minute_start_ms, used.minute_count, _MINUTE_MS),
        (limits.per_day, used.day_start_ms, used.day_count, _DAY_MS),
    ):
        if limit is not None:
            opened, so_far = _rolled(start, count, length, now_ms)
            found.append(_Window(limit, max(limit - so_far, 0), opened + length, length))
    return found


def _fresh(limit: int | None, length_ms: int, from_ms: int) -> _Window | None:
    return None if limit is None else _Window(limit, limit, from_ms + length_ms, length_ms)


def _rolled(start_ms: int, count: int, length_ms: int, now_ms: int) -> tuple[int, int]:
    """The window as it stands now. A start in the future means that the clock was set back: what was counted still
    counts, but for no longer than one window from now."""
    if start_ms > now_ms:
        return now_ms, count
    if start_ms == 0 or now_ms - start_ms >= length_ms:
        return now_ms, 0
    return start_ms, count
