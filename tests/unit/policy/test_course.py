"""How far a mail came is told step by step, and no further than it is known."""

from __future__ import annotations

from postroom.model.event import Event, EventKind
from postroom.policy.course import Stage, course


def happened(*kinds: tuple[EventKind, int | None, bool]) -> list[tuple[Stage, int]]:
    """The course of recipient 0 of a message that was accepted at 0, with an event at each further moment."""
    events = [
        Event(at, 1, 1, at, kind, n, {"proven": True} if proven else {})
        for at, (kind, n, proven) in enumerate(kinds, 1)
    ]
    return [(step.stage, step.reached_ms) for step in course(0, 0, events)]


def test_each_step_once_at_its_first_time() -> None:
    sent, read = (EventKind.SENT, 0, False), (EventKind.READ, 0, False)
    assert happened(sent, read, read) == [(Stage.ACCEPTED, 0), (Stage.HANDED_OVER, 1), (Stage.READ, 2)]


def test_others_and_what_is_nobodys_are_not_told() -> None:
    assert happened((EventKind.READ, 1, False), (EventKind.BOUNCED, None, True), (EventKind.DEFERRED, 0, False)) == [
        (Stage.ACCEPTED, 0)
    ]


def test_a_bounce_that_nothing_proves_is_one_that_somebody_says() -> None:
    assert happened((EventKind.BOUNCED, 0, False), (EventKind.BOUNCED, 0, True))[1:] == [
        (Stage.SAID_TO_BOUNCE, 1),
        (Stage.BOUNCED, 2),
    ]
