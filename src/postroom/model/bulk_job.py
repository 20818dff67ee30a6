"""A job: one act on all the messages that a search finds, worked through in the background, each message once.

First it gathers: the messages that the search finds at its start are written down. Then it works through them, the
oldest first, and writes down of each what became of it. So its numbers are exact whoever dies in between, what came in
later is not touched, and what it did can be taken back from exactly those messages, where the act has a way back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["ENDED", "UNDO", "BulkAct", "BulkJob", "BulkRefusal", "BulkState"]


class BulkAct(StrEnum):
    """What is done to each message."""

    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"
    RESEND = "resend"
    CANCEL = "cancel"


UNDO = {BulkAct.HOLD: BulkAct.RELEASE, BulkAct.RELEASE: BulkAct.HOLD}
"""The acts that have a way back, and which. What has left, or will never leave, can't be called back."""


class BulkState(StrEnum):
    GATHERING = "gathering"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


ENDED = frozenset({BulkState.STOPPED, BulkState.DONE})


@dataclass(frozen=True, slots=True)
class BulkJob:
    """`search`: the fields of the search, as they were given. `to`: who gets copies instead, for a release or resend.

    `found`: how many messages it has gathered, all of them once it runs; `done` and `refused`: what became of those
    that it has worked through. `undo_of`: the job that it takes back, `undone_by`: the one that takes it back.
    `started_by`, `user_id`, `application_id`: who started it. Times are ms UTC.
    """

    id: int
    tenant_id: int
    act: BulkAct
    state: BulkState
    search: dict[str, str | int] = field(default_factory=dict)
    to: tuple[str, ...] = ()
    found: int = 0
    done: int = 0
    refused: int = 0
    undo_of: int | None = None
    undone_by: int | None = None
    started_ms: int = 0
    ended_ms: int | None = None
    started_by: str = ""
    stopped_by: str = ""
    user_id: int | None = None
    application_id: int | None = None

    @property
    def over(self) -> bool:
        return self.state in ENDED

    @property
    def left(self) -> int:
        """Messages that it has found and not worked through."""
        return self.found - self.done - self.refused


@dataclass(frozen=True, slots=True)
class BulkRefusal:
    """A message on which the act could not be done, and why, in a sentence."""

    message_id: int
    subject: str
    why: str
