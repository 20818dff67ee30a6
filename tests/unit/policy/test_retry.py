"""Tries come by the schedule, never at or after the end, and the last one before it is not given away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.model.attempt import Failure, Result
from postroom.policy.retry import DAY_MS, Schedule, account_rest_ms, deadline_ms, next_due, resume_ms
from postroom.policy.verdict import Context, judge

MINUTE = 60_000
START = 1_700_000_000_000
PLAIN = Schedule(jitter=0)
chances = st.floats(0, 1, exclude_max=True)


def test_the_waits_are_those_of_the_schedule_and_the_last_is_repeated() -> None:
    waits = []
    for attempts in range(1, 10):
        due = next_due(PLAIN, attempts, START, START, None, 0.5)
        assert due is not None
        waits.append((due - START) // MINUTE)
    assert waits == [1, 5, 15, 30, 60, 120, 240, 240, 240]


@given(chances, st.integers(1, 20))
def test_chance_changes_a_wait_by_a_fifth_at_most(chance: float, attempts: int) -> None:
    plain = PLAIN.wait_ms(attempts, chance)
    assert 0.8 * plain <= Schedule().wait_ms(attempts, chance) <= 1.2 * plain


def test_chance_reaches_both_ends() -> None:
    assert Schedule().wait_ms(2, 0.0) == 4 * MINUTE
    assert Schedule().wait_ms(2, 0.5) == 5 * MINUTE
    assert Schedule().wait_ms(2, 0.999999) == pytest.approx(6 * MINUTE, abs=10)


@given(
    st.integers(0, 100),
    st.integers(0, 6 * DAY_MS),
    st.none() | st.integers(0, 10 * DAY_MS),
    chances,
    st.booleans(),
)
def test_a_try_is_always_in_the_future_and_before_the_end(
    attempts: int, age: int, expires: int | None, chance: float, greylisted: bool
) -> None:
    now, expires_ms = START + age, None if expires is None else START + expires
    end = deadline_ms(Schedule(), START, expires_ms)
    due = next_due(Schedule(), attempts, now, START, expires_ms, chance, greylisted=greylisted)
    if due is None:
        assert end - now < MINUTE, "while a minute is left, one more try fits"
    else:
        assert now < due < end


def test_the_last_try_is_moved_before_the_end_instead_of_being_lost() -> None:
    due = next_due(PLAIN, 3, START + 6 * MINUTE, START, START + 10 * MINUTE, 0.5)
    assert due == START + 10 * MINUTE - 30_000
    assert next_due(PLAIN, 4, due, START, START + 10 * MINUTE, 0.5) is None


def test_a_message_that_is_over_is_not_tried() -> None:
    assert next_due(PLAIN, 1, START + 5 * DAY_MS, START, None, 0.5) is None
    assert next_due(PLAIN, 1, START, START, START, 0.5) is None
    assert next_due(PLAIN, 1, START, START, START - 1, 0.5) is None


def test_a_messages_own_end_counts_whether_sooner_or_later() -> None:
    assert deadline_ms(PLAIN, START, None) == START + 5 * DAY_MS
    assert deadline_ms(PLAIN, START, START + 1) == START + 1
    assert deadline_ms(PLAIN, START, START + 9 * DAY_MS) == START + 9 * DAY_MS


@given(chances, st.integers(1, 3))
def test_greylisting_servers_see_us_again_in_five_to_ten_minutes(chance: float, attempts: int) -> None:
    due = next_due(Schedule(), attempts, START, START, None, chance, greylisted=True)
    assert due is not None
    assert 5 * MINUTE <= due - START <= 10 * MINUTE


def test_a_server_that_never_stops_greylisting_is_not_asked_every_few_minutes_for_days() -> None:
    assert next_due(PLAIN, 6, START, START, None, 0.5, greylisted=True) == START + 120 * MINUTE


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"minutes": ()}, "at least one wait"),
        ({"minutes": (0,)}, "between 1 minute"),
        ({"minutes": (5, 10_081)}, "between 1 minute"),
        ({"days": 0}, "1 to 60 days"),
        ({"days": 61}, "1 to 60 days"),
        ({"jitter": 1.0}, "between 0 and 1"),
        ({"jitter": -0.1}, "between 0 and 1"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(values: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Schedule(**values)  # type: ignore[arg-type]


def rest(result: Result, failures: int, chance: float = 0.0, family: str = "") -> int:
    return account_rest_ms(judge(result, Context(family)), failures, chance)


def test_an_account_rests_longer_the_more_often_it_fails_up_to_a_quarter_of_an_hour() -> None:
    refused = Result("connect", failure=Failure.REFUSED)
    assert [rest(refused, n) / MINUTE for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 15, 15]
    assert rest(refused, 0) == rest(refused, 1)
    assert rest(refused, 10_000) == 15 * MINUTE


def test_a_server_that_saw_too_many_logins_is_left_alone_for_a_quarter_of_an_hour_at_once() -> None:
    many = Result("auth", 454, "4.7.0", "Too many login attempts, please try again later")
    assert rest(many, 1, family="google") == 15 * MINUTE
    assert rest(many, 1, 0.5) == 16.5 * MINUTE


def test_nobody_rests_for_one_recipient_and_a_paused_account_does_not_try_at_all() -> None:
    assert rest(Result("rcpt", 450), 5) == 0
    assert rest(Result("auth", 535), 5) == 0
    assert rest(Result("dot", 250), 5) == 0


def test_a_used_up_day_ends_by_itself_and_a_pause_does_not() -> None:
    quota = judge(Result("dot", 550, "5.4.5", "Daily user sending limit exceeded"), Context("google"))
    assert resume_ms(quota, START) == START + DAY_MS
    assert resume_ms(judge(Result("auth", 535), Context()), START) is None
