"""Guessing is slowed ever more, per name, without anybody waiting; time is an argument here."""

from __future__ import annotations

import pytest

from postroom.errors import TooMany
from postroom.office.slowing import Slowing


def waits(slowing: Slowing, whose: str, now_ms: float) -> int:
    """Seconds one is told to wait; 0 when the try is taken."""
    try:
        slowing.enter(whose, "", now_ms)
    except TooMany as slowed:
        return slowed.seconds
    return 0


def test_a_few_tries_are_free_and_then_each_costs_twice_the_wait_up_to_a_bound() -> None:
    slowing = Slowing(free=3, longest_ms=8_000)
    now, told = 0.0, []
    assert [waits(slowing, "ann", now) for _ in range(3)] == [0, 0, 0]
    for _ in range(6):
        told.append(waits(slowing, "ann", now))
        now += told[-1] * 1000
        assert waits(slowing, "ann", now) == 0
    assert told == [2, 3, 5, 9, 9, 9]


def test_a_refused_try_does_not_lengthen_the_wait() -> None:
    slowing = Slowing(free=1)
    waits(slowing, "ann", 0)
    assert {waits(slowing, "ann", 10) for _ in range(50)} == {1}


def test_success_forgives_the_name_and_gives_the_address_one_try_back() -> None:
    slowing = Slowing(free=3, free_of_an_address=4)

    def slowed(name: str) -> bool:
        try:
            slowing.enter(name, "192.0.2.1", 0)
        except TooMany:
            return True
        return False

    assert [slowed(f"guess {n}") for n in range(5)] == [False] * 4 + [True]
    slowing.forgive("guess 3", "192.0.2.1")
    assert not slowed("ann")
    assert slowed("bob"), "one good account does not buy tries at all the others"


def test_those_without_an_address_are_not_taken_for_one() -> None:
    slowing = Slowing(free=1, free_of_an_address=1)
    assert [waits(slowing, f"guess {n}", 0) for n in range(100)] == [0] * 100


def test_it_is_forgotten_after_a_quarter_of_an_hour_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.office.slowing._MOST", 10)
    slowing = Slowing(free=1)
    for n in range(1000):
        waits(slowing, f"guess {n}", 0)
    assert len(slowing._tries) == 10
    assert waits(slowing, "guess 999", 1) > 0
    assert waits(slowing, "guess 999", 16 * 60_000) == 0
