"""When to try again: each recipient by its message's schedule, the whole account by how often it failed in a row.

- Expiry is kept exactly: nothing is tried at or after it, and nothing is given up while one more try fits before it.
  The last try is moved to just before the end rather than dropped.
- Greylisting servers (RFC 6647) want to see us again after some minutes: the first tries then come after 5 to 10.
- An account that can't be reached rests as a whole and never uses up a message's tries faster than its schedule.
- Chance is an argument in [0, 1), so that a decision can be repeated. Times are milliseconds UTC.

RFC 5321, 4.5.4.1 asks for at least 30 minutes between tries and 4 to 5 days in all; it allows a denser beginning, which
is what makes a password reset arrive after a hiccup.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroom.model.attempt import Action, Verdict
from postroom.policy.diagnosis import catalogue
from postroom.policy.verdict import concerns_account

__all__ = ["DAY_MS", "Schedule", "account_rest_ms", "deadline_ms", "next_due", "resume_ms"]

_MINUTE_MS = 60_000
DAY_MS = 86_400_000

_LAST_MARGIN_MS = 30_000
"""The last try comes this long before the end, so that it can still be over by then."""
_LEAST_GAP_MS = 30_000
"""Two tries are never closer than this, not even before the end."""
_GREYLIST_MS = (5 * _MINUTE_MS, 10 * _MINUTE_MS)
_GREYLIST_TRIES = 3
"""After so many tries a server that still says "come back" is treated like any other that puts us off."""
_FIRST_REST_MS = 30_000
_LONGEST_REST_MS = 15 * _MINUTE_MS


@dataclass(frozen=True, slots=True)
class Schedule:
    """Minutes between tries (the last is repeated), days in all, and how much chance may change a wait (0.2 is ±20 %).

    Raises ValueError with a sentence when it makes no sense; the fields' limits are 1 minute to 7 days, and 60 days.
    """

    minutes: tuple[int, ...] = (1, 5, 15, 30, 60, 120, 240)
    days: int = 5
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if not self.minutes:
            raise ValueError("A schedule needs at least one wait, like 1, 5, 15, 30, 60, 120, 240 minutes.")
        if not all(1 <= wait <= 7 * 24 * 60 for wait in self.minutes):
            raise ValueError("Each wait is between 1 minute and 7 days (10080 minutes).")
        if not 1 <= self.days <= 60:
            raise ValueError("Retrying goes on for 1 to 60 days.")
        if not 0 <= self.jitter < 1:
            raise ValueError("The share of chance is between 0 and 1.")

    def wait_ms(self, attempts: int, chance: float) -> int:
        """How long to wait after so many tries."""
        position = min(max(attempts, 1), len(self.minutes)) - 1
        return round(self.minutes[position] * _MINUTE_MS * (1 + self.jitter * (2 * chance - 1)))


def deadline_ms(schedule: Schedule, accepted_ms: int, expires_ms: int | None) -> int:
    """When the message is given up: its own expiry if it has one, else so many days after acceptance.

    For a message with a send-at time, `accepted_ms` is that time.
    """
    return accepted_ms + schedule.days * DAY_MS if expires_ms is None else expires_ms


def next_due(
    schedule: Schedule,
    attempts: int,
    now_ms: int,
    accepted_ms: int,
    expires_ms: int | None,
    chance: float,
    *,
    greylisted: bool = False,
) -> int | None:
    """When to try again after `attempts` tries, always after now and before the end; None when it is over."""
    last_ms = deadline_ms(schedule, accepted_ms, expires_ms) - _LAST_MARGIN_MS
    if last_ms - now_ms < _LEAST_GAP_MS:
        return None
    if greylisted and attempts <= _GREYLIST_TRIES:
        shortest, longest = _GREYLIST_MS
        wait = shortest + round(chance * (longest - shortest))
    else:
        wait = max(schedule.wait_ms(attempts, chance), _LEAST_GAP_MS)
    return min(now_ms + wait, last_ms)


def account_rest_ms(verdict: Verdict, failures: int, chance: float) -> int:
    """How long the account rests after its `failures`-th trouble in a row; 0 when it does not concern the account.

    Half a minute, doubled each time up to a quarter of an hour, and never shorter than the rule that gave the verdict
    asks for. Of two sessions that failed together, chance lets one come first.
    """
    if not concerns_account(verdict) or verdict.action not in (Action.RETRY, Action.SLOW):
        return 0
    doubled = min(_FIRST_REST_MS << min(max(failures, 1) - 1, 10), _LONGEST_REST_MS)
    rule = catalogue().by_id.get(verdict.diagnosis)
    least = rule.rest * _MINUTE_MS if rule is not None else 0
    return round(max(doubled, least) * (1 + 0.2 * chance))


def resume_ms(verdict: Verdict, now_ms: int) -> int | None:
    """When a paused account may go on by itself: after a day for a used-up quota, else only when a person says so."""
    return now_ms + DAY_MS if verdict.action is Action.HOLD_DAY else None
