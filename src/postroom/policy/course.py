"""How far a mail came with each recipient: accepted, handed over, relayed, delivered, read, replied; or bounced.

Rules kept here: each step is told once, at the time when it was first known, in the order of those times. What came
back may be forged as long as nothing proves it, so a bounce that nothing proves is one that somebody says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from postroom.model.event import Event, EventKind

__all__ = ["TELLING", "Stage", "Step", "course"]


class Stage(StrEnum):
    ACCEPTED = "accepted"
    HANDED_OVER = "handed-over"
    """The server that mail leaves through took it."""
    RELAYED = "relayed"
    """Passed on to a system that reports nothing further."""
    DELIVERED = "delivered"
    DELETED_UNREAD = "deleted-unread"
    READ = "read"
    ANSWERED = "answered"
    """By a program."""
    REPLIED = "replied"
    COMPLAINED = "complained"
    BOUNCED = "bounced"
    SAID_TO_BOUNCE = "said-to-bounce"


@dataclass(frozen=True, slots=True)
class Step:
    """`reached_ms`: when that was first known, ms UTC."""

    stage: Stage
    reached_ms: int


_STAGES: Mapping[EventKind, Stage] = {
    EventKind.SENT: Stage.HANDED_OVER,
    EventKind.RELAYED: Stage.RELAYED,
    EventKind.DELIVERED: Stage.DELIVERED,
    EventKind.DELETED_UNREAD: Stage.DELETED_UNREAD,
    EventKind.READ: Stage.READ,
    EventKind.ANSWERED: Stage.ANSWERED,
    EventKind.REPLIED: Stage.REPLIED,
    EventKind.COMPLAINED: Stage.COMPLAINED,
    EventKind.BOUNCED: Stage.BOUNCED,
}
TELLING = frozenset(_STAGES)
"""The events that it is worked out from."""


def course(accepted_ms: int, n: int, events: Iterable[Event]) -> tuple[Step, ...]:
    """Of the recipient with this number, by a message's events in their order."""
    steps = {Stage.ACCEPTED: accepted_ms}
    for event in events:
        stage = _STAGES.get(event.kind)
        if event.n != n or stage is None:
            continue
        if stage is Stage.BOUNCED and not event.detail.get("proven"):
            stage = Stage.SAID_TO_BOUNCE
        steps.setdefault(stage, event.at_ms)
    return tuple(Step(stage, at_ms) for stage, at_ms in sorted(steps.items(), key=lambda one: one[1]))
