"""Deleting a tenant: what is to become of its mail, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Content", "Deletion", "Remaining", "Waiting"]


class Waiting(StrEnum):
    """What becomes of mail that has not left."""

    CANCEL = "cancel"
    SEND_FIRST = "send-first"


class Content(StrEnum):
    """What becomes of the log and the contents: deleted now, or kept for as long as the tenant's retention says."""

    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Remaining:
    """Recipients that have not got their mail: `waiting` for their turn, `held`, in doubt, being sent just now."""

    waiting: int = 0
    held: int = 0
    unknown: int = 0
    sending: int = 0

    def __bool__(self) -> bool:
        return bool(self.waiting or self.held or self.unknown or self.sending)

    def __str__(self) -> str:
        parts = [
            f"{count:,} {words}"
            for count, words in (
                (self.waiting, "waiting"),
                (self.held, "held"),
                (self.unknown, "in doubt"),
                (self.sending, "being sent"),
            )
            if count
        ]
        return ", ".join(parts) or "none"


@dataclass(frozen=True, slots=True)
class Deletion:
    """`done`: the tenant is gone; else `remaining` has to leave first, and the same call goes on after that.

    `cancelled` recipients and `messages` deleted by this call.
    """

    done: bool
    remaining: Remaining
    cancelled: int = 0
    messages: int = 0
