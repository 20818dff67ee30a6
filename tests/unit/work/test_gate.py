"""An account's gate: it rests once for what several connections meet together, and slows down for who asks for it."""

from __future__ import annotations

from postroom.work.gate import Gate

MINUTE = 60_000.0


def test_it_is_open_until_something_fails_and_again_after_the_rest() -> None:
    gate = Gate(4)
    assert gate.open(0)
    gate.failed(1_000, 30_000)
    assert not gate.open(30_999)
    assert gate.open(31_000)


def test_troubles_one_after_the_other_are_counted() -> None:
    gate, now = Gate(4), 0.0
    for number in (1, 2, 3):
        assert gate.trouble(now) == number
        gate.failed(now, 1_000)
        now += 1_000


def test_what_several_connections_meet_together_is_one_trouble() -> None:
    """A server that is down is not four times as down because four connections were tried."""
    gate = Gate(4)
    for _ in range(4):
        assert gate.trouble(0) == 1
        gate.failed(0, 30_000)
    assert (gate.troubles, gate.opens_ms) == (1, 30_000)


def test_a_longer_rest_wins_a_shorter_one_does_not() -> None:
    gate = Gate(4)
    gate.failed(0, 30_000)
    gate.failed(0, 60_000)
    gate.failed(0, 10_000)
    assert gate.opens_ms == 60_000


def test_a_success_makes_the_next_trouble_the_first() -> None:
    gate = Gate(4)
    gate.failed(0, 1_000)
    gate.failed(1_000, 2_000)
    gate.succeeded()
    assert gate.trouble(3_000) == 1


def test_who_asks_to_slow_down_gets_half_as_many_and_then_one_more_a_minute() -> None:
    gate = Gate(8)
    gate.slowed(0, 1_000)
    assert gate.allowed(1_000) == 4
    assert [gate.allowed(1_000 + n * MINUTE) for n in range(1, 6)] == [5, 6, 7, 8, 8]


def test_four_connections_that_are_told_together_halve_it_once() -> None:
    gate = Gate(8)
    for _ in range(4):
        gate.slowed(0, 1_000)
    assert gate.allowed(1_000) == 4


def test_one_connection_always_stays() -> None:
    gate, now = Gate(2), 0.0
    for _ in range(3):
        gate.slowed(now, 1_000)
        now += 1_000
    assert gate.allowed(now) == 1


def test_a_lowered_limit_counts_at_once() -> None:
    gate = Gate(8)
    gate.connections = 2
    assert gate.allowed(0) == 2
    gate.slowed(0, 0)
    gate.connections = 8
    assert gate.allowed(0) == 1
