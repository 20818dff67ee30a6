"""Events: what happened to a message, one row each, in the same transaction as the change they tell of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Event", "EventKind"]


class EventKind(StrEnum):
    ACCEPTED = "accepted"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNKNOWN = "unknown"
    HELD = "held"
    RELEASED = "released"
    SILENCED = "silenced"
    DISABLED = "disabled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RETRIED = "retried"
    RESENT = "resent"
    RECLAIMED = "reclaimed"
    RETURNED = "returned"
    CONTENT_WIPED = "content-wiped"
    RERENDERED = "rerendered"
    DIVERTED = "diverted"
    COLLECTED = "collected"
    DIGESTED = "digested"
    DECLINED = "declined"
    SUPPRESSED = "suppressed"
    BOUNCED = "bounced"
    DELAYED = "delayed"
    RELAYED = "relayed"
    DELIVERED = "delivered"
    READ = "read"
    DELETED_UNREAD = "deleted-unread"
    REPLIED = "replied"
    ANSWERED = "answered"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Event:
    """`n` is the recipient's number within the message, or None when the whole message is meant."""

    id: int
    tenant_id: int
    message_id: int
    at_ms: int
    kind: EventKind
    n: int | None = None
    detail: dict[str, object] = field(default_factory=dict)
