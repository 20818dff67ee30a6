"""Speed learnt from a server: downward when it says "slower" (421, 432, 4.7.x), and back up a little every minute.

What a server minds is not told by its words alone, so the rules are plain:

- A complaint halves the connections; one that came while mail was leaving halves the messages a minute as well, counted
  from what really left, not from what the account's limits allow.
- While the account rests after a complaint, further ones are the same complaint: several connections meet it together.
- Afterwards one connection a minute comes back, and a twentieth of the full speed; at full speed it is forgotten. Full
  is the account's own limit, and without one twice what left when the server complained.

What is kept are the numbers at the complaint; what holds now follows from them and the time. So every node knows the
same, a restart forgets nothing, and nothing has to be written to recover. Times are milliseconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from postroom.model.account import Limits

__all__ = ["NOTHING", "Learnt", "full_again_ms", "narrowed", "slowed"]

_MINUTE_MS = 60_000
_PARTS = 20
"""The speed comes back in so many parts, one a minute."""
_LEAST_FULL = 10
"""Messages a minute that count as full at least, where the account has no limit of its own."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What one complaint taught. A full of 0: nothing learnt of this. `since_ms`: when the rest after it ends."""

    per_minute: int = 0
    per_minute_full: int = 0
    connections: int = 0
    connections_full: int = 0
    since_ms: int = 0
    why: str = ""

    def rate(self, now_ms: int) -> int | None:
        """Recipients a minute now, or None at full speed."""
        return _grown(self.per_minute, self.per_minute_full, -(-self.per_minute_full // _PARTS), self.since_ms, now_ms)

    def lanes(self, now_ms: int) -> int | None:
        """Connections now, or None when all may be open."""
        return _grown(self.connections, self.connections_full, 1, self.since_ms, now_ms)

    def holds(self, now_ms: int) -> bool:
        """Whether the account is slower than it could be."""
        return self.rate(now_ms) is not None or self.lanes(now_ms) is not None

    def rests(self, now_ms: int) -> bool:
        """Whether the account rests after the complaint."""
        return now_ms < self.since_ms


NOTHING = Learnt()


def _grown(base: int, full: int, step: int, since_ms: int, now_ms: int) -> int | None:
    grown = base + step * (max(now_ms - since_ms, 0) // _MINUTE_MS)
    return None if grown >= full else grown


def slowed(known: Learnt, limits: Limits, left: int, now_ms: int, rest_ms: int, why: str = "") -> Learnt:
    """What holds after a complaint. `left`: recipients that left in the last minute; 0: it came before any mail."""
    if known.rests(now_ms):
        return known
    now = narrowed(limits, known, now_ms)
    found = Learnt(
        connections=max(1, now.connections // 2),
        connections_full=limits.connections,
        per_minute=known.per_minute,
        per_minute_full=known.per_minute_full,
        since_ms=now_ms + rest_ms,
        why=why,
    )
    if left > 0:
        speed = left if now.per_minute is None else min(left, now.per_minute)
        full = limits.per_minute or known.per_minute_full or max(2 * speed, _LEAST_FULL)
        return replace(found, per_minute=max(1, speed // 2), per_minute_full=full)
    rate = known.rate(now_ms)
    return replace(found, per_minute=rate or 0, per_minute_full=known.per_minute_full if rate is not None else 0)


def narrowed(limits: Limits, known: Learnt, now_ms: int) -> Limits:
    """The limits that hold now."""
    rate, lanes = known.rate(now_ms), known.lanes(now_ms)
    if rate is not None:
        limits = replace(limits, per_minute=rate if limits.per_minute is None else min(rate, limits.per_minute))
    if lanes is not None:
        limits = replace(limits, connections=min(lanes, limits.connections))
    return limits


def full_again_ms(known: Learnt) -> int:
    """When all of it is forgotten, should the server not complain again."""
    step = -(-known.per_minute_full // _PARTS)
    missing = max(known.per_minute_full - known.per_minute, 0)
    minutes = max(-(-missing // step) if step else 0, known.connections_full - known.connections, 0)
    return known.since_ms + minutes * _MINUTE_MS
