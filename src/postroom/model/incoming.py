"""What comes back: reports of what became of a message, and answers to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Fate", "FateOf", "Incoming", "IncomingKind", "Received"]


class IncomingKind(StrEnum):
    REPORT = "delivery-report"
    RECEIPT = "read-receipt"
    COMPLAINT = "complaint"
    AUTOMATIC = "automatic"
    REPLY = "reply"
    OTHER = "other"
    """Nothing that could be tied to a message of ours: for a person to look at."""


class Fate(StrEnum):
    """What a report says of one recipient: the actions of RFC 3464, 2.3.3, and what receipts and complaints tell."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    """Handed to a system that reports nothing further."""
    EXPANDED = "expanded"
    """Sent on to several: an alias or a list."""
    READ = "read"
    DELETED_UNREAD = "deleted-unread"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class FateOf:
    """One recipient in a report. `address`: as the reporting server knows it; `original`: as it was written in RCPT, or
    "". `code`, `enhanced`, `words`: the answer that decided, 0 and "" where none is told. `remote`: who gave it.
    """

    address: str
    fate: Fate
    original: str = ""
    code: int = 0
    enhanced: str = ""
    words: str = ""
    remote: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that came in, understood as far as it can be.

    What ties it to a message of ours, surest first: `tags` (local parts it was addressed to, still to be verified),
    `envelope_id` (RFC 3461), `message_ids` (of ours it may be about, without brackets; the likeliest first). `text` is
    what a person wrote, without what he quoted and signed. `why_automatic`: by what a program was recognised.
    """

    kind: IncomingKind
    sender: str = ""
    subject: str = ""
    message_id: str = ""
    tags: tuple[str, ...] = ()
    envelope_id: str = ""
    message_ids: tuple[str, ...] = ()
    fates: tuple[FateOf, ...] = ()
    text: str = field(default="", repr=False)
    why_automatic: str = ""
    reporter: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """Mail that came in, as it is kept. `message_id` and `n`: the message and the recipient of ours that it is about,
    if that is known; `why`: by what a program was recognised, or why it could not be tied to anything, in plain words.
    `received_ms`: when we were given it, ms UTC; `done_ms`, `done_by`: when and by whom it was marked as dealt with.
    """

    id: int
    tenant_id: int
    received_ms: int
    kind: IncomingKind
    sender: str = ""
    subject: str = ""
    text: str = field(default="", repr=False)
    why: str = ""
    size: int = 0
    message_id: int | None = None
    n: int | None = None
    done_ms: int | None = None
    done_by: str = ""

    @property
    def waits(self) -> bool:
        """Whether a person has to look at it: nothing follows from it by itself."""
        return self.done_ms is None and (self.message_id is None or self.kind is IncomingKind.OTHER)
