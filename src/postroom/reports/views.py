"""What reports show: messages, pages of the log, timelines, the queue, health."""

from __future__ import annotations

from dataclasses import dataclass, field

from postroom.model.attempt import Attempt
from postroom.model.event import Event
from postroom.model.message import Message, RecipientRole
from postroom.model.state import State
from postroom.policy.course import Step
from postroom.store.activity import Activity, Hour
from postroom.store.lines import MessageLine
from postroom.store.query import Query
from postroom.store.signs import Signs
from postroom.store.volumes import Volume

__all__ = [
    "Activity",
    "Health",
    "Hour",
    "MessageLine",
    "MessageView",
    "NodeHealth",
    "Page",
    "Query",
    "QueueLine",
    "RecipientView",
    "Signs",
    "TenantQueueLine",
    "Timeline",
    "Volume",
]


@dataclass(frozen=True, slots=True)
class Page:
    """`next`: the cursor of the following page, None at the end. A search for something rare may give a page that is
    short or empty and still has a next one: `searched_to_ms` says how far back it has looked."""

    items: list[MessageLine]
    next: str | None
    searched_to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RecipientView:
    """One recipient as people see it. `state` is `held` while it waits for a paused account.

    `explanation` and `remedy` are sentences (what happened, what to do); `reply` are the server's own words; `account`
    is the name of the account it goes or went through, or ""; `leaves_ms`: when it will leave at about, by the
    account's pace and what is before it (ms UTC), or None where nobody can say. `field`: the setting to look at, or "";
    `apply`: what of the account's settings to set to what, where that mends it. `course`: how far it came.
    """

    n: int
    address: str
    role: RecipientRole
    state: State
    account_id: int | None
    account: str
    due_ms: int | None
    leaves_ms: int | None
    attempts: int
    reason: str
    diagnosis: str
    scope: str
    reply: str
    explanation: str
    remedy: str
    field: str
    apply: dict[str, str | int]
    updated_ms: int
    course: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageView:
    """`states`: how many recipients are in which shown state. `application`: its name, or ""."""

    message: Message
    recipients: tuple[RecipientView, ...]
    has_content: bool
    application: str

    @property
    def states(self) -> dict[State, int]:
        counts: dict[State, int] = {}
        for recipient in self.recipients:
            counts[recipient.state] = counts.get(recipient.state, 0) + 1
        return counts


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events and attempts, oldest first, each attempt with its conversation. `accounts`: names of those still there."""

    message_id: int
    events: tuple[Event, ...]
    attempts: tuple[Attempt, ...]
    accounts: dict[int, str] = field(default_factory=dict)
    more: bool = False
    """There is more than is shown here."""


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One account's part of the queue. `state`: ready, paused or disabled, or `none` for mail without an account.

    Counts are recipients. `waiting`: queued or deferred, `due` of them already due; `oldest_ms`: when the oldest
    waiting message was accepted (ms UTC); `unknown`: waiting for somebody's decision. `per_minute`: as many may leave
    in a minute now, None for any number; `slow`: its server asked for less than its limits. `empty_ms`: when the last
    of it will have left, at about (ms UTC), or None where nobody can say.
    """

    account_id: int | None
    account: str
    state: str
    reason: str
    waiting: int
    due: int
    oldest_ms: int | None
    held: int
    unknown: int
    sending: int
    per_minute: int | None = None
    slow: bool = False
    empty_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TenantQueueLine:
    """One tenant's part of the queue, through whatever accounts; as `QueueLine`."""

    tenant_id: int
    waiting: int
    oldest_ms: int | None
    held: int
    unknown: int
    sending: int


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """`silent`: it has not said that it lives for a while."""

    worker: str
    role: str
    started_ms: int
    seen_ms: int
    silent: bool


@dataclass(frozen=True, slots=True)
class Health:
    """`ready`: mail can be accepted. `delivering`: somebody living delivers. `problems`: plain sentences, none if all
    is well; nothing in here tells of a tenant."""

    ready: bool
    delivering: bool
    database: str
    now_ms: int
    oldest_due_ms: int | None = None
    nodes: tuple[NodeHealth, ...] = ()
    problems: tuple[str, ...] = ()
