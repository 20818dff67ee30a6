"""The seam to the workroom: a fresh message may be accepted already leased to a local lane with room.

It then passes to the lane from memory as soon as its acceptance is durable, and is never read from the queue. Without a
worker in the process (`NoPlacement`) everything is queued.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from postroom.model.job import Job
from postroom.store.transmission import Move

__all__ = ["Ended", "NoPlacement", "Placed", "Placement"]

Ended = Callable[[Sequence[Move]], None]
"""Told of first attempts that are over and durable: a move for each recipient of which it is known."""


class Placed(Protocol):
    """Room that was reserved in a lane's hand. `fence` is the lane's fencing number."""

    fence: int

    def add(self, job: Job) -> None:
        """The acceptance is durable: the job is the lane's."""

    def withdraw(self, job: Job) -> None:
        """It was not accepted after all."""


class Placement(Protocol):
    def place(self, job: Job) -> Placed | None:
        """Reserves room for the job, or None when it has to queue."""

    def wake(self, account_id: int, *, insist: bool = False) -> None:
        """Mail for this account was queued. `insist`: a person wants it tried now, even if the account is resting."""

    def await_ending(self, message_id: int, account_id: int, recipients: int, told: Ended) -> None:
        """Calls `told` when all recipients of the message have had their first attempt (sending instantly); at once,
        and with nothing, when that is not going to be soon."""

    def forget(self, message_id: int) -> None:
        """Nobody waits for this message's attempt any more."""


class NoPlacement:
    def place(self, job: Job) -> Placed | None:
        return None

    def wake(self, account_id: int, *, insist: bool = False) -> None:
        return None

    def await_ending(self, message_id: int, account_id: int, recipients: int, told: Ended) -> None:
        told(())

    def forget(self, message_id: int) -> None:
        return None
