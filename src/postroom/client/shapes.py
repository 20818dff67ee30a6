"""What comes back from Postroom, as frozen dataclasses, and the one function that reads them out of JSON.

Names are those of the API, except that `from` is `sender` (a word that Python keeps for itself). Times are `datetime`
in UTC. Members that this version does not know are passed over, so that a newer Postroom can be talked to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

__all__ = [
    "Attempt",
    "Event",
    "Health",
    "Message",
    "MessageLine",
    "Page",
    "Receipt",
    "Recipient",
    "RecipientState",
    "Timeline",
    "read",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecipientState:
    """Where one recipient stands. `state`: queued, sending, sent, deferred, failed, unknown, held, silenced, …"""

    n: int
    address: str
    state: str
    reply: str
    diagnosis: str
    explanation: str
    due_at: datetime | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message so far. `again`: an earlier call with the same idempotency key made it."""

    id: str
    state: str
    """The state all recipients share, or `mixed`."""
    recipients: tuple[RecipientState, ...]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of a kept message, with everything that is known of its way."""

    n: int
    address: str
    role: str
    state: str
    account: str
    reason: str
    scope: str
    reply: str
    diagnosis: str
    explanation: str
    remedy: str
    attempts: int
    due_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is kept; its content is asked for separately (`content`)."""

    id: str
    created_at: datetime
    sender: str
    return_path: str
    subject: str
    message_id: str
    size: int
    priority: str
    kind: str
    send_at: datetime | None
    expires_at: datetime | None
    unknown: str
    secret: bool
    resend_of: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    template: str
    template_version: int | None
    bulk_id: str | None
    application: str
    state: str
    states: Mapping[str, int]
    has_content: bool
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message in a list: its first recipient, how many there are, and the state that most wants attention."""

    id: str
    created_at: datetime
    sender: str
    subject: str
    message_id: str
    kind: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    to: str
    recipients: int
    state: str
    states: Mapping[str, int]
    reply: str
    diagnosis: str
    reason: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `next` is the cursor of what follows, or None."""

    messages: tuple[MessageLine, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a message. `n` is the recipient's number; None: the whole message."""

    at: datetime
    kind: str
    n: int | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver, with what was said; secrets are blanked."""

    recipients: tuple[int, ...]
    account: str
    courier: str
    started_at: datetime
    ended_at: datetime
    phase: str
    reply: str
    server: str
    tls: str
    conversation: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened to a message, the oldest first."""

    id: str
    events: tuple[Event, ...]
    attempts: tuple[Attempt, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well. `problems` are sentences."""

    status: str
    ready: bool
    delivering: bool
    database: str
    now: datetime
    oldest_due_at: datetime | None
    problems: tuple[str, ...]


_PARTS: Mapping[tuple[type, str], type] = {
    (Receipt, "recipients"): RecipientState,
    (Message, "recipients"): Recipient,
    (Page, "messages"): MessageLine,
    (Timeline, "events"): Event,
    (Timeline, "attempts"): Attempt,
}
"""Members that are lists of shapes."""
_OTHER_NAMES = {"sender": "from"}
_TIMES = frozenset({"at", "now"})


def read(kind: type[T], document: Mapping[str, Any], **more: Any) -> T:
    """A shape out of an object of the API. Raises KeyError, TypeError or ValueError when it is another object."""
    values = dict(more)
    for row in fields(kind):  # type: ignore[arg-type]  # every shape is a dataclass
        if row.name not in values:
            values[row.name] = _value(kind, row.name, document[_OTHER_NAMES.get(row.name, row.name)])
    return kind(**values)


def _value(kind: type, name: str, value: Any) -> Any:
    if isinstance(value, list):
        part = _PARTS.get((kind, name))
        return tuple(value) if part is None else tuple(read(part, one) for one in value)
    if isinstance(value, str) and (name.endswith("_at") or name in _TIMES):
        return datetime.fromisoformat(value)
    return value
