"""Mail: messages, their recipients (which are the queue), bytes, events, sessions and attempts.

A recipient's `due_ms` is set exactly while it waits and `lease` exactly while it is being sent. What is only ever read
by message is clustered by message id (WITHOUT ROWID on SQLite), so that accepting touches as few pages as possible.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text, text

from postroom.model.account import AddressTag
from postroom.model.message import RecipientRole
from postroom.model.state import LEASED, WAITING, State
from postroom.model.tenant import UnknownPolicy
from postroom.store.tables.columns import flag, in_states, key, metadata, number, one_of, tenant_of, words

__all__ = ["attempt", "content", "event", "idempotency", "message", "recipient", "rendering", "session"]

message = Table(
    "message",
    metadata,
    key(),
    tenant_of(),
    number("created_ms", 0),
    number("application_id"),
    number("sender_id"),
    Column("sender", Text, nullable=False),
    Column("mail_from", Text, nullable=False),
    words("subject"),
    Column("message_id", Text, nullable=False),
    number("size", 0),
    Column("priority", SmallInteger, nullable=False, server_default="5"),
    words("kind"),
    flag("eight_bit"),
    flag("smtputf8"),
    number("send_at_ms"),
    number("expires_ms"),
    words("unknown_policy", UnknownPolicy.RETRY.value),
    flag("secret"),
    number("resend_of"),
    words("tags", None),
    words("metadata", None),
    words("ret", None),
    words("envid", None),
    words("return_tag", AddressTag.OFF.value),
    words("template", None),
    number("template_version"),
    number("bulk_id"),
    Index("ix_message_tenant_id_id", "tenant_id", "id"),
    Index(
        "ix_message_bulk_id",
        "bulk_id",
        "id",
        sqlite_where=text("bulk_id IS NOT NULL"),
        postgresql_where=text("bulk_id IS NOT NULL"),
    ),
    one_of("unknown_policy", UnknownPolicy),
)

content = Table(
    "content",
    metadata,
    key("message_id"),
    tenant_of(),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=True,
)

recipient = Table(
    "recipient",
    metadata,
    key("message_id"),
    Column("n", Integer, primary_key=True, autoincrement=False),
    tenant_of(),
    # Ordered by code points everywhere, so that what an address begins with is a range of the index.
    Column("address", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False),
    words("role", RecipientRole.TO.value),
    Column("state", Text, nullable=False),
    number("account_id"),
    number("sender_id"),
    words("routed"),
    Column("priority", SmallInteger, nullable=False, server_default="5"),
    number("due_ms"),
    number("expires_ms"),
    number("lease"),
    Column("mark", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    words("reason"),
    words("diagnosis"),
    words("scope"),
    words("reply"),
    number("updated_ms", 0),
    words("notify", None),
    words("orcpt", None),
    number("fallback_of"),
    one_of("state", State),
    one_of("role", RecipientRole),
    CheckConstraint(f"({in_states(WAITING)}) = (due_ms IS NOT NULL)", name="waiting_has_due"),
    CheckConstraint(f"({in_states(LEASED)}) = (lease IS NOT NULL)", name="leased_has_lease"),
    CheckConstraint("mark IN (0, 1)", name="mark"),
    # Serves a claim in exactly the order it asks for: no sort, no scan, whatever waits behind it.
    Index(
        "ix_recipient_claim",
        "account_id",
        "priority",
        "tenant_id",
        "due_ms",
        "message_id",
        "n",
        sqlite_where=text("due_ms IS NOT NULL"),
        postgresql_where=text("due_ms IS NOT NULL"),
    ),
    Index(
        "ix_recipient_lease",
        "lease",
        sqlite_where=text("lease IS NOT NULL"),
        postgresql_where=text("lease IS NOT NULL"),
    ),
    Index(
        "ix_recipient_attention",
        "tenant_id",
        "state",
        "message_id",
        sqlite_where=text("state NOT IN ('queued', 'sending', 'sent')"),
        postgresql_where=text("state NOT IN ('queued', 'sending', 'sent')"),
    ),
    Index(
        "ix_recipient_expires",
        "expires_ms",
        sqlite_where=text("expires_ms IS NOT NULL AND due_ms IS NOT NULL"),
        postgresql_where=text("expires_ms IS NOT NULL AND due_ms IS NOT NULL"),
    ),
    # Lower case, because people search without minding case; both databases fold ASCII alike.
    Index("ix_recipient_address", "tenant_id", text("lower(address)"), "message_id"),
    sqlite_with_rowid=False,
)

# What is different of a message when it leaves through this account (promise P5: the same in every attempt).
rendering = Table(
    "rendering",
    metadata,
    key("message_id"),
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    tenant_of(),
    words("sender"),
    words("mail_from"),
    words("wanted"),
    words("signers"),
    number("signed_ms", 0),
    sqlite_with_rowid=False,
)

event = Table(
    "event",
    metadata,
    key("message_id"),
    key(),
    tenant_of(),
    Column("n", Integer, nullable=True),
    number("at_ms", 0),
    Column("kind", Text, nullable=False),
    words("detail", None),
    sqlite_with_rowid=False,
)

session = Table(
    "session",
    metadata,
    key(),
    tenant_of(),
    number("account_id", 0),
    number("opened_ms", 0),
    words("server"),
    words("tls"),
    words("conversation"),
)

attempt = Table(
    "attempt",
    metadata,
    key("message_id"),
    key(),
    tenant_of(),
    words("recipients"),
    number("account_id"),
    number("account_version", 0),
    words("courier"),
    number("started_ms", 0),
    number("ended_ms", 0),
    words("phase"),
    words("reply"),
    number("session_id"),
    words("conversation"),
    sqlite_with_rowid=False,
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    number("message_id", 0),
    number("created_ms", 0),
    Index("ix_idempotency_created_ms", "created_ms"),
    sqlite_with_rowid=False,
)
