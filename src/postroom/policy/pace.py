"""How fast an account may send: so many a minute, so many a day.

The unit is one recipient of one message, which is what waits in the queue; a provider that counts messages sees fewer
than that. Limits of connections and of recipients per message are kept where connections and transactions are made.

A minute is a fixed window: it opens with the first send after the last one closed. At its border up to twice as much
can leave within a minute; a provider that minds says "slower", and is understood (`speed`). A day slides, as it does
with the providers: what was sent counts for 24 hours, kept by the hour, so an hour's mail counts until the last of it
is 24 hours old. So no more than the limit leaves in any 24 hours, and a few numbers per account tell everything: one
update books a batch, several nodes agree through the same row, and people can be told when it goes on.

Pure: the numbers are kept by others (`Used`), and time is an argument, in milliseconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroom.model.account import Limits

__all__ = ["UNLIMITED", "Allowance", "Used", "allowance", "forecast", "spend"]

UNLIMITED = 2**31 - 1
"""The number that stands for "as many as you like"."""

_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000
_MOST_STEPS = 5_000
"""Windows that a forecast walks through one by one; what is beyond is reckoned at the pace of these."""


@dataclass(frozen=True, slots=True)
class Used:
    """What an account has used up. A start of 0 is a minute that was never opened.

    `hours`: (hour since 1970, how many left in it), oldest first, only what still counts for the day.
    """

    minute_start_ms: int = 0
    minute_count: int = 0
    hours: tuple[tuple[int, int], ...] = ()

    def in_day(self, now_ms: int) -> int:
        """How many count for the day now."""
        return sum(count for _, count in _counting(self.hours, now_ms))


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


def allowance(limits: Limits, used: Used, now_ms: int) -> Allowance:
    """How many may leave now. A limit of 0 lets none leave, ever."""
    left, again_ms = UNLIMITED, now_ms
    if limits.per_minute is not None:
        start, count = _minute(used, now_ms)
        left = max(limits.per_minute - count, 0)
        again_ms = start + _MINUTE_MS if left == 0 else now_ms
    if limits.per_day is not None:
        hours = _counting(used.hours, now_ms)
        in_day = max(limits.per_day - sum(count for _, count in hours), 0)
        left = min(left, in_day)
        if in_day == 0:
            again_ms = max(again_ms, _frees(hours, limits.per_day, now_ms))
    return Allowance(left, now_ms if left else again_ms, used, now_ms)


def spend(used: Used, n: int, now_ms: int) -> Used:
    """The numbers after `n` more have left. A minute that is over begins anew with them."""
    start, count = _minute(used, now_ms)
    hours = dict(_counting(used.hours, now_ms))
    hour = now_ms // _HOUR_MS
    hours[hour] = hours.get(hour, 0) + n
    return Used(start, count + n, tuple(sorted(hours.items())))


def forecast(limits: Limits, used: Used, ahead: int, now_ms: int) -> int | None:
    """When a recipient with `ahead` others before it leaves at the earliest, as far as limits decide; None is never.

    It is what asking again and again would give. "About", because servers take their time and others may be put first.
    """
    if 0 in (limits.per_minute, limits.per_day):
        return None
    at_ms, left = now_ms, ahead
    for _ in range(_MOST_STEPS):
        found = allowance(limits, used, at_ms)
        if found.n == 0:
            at_ms = found.again_ms
        elif left < found.n:
            return at_ms
        else:
            used, left = found.after(found.n), left - found.n
    return now_ms + (at_ms - now_ms) * ahead // max(ahead - left, 1)


def _minute(used: Used, now_ms: int) -> tuple[int, int]:
    """The minute as it stands now. A start in the future means that the clock was set back: what was counted still
    counts, but for no longer than one minute from now."""
    start = used.minute_start_ms
    if start > now_ms:
        return now_ms, used.minute_count
    if start == 0 or now_ms - start >= _MINUTE_MS:
        return now_ms, 0
    return start, used.minute_count


def _counting(hours: tuple[tuple[int, int], ...], now_ms: int) -> list[tuple[int, int]]:
    """The hours that count for the day now. One in the future (a clock that was set back) counts as this hour's."""
    this = now_ms // _HOUR_MS
    found: dict[int, int] = {}
    for hour, count in hours:
        if _leaves(min(hour, this)) > now_ms:
            found[min(hour, this)] = found.get(min(hour, this), 0) + count
    return sorted(found.items())


def _leaves(hour: int) -> int:
    """When what left in this hour counts no longer: the last of it is 24 hours old then."""
    return (hour + 1) * _HOUR_MS + _DAY_MS


def _frees(hours: list[tuple[int, int]], per_day: int, now_ms: int) -> int:
    """When the day has room again. A limit of nothing never has; then a day from now is as good as any."""
    total = sum(count for _, count in hours)
    for hour, count in hours:
        total -= count
        if total < per_day:
            return _leaves(hour)
    return now_ms + _DAY_MS
