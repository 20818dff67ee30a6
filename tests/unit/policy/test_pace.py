"""No more leaves in a window than its limit allows, and people are told when it goes on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postroom.model.account import Limits
from postroom.policy.pace import UNLIMITED, Used, allowance, forecast, spend

MINUTE = 60_000
DAY = 86_400_000
HOUR = 3_600_000
NOW = 1_700_000_000_000
HOUR_OVER = (NOW // HOUR + 1) * HOUR
numbers = st.none() | st.integers(1, 50)
steps = st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 40)), max_size=40)


def limits(per_minute: int | None = None, per_day: int | None = None) -> Limits:
    return Limits(per_minute=per_minute, per_day=per_day)


def test_without_limits_as_many_leave_as_there_are() -> None:
    assert allowance(limits(), Used(), NOW).n == UNLIMITED
    assert forecast(limits(), Used(), 1_000_000, NOW) == NOW


def test_a_fresh_account_may_send_its_whole_minute_at_once() -> None:
    found = allowance(limits(30), Used(), NOW)
    assert (found.n, found.again_ms) == (30, NOW)


def test_a_used_up_minute_says_when_it_goes_on() -> None:
    used = spend(Used(), 30, NOW)
    found = allowance(limits(30), used, NOW + 10_000)
    assert (found.n, found.again_ms) == (0, NOW + MINUTE)
    assert allowance(limits(30), used, NOW + MINUTE).n == 30


def test_the_tighter_limit_counts() -> None:
    used = spend(Used(), 25, NOW)
    assert allowance(limits(30, 26), used, NOW).n == 1
    assert allowance(limits(26, 30), used, NOW).n == 1


def test_when_both_are_used_up_the_later_one_decides() -> None:
    used = spend(Used(), 10, NOW)
    assert allowance(limits(10, 10), used, NOW).again_ms == HOUR_OVER + DAY
    assert allowance(limits(10, 100), used, NOW).again_ms == NOW + MINUTE


def test_more_used_than_a_lowered_limit_allows_lets_none_leave() -> None:
    assert allowance(limits(5), spend(Used(), 30, NOW), NOW + 1).n == 0


def test_a_limit_of_nothing_lets_none_leave() -> None:
    assert allowance(limits(0), Used(), NOW).n == 0
    assert forecast(limits(0), Used(), 0, NOW) is None
    assert forecast(limits(None, 0), Used(), 0, NOW) is None


def test_a_clock_that_was_set_back_neither_forgives_nor_blocks_for_longer_than_a_window() -> None:
    used = spend(Used(), 30, NOW)
    back = NOW - 10 * DAY
    assert allowance(limits(30, 30), used, back).n == 0
    assert allowance(limits(30, 30), used, back).again_ms == HOUR_OVER - 10 * DAY + DAY
    after = spend(used, 1, back)
    assert (after.hours, after.minute_start_ms) == (((back // HOUR, 31),), back)


def test_what_is_taken_is_counted_from_the_allowance() -> None:
    found = allowance(limits(30), spend(Used(), 3, NOW), NOW + 5)
    assert found.after(4) == spend(spend(Used(), 3, NOW), 4, NOW + 5)


@given(numbers, numbers, steps)
def test_whoever_asks_first_never_sends_more_than_the_limit_in_a_window(
    per_minute: int | None, per_day: int | None, asked: list[tuple[int, int]]
) -> None:
    used, now = Used(), NOW
    left: list[tuple[int, int]] = []
    for wait, wanted in asked:
        now += wait * 60
        found = allowance(limits(per_minute, per_day), used, now)
        assert found.n > 0 or found.again_ms > now
        taken = min(wanted, found.n)
        used = spend(used, taken, now)
        left.append((now, taken))
        assert per_minute is None or used.minute_count <= per_minute
        assert per_day is None or sum(count for at, count in left if at > now - DAY) <= per_day


def test_a_day_slides_and_frees_hour_by_hour_what_is_a_day_old() -> None:
    """The providers count any 24 hours; nobody waits for midnight, and nobody sends twice the limit around it."""
    used = spend(spend(Used(), 60, NOW), 40, NOW + 5 * HOUR)
    full = allowance(limits(None, 100), used, NOW + 6 * HOUR)
    assert (full.n, full.again_ms) == (0, HOUR_OVER + DAY)
    assert allowance(limits(None, 100), used, full.again_ms - 1).n == 0
    assert allowance(limits(None, 100), used, full.again_ms).n == 60
    assert allowance(limits(None, 100), used, full.again_ms + 5 * HOUR).n == 100
    assert used.in_day(NOW + 6 * HOUR) == 100
    assert spend(used, 1, NOW + 3 * DAY).hours == (((NOW + 3 * DAY) // HOUR, 1),)


def test_a_forecast_far_ahead_is_reckoned_and_not_walked() -> None:
    """Nobody waits for the arithmetic of a million mails; a month is still told as about a month."""
    found = forecast(limits(1), Used(), 1_000_000, NOW)
    assert found is not None
    assert abs(found - NOW - 1_000_000 * MINUTE) < DAY


@given(numbers, numbers, st.integers(0, 60), st.integers(0, 300), st.integers(0, DAY))
def test_the_forecast_is_what_asking_again_and_again_would_give(
    per_minute: int | None, per_day: int | None, before: int, ahead: int, later: int
) -> None:
    wanted = limits(per_minute, per_day)
    used, now = Used(), NOW
    used = spend(used, min(before, allowance(wanted, used, now).n), now)
    now += later
    expected, left, state = now, ahead, used
    while True:
        found = allowance(wanted, state, expected)
        if found.n == 0:
            expected = found.again_ms
            continue
        if left < found.n:
            break
        state, left = spend(state, found.n, expected), left - found.n
    assert forecast(wanted, used, ahead, now) == expected
