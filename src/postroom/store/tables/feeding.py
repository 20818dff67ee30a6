"""Events for programs outside: the feed of each tenant that is followed, and the webhooks it goes to.

A trigger on the events of messages writes the feed's rows, in the same transaction as the event, for tenants that
somebody follows; nobody pays for the others. `position` is given later, by one at a time (see `store.feed`).
"""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table, Text, UniqueConstraint, text

from postroom.model.webhook import WebhookState
from postroom.store.tables.columns import key, metadata, number, one_of, tenant_of, words

__all__ = ["feed", "follower", "webhook", "webhook_delivery", "webhook_progress", "webhook_secret"]

feed = Table(
    "feed",
    metadata,
    key("event_id"),
    tenant_of(),
    number("position"),
    number("message_id"),
    number("at_ms", 0),
    Column("kind", Text, nullable=False),
    words("detail", None),
    Index(
        "ix_feed_position",
        "tenant_id",
        "position",
        sqlite_where=text("position IS NOT NULL"),
        postgresql_where=text("position IS NOT NULL"),
    ),
    Index(
        "ix_feed_unplaced",
        "event_id",
        sqlite_where=text("position IS NULL"),
        postgresql_where=text("position IS NULL"),
    ),
)

follower = Table("follower", metadata, key("tenant_id"), number("since_ms", 0), number("pulled_ms"))

webhook = Table(
    "webhook",
    metadata,
    key(),
    tenant_of(),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    words("types"),
    words("authority"),
    words("state", WebhookState.ACTIVE.value),
    words("paused_reason"),
    words("paused_by"),
    number("paused_ms"),
    number("created_ms", 0),
    number("version", 1),
    UniqueConstraint("tenant_id", "name"),
    one_of("state", WebhookState),
)

# The secret that deliveries are signed with, and until when the one before it signs as well; sealed.
webhook_secret = Table(
    "webhook_secret",
    metadata,
    key("webhook_id"),
    tenant_of(),
    Column("sealed", LargeBinary, nullable=False),
    number("set_ms", 0),
    words("set_by"),
    Column("former", LargeBinary, nullable=True),
    number("former_until_ms"),
)

webhook_progress = Table(
    "webhook_progress",
    metadata,
    key("webhook_id"),
    tenant_of(),
    number("position", 0),
    number("tries", 0),
    number("failing_ms"),
    number("due_ms", 0),
    number("answered_ms"),
    number("status", 0),
    words("fault"),
    number("fence", 0),
    number("leased_until_ms", 0),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    key("id"),
    tenant_of(),
    number("webhook_id", 0),
    number("event_id", 0),
    Column("type", Text, nullable=False),
    number("at_ms", 0),
    number("ok", 0),
    number("status", 0),
    words("sentence"),
    number("ms", 0),
    number("position", 0),
    Index("ix_webhook_delivery_webhook_id", "tenant_id", "webhook_id", "id"),
)
