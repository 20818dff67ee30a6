"""Who waits for a first attempt is told once, when every recipient had it, whatever order the parts end in."""

from __future__ import annotations

from postroom.work.waiters import Waiters


def told_of(waiters: Waiters, recipients: int) -> list[str]:
    told: list[str] = []
    waiters.add(1, recipients, lambda _moves: told.append("told"))
    return told


def test_it_is_told_when_the_last_recipient_had_its_attempt() -> None:
    waiters = Waiters()
    told = told_of(waiters, 5)
    waiters.over(1, 2)
    waiters.over(1, 2)
    assert told == []
    waiters.over(1, 1)
    assert told == ["told"]


def test_it_is_told_once() -> None:
    """A retry that ends later tells nobody."""
    waiters = Waiters()
    told = told_of(waiters, 1)
    waiters.over(1, 1)
    waiters.over(1, 1)
    assert told == ["told"]


def test_what_ends_twice_does_not_wait_for_more() -> None:
    waiters = Waiters()
    told = told_of(waiters, 2)
    waiters.over(1, 3)
    assert told == ["told"]


def test_who_does_not_wait_any_more_is_not_told() -> None:
    waiters = Waiters()
    told = told_of(waiters, 1)
    waiters.forget(1)
    waiters.forget(1)
    waiters.over(1, 1)
    assert told == []


def test_messages_nobody_waits_for_are_nothing_to_it() -> None:
    waiters = Waiters()
    told = told_of(waiters, 1)
    waiters.over(2, 1)
    assert told == []
