"""Slower at once when a server asks for it, back a little every minute, and never faster than the limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.model.account import Limits
from postroom.policy.pace import Used, allowance, spend
from postroom.policy.speed import NOTHING, Learnt, full_again_ms, narrowed, slowed

MINUTE = 60_000
NOW = 1_700_000_000_000
REST = 2 * MINUTE
AFTER = NOW + REST


def test_nothing_learnt_is_full_speed() -> None:
    limits = Limits(connections=4, per_minute=30)
    assert narrowed(limits, NOTHING, NOW) == limits
    assert not NOTHING.holds(NOW)


def test_a_complaint_while_mail_leaves_halves_what_really_left() -> None:
    """Not what the account allows: a server that minds 80 a minute does not care that 1,000 were allowed."""
    learnt = slowed(NOTHING, Limits(connections=8, per_minute=1_000), 80, NOW, REST, "why")
    assert (learnt.rate(AFTER), learnt.lanes(AFTER), learnt.why) == (40, 4, "why")


def test_a_complaint_before_any_mail_is_about_connections_only() -> None:
    learnt = slowed(NOTHING, Limits(connections=8), 0, NOW, REST)
    assert (learnt.rate(AFTER), learnt.lanes(AFTER)) == (None, 4)


def test_what_several_connections_are_told_together_is_one_complaint() -> None:
    limits = Limits(connections=8)
    first = slowed(NOTHING, limits, 80, NOW, REST)
    assert slowed(first, limits, 80, NOW + 5_000, REST) == first


def test_it_comes_back_by_addition_and_is_forgotten_at_full_speed() -> None:
    learnt = slowed(NOTHING, Limits(connections=4, per_minute=100), 100, NOW, REST)
    assert [learnt.rate(AFTER + n * MINUTE) for n in range(0, 12, 2)] == [50, 60, 70, 80, 90, None]
    assert [learnt.lanes(AFTER + n * MINUTE) for n in range(3)] == [2, 3, None]
    assert full_again_ms(learnt) == AFTER + 10 * MINUTE
    assert learnt.holds(full_again_ms(learnt) - 1)
    assert not learnt.holds(full_again_ms(learnt))


def test_without_a_limit_it_comes_back_to_twice_of_what_was_too_much() -> None:
    learnt = slowed(NOTHING, Limits(), 200, NOW, REST)
    assert learnt.rate(AFTER) == 100
    assert learnt.rate(full_again_ms(learnt) - MINUTE) == 380
    assert learnt.rate(full_again_ms(learnt)) is None


def test_a_second_complaint_halves_again() -> None:
    limits = Limits(connections=8, per_minute=100)
    first = slowed(NOTHING, limits, 100, NOW, REST)
    second = slowed(first, limits, 60, AFTER + 2 * MINUTE, REST)
    assert (second.rate(second.since_ms), second.lanes(second.since_ms)) == (30, 3)


def test_a_complaint_about_connections_keeps_the_speed_learnt_before() -> None:
    limits = Limits(connections=8, per_minute=100)
    first = slowed(NOTHING, limits, 100, NOW, REST)
    second = slowed(first, limits, 0, AFTER, REST)
    assert second.rate(second.since_ms) == 50


@pytest.mark.parametrize("left", [1, 2, 3])
def test_something_always_leaves(left: int) -> None:
    learnt, now = NOTHING, NOW
    for _ in range(5):
        learnt = slowed(learnt, Limits(connections=1), left, now, REST)
        now = learnt.since_ms
    assert (learnt.rate(now), learnt.lanes(now) or 1) == (1, 1)


def test_a_limit_lowered_meanwhile_counts() -> None:
    learnt = slowed(NOTHING, Limits(connections=8, per_minute=100), 100, NOW, REST)
    lowered = narrowed(Limits(connections=2, per_minute=10, per_day=5), learnt, AFTER)
    assert lowered == Limits(connections=2, per_minute=10, per_day=5)


@given(st.integers(20, 300), st.integers(1, 50), st.integers(2, 200))
def test_against_a_server_that_allows_so_many_a_minute_it_settles_near_them(
    bears: int, connections: int, first: int
) -> None:
    """By a clock of the test's own, through the real decisions: at most one complaint in five minutes, and half of what
    the server would bear leaves at least."""
    limits, learnt, used, now = Limits(connections=connections), NOTHING, Used(), NOW
    complaints, sent = 0, 0
    for minute in range(120):
        now = NOW + minute * MINUTE
        if learnt.rests(now):
            continue
        may = allowance(narrowed(limits, learnt, now), used, now)
        leaving = min(may.n, first * bears)
        used = spend(used, leaving, now)
        sent += min(leaving, bears)
        if leaving > bears:
            complaints += 1
            learnt = slowed(learnt, limits, bears, now, MINUTE)
    assert complaints <= 120 // 5
    assert sent >= 120 * bears // 2


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 10**7))
def test_never_more_than_the_account_s_own_limits(rate: int, lanes: int, later: int) -> None:
    limits = Limits(connections=3, per_minute=20)
    learnt = Learnt(rate, 600, lanes, 600, NOW)
    found = narrowed(limits, learnt, NOW + later)
    assert found.connections <= 3
    assert found.per_minute is not None
    assert found.per_minute <= 20
    assert replace(found, connections=3, per_minute=20) == limits
