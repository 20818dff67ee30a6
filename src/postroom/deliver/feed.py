"""The seam between the couriers, who know how to say it, and the lanes, who know what to say next and what to do with
the answer.

A courier takes jobs from its feed, asks it to journal each before its end leaves, and reports each exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from postroom.model.attempt import Result
from postroom.model.job import Job

__all__ = ["Feed", "SessionFailure", "SessionOpened"]


class SessionOpened(NamedTuple):
    """A session that is ready: who answered, how it is protected, and what was said until now (secrets blanked)."""

    server: str
    family: str
    tls: str
    login: str
    conversation: str


class SessionFailure(NamedTuple):
    """No session came about: the result that stands for it, and what was said until then."""

    result: Result
    conversation: str
    server: str = ""
    family: str = ""


class Feed(Protocol):
    """What a courier needs of its lane."""

    def take(self) -> Job | None:
        """The next job that is at hand, with its content, or None."""

    async def wait(self) -> Job | None:
        """The next job; None when the session should end (idle for long, stopping, lease lost)."""

    def mark(self, job: Job) -> None:
        """Begins to journal that the end of this job's body may leave."""

    async def marked(self, job: Job) -> bool:
        """Waits until that is durable. False: the lease was lost, the body must not be sent."""

    def done(self, job: Job, results: Sequence[Result] | None, conversation: Callable[[], str]) -> None:
        """Reports a job: one result for each of its recipients, or None when not a byte of it was sent."""

    def opened(self, session: SessionOpened) -> None:
        """Reports that a session is ready."""
