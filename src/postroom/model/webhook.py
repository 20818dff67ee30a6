"""Webhooks: where a tenant's events are sent to as they happen; and the events, as programs outside see them.

An event's id is the same in every delivery and in every answer, so whoever receives one twice can tell. The secret that
deliveries are signed with is no part of a webhook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from postroom.model.event import EventKind

__all__ = ["EVENT_TYPES", "TEST", "Delivery", "FeedEntry", "Progress", "Webhook", "WebhookState", "wants"]

TEST = "webhook.test"
EVENT_TYPES: Mapping[str, str] = {
    **{f"message.{kind.value}": "" for kind in EventKind},
    "problem.began": "The settings check found something new.",
    "problem.over": "What it found is over.",
}
"""Every type of event, with its sentence where no other list has one (those of messages: `cli.words.EVENTS`)."""


class WebhookState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Webhook:
    """`types`: what is wanted, like `message.sent` or `message.*`; empty is everything. `authority`: an own CA in PEM.

    `paused_by`: "person" or "verdict" (of failures), "" while it is active. Times: ms UTC.
    """

    id: int
    tenant_id: int
    name: str
    url: str
    types: tuple[str, ...] = ()
    authority: str = ""
    state: WebhookState = WebhookState.ACTIVE
    paused_reason: str = ""
    paused_by: str = ""
    paused_ms: int | None = None
    has_secret: bool = False
    secret_set_ms: int | None = None
    created_ms: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a webhook has come. `position`: up to where everything is delivered; `tries`: how often in a row the next
    one was not taken, since `failing_ms`; `due_ms`: when it is tried again; `status`: the last HTTP status, 0 without
    one; `fault`: why the last one was not taken. `fence` is the lease of whoever delivers now, until `leased_until_ms`
    of the database's time.
    """

    webhook_id: int
    tenant_id: int
    position: int = 0
    tries: int = 0
    failing_ms: int | None = None
    due_ms: int = 0
    answered_ms: int | None = None
    status: int = 0
    fault: str = ""
    fence: int = 0
    leased_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver one event, as it went. `status` is 0 without an answer; `sentence` says what came of it in
    plain words, never the answer's own; `ms`: how long it took; `position`: the event's place in the feed, 0 of a test.
    """

    id: int
    tenant_id: int
    webhook_id: int
    event_id: int
    type: str
    at_ms: int
    ok: bool
    status: int
    sentence: str
    ms: int
    position: int = 0


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One event in a tenant's feed. `position`: its place there, which grows; `n`: the recipient's number, None when
    the whole message is meant, or no message.
    """

    position: int
    id: int
    tenant_id: int
    type: str
    at_ms: int
    message_id: int | None = None
    n: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    message: Mapping[str, Any] = field(default_factory=dict)


def wants(types: tuple[str, ...], event_type: str) -> bool:
    """Whether a webhook that asks for these is told of this."""
    if not types:
        return True
    group = event_type.partition(".")[0]
    return any(one in (event_type, "*", f"{group}.*") for one in types)
