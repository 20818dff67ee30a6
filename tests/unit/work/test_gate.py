"""An account's gate: it rests once for what several connections meet together."""

from __future__ import annotations

from postroom.work.gate import Gate

MINUTE = 60_000.0


def test_it_is_open_until_something_fails_and_again_after_the_rest() -> None:
    gate = Gate()
    assert gate.open(0)
    gate.failed(1_000, 30_000)
    assert not gate.open(30_999)
    assert gate.open(31_000)


def test_troubles_one_after_the_other_are_counted() -> None:
    gate, now = Gate(), 0.0
    for number in (1, 2, 3):
        assert gate.trouble(now) == number
        gate.failed(now, 1_000)
        now += 1_000


def test_what_several_connections_meet_together_is_one_trouble() -> None:
    """A server that is down is not four times as down because four connections were tried."""
    gate = Gate()
    for _ in range(4):
        assert gate.trouble(0) == 1
        gate.failed(0, 30_000)
    assert (gate.troubles, gate.opens_ms) == (1, 30_000)


def test_a_longer_rest_wins_a_shorter_one_does_not() -> None:
    gate = Gate()
    gate.failed(0, 30_000)
    gate.failed(0, 60_000)
    gate.failed(0, 10_000)
    assert gate.opens_ms == 60_000


def test_a_success_makes_the_next_trouble_the_first() -> None:
    gate = Gate()
    gate.failed(0, 1_000)
    gate.failed(1_000, 2_000)
    gate.succeeded()
    assert gate.trouble(3_000) == 1
