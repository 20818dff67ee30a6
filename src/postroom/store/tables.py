"""Every table, once. Migrations are checked against this module; the states of `model.state` stand here as CHECKs.

Rules it keeps: every row has its tenant (P8); times are milliseconds UTC; the message table is the queue, so a
recipient's
`due_ms` is set exactly while it waits and `lease` exactly while it is being sent. Tables that are only ever read by
message
are clustered by message id (WITHOUT ROWID on SQLite), so that accepting touches as few pages as possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from postroom.model.account import AccountState, CertificateCheck, Encryption, Login
from postroom.model.message import RecipientRole
from postroom.model.state import LEASED, WAITING, State
from postroom.model.tenant import Mode, Sending, UnknownPolicy

__all__ = [
    "account",
    "api_key",
    "application",
    "attempt",
    "content",
    "credential",
    "event",
    "idempotency",
    "lane",
    "message",
    "meta",
    "metadata",
    "node",
    "pace",
    "recipient",
    "sender",
    "session",
    "tenant",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: Iterable[Enum]) -> CheckConstraint:
    words = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=column)


def _in_states(states: Iterable[State]) -> str:
    return f"state IN ({', '.join(sorted(repr(state.value) for state in states))})"


# On SQLite a lone key of exactly this type is the row's own number: no second tree to keep.
_ID = BigInteger().with_variant(Integer, "sqlite")


def _id(name: str = "id") -> Column[int]:
    return Column(name, _ID, primary_key=True, autoincrement=False)


def _tenant() -> Column[int]:
    return Column("tenant_id", BigInteger, nullable=False)


def _number(name: str, default: int | None = None) -> Column[int]:
    if default is None:
        return Column(name, BigInteger, nullable=True)
    return Column(name, BigInteger, nullable=False, server_default=str(default))


def _words(name: str, default: str | None = "") -> Column[str]:
    if default is None:
        return Column(name, Text, nullable=True)
    return Column(name, Text, nullable=False, server_default=default)


def _flag(name: str, default: bool = False) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=true() if default else false())


meta = Table("meta", metadata, Column("name", Text, primary_key=True), _words("value"))

node = Table(
    "node",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("worker", Text, nullable=False, unique=True),
    _words("role"),
    _number("started_ms", 0),
    _number("seen_ms", 0),
    _number("floor", 0),
)

tenant = Table(
    "tenant",
    metadata,
    _id(),
    Column("parent_id", BigInteger, ForeignKey("tenant.id"), nullable=True),
    Column("name", Text, nullable=False, unique=True),
    _flag("suspended"),
    _words("mode", None),
    _words("sending", None),
    _number("default_sender_id"),
    _number("default_account_id"),
    _words("footer_text", None),
    _words("footer_html", None),
    Column("recipients_choose", Boolean, nullable=True),
    _words("unknown_policy", None),
    _number("content_days"),
    _number("log_days"),
    _words("retry_minutes", None),
    _number("retry_days"),
    _words("guard_redirect", None),
    _words("guard_allow", None),
    _number("created_ms", 0),
    _number("version", 1),
    _one_of("mode", Mode),
    _one_of("sending", Sending),
    _one_of("unknown_policy", UnknownPolicy),
)

account = Table(
    "account",
    metadata,
    _id(),
    _tenant(),
    Column("name", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    _words("encryption", Encryption.STARTTLS.value),
    _words("login", Login.NONE.value),
    Column("user_name", Text, nullable=False, server_default=""),
    _words("secret_reference"),
    _words("certificate_check", CertificateCheck.VERIFY.value),
    _words("certificate_authority"),
    _words("certificate_pin"),
    _flag("allow_clear_login"),
    _number("connector_id"),
    _flag("enabled", True),
    _words("sender_address"),
    _words("sender_name"),
    _words("reply_to"),
    _words("return_path"),
    _words("confirmation_address"),
    _flag("request_receipt"),
    _flag("force_settings"),
    _flag("footer_enabled", True),
    _words("footer_text", None),
    _words("footer_html", None),
    _words("ehlo_name"),
    _number("fallback_account_id"),
    _flag("rewrite_from"),
    _number("limit_connections", 4),
    _number("limit_per_minute"),
    _number("limit_per_day"),
    _number("limit_recipients", 100),
    _number("limit_size"),
    _words("state", AccountState.READY.value),
    _words("paused_reason"),
    _words("paused_by"),
    _number("paused_ms"),
    _number("resume_ms"),
    _number("created_ms", 0),
    _number("version", 1),
    UniqueConstraint("tenant_id", "name"),
    CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    _one_of("encryption", Encryption),
    _one_of("login", Login),
    _one_of("certificate_check", CertificateCheck),
    _one_of("state", AccountState),
)

credential = Table(
    "credential",
    metadata,
    _id("account_id"),
    _tenant(),
    Column("sealed", LargeBinary, nullable=False),
    _number("set_ms", 0),
    _words("set_by"),
)

sender = Table(
    "sender",
    metadata,
    _id(),
    _tenant(),
    Column("address", Text, nullable=False),
    _words("name"),
    _words("reply_to"),
    _words("return_path"),
    _words("confirmation_address"),
    _number("account_id"),
    _words("paused_reason"),
    _number("created_ms", 0),
    _number("version", 1),
    UniqueConstraint("tenant_id", "address"),
)

application = Table(
    "application",
    metadata,
    _id(),
    _tenant(),
    Column("name", Text, nullable=False),
    _flag("suspended"),
    _number("created_ms", 0),
    UniqueConstraint("tenant_id", "name"),
)

api_key = Table(
    "api_key",
    metadata,
    _id(),
    _tenant(),
    Column("application_id", BigInteger, nullable=False),
    Column("prefix", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    _words("scopes"),
    _number("created_ms", 0),
    _number("last_used_ms"),
    _number("expires_ms"),
    _number("revoked_ms"),
)

message = Table(
    "message",
    metadata,
    _id(),
    _tenant(),
    _number("created_ms", 0),
    _number("application_id"),
    _number("sender_id"),
    Column("sender", Text, nullable=False),
    Column("mail_from", Text, nullable=False),
    _words("subject"),
    Column("message_id", Text, nullable=False),
    _number("size", 0),
    Column("priority", SmallInteger, nullable=False, server_default="5"),
    _words("kind"),
    _flag("eight_bit"),
    _flag("smtputf8"),
    _number("send_at_ms"),
    _number("expires_ms"),
    _words("unknown_policy", UnknownPolicy.RETRY.value),
    _flag("secret"),
    _number("resend_of"),
    _words("tags", None),
    _words("metadata", None),
    _words("ret", None),
    _words("envid", None),
    Index("ix_message_tenant_id_id", "tenant_id", "id"),
    _one_of("unknown_policy", UnknownPolicy),
)

content = Table(
    "content",
    metadata,
    _id("message_id"),
    _tenant(),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=True,
)

recipient = Table(
    "recipient",
    metadata,
    _id("message_id"),
    Column("n", Integer, primary_key=True, autoincrement=False),
    _tenant(),
    # Ordered by code points everywhere, so that what an address begins with is a range of the index.
    Column("address", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False),
    _words("role", RecipientRole.TO.value),
    Column("state", Text, nullable=False),
    _number("account_id"),
    _number("sender_id"),
    _words("routed"),
    Column("priority", SmallInteger, nullable=False, server_default="5"),
    _number("due_ms"),
    _number("expires_ms"),
    _number("lease"),
    Column("mark", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _words("reason"),
    _words("diagnosis"),
    _words("scope"),
    _words("reply"),
    _number("updated_ms", 0),
    _words("notify", None),
    _words("orcpt", None),
    _one_of("state", State),
    _one_of("role", RecipientRole),
    CheckConstraint(f"({_in_states(WAITING)}) = (due_ms IS NOT NULL)", name="waiting_has_due"),
    CheckConstraint(f"({_in_states(LEASED)}) = (lease IS NOT NULL)", name="leased_has_lease"),
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

event = Table(
    "event",
    metadata,
    _id("message_id"),
    _id(),
    _tenant(),
    Column("n", Integer, nullable=True),
    _number("at_ms", 0),
    Column("kind", Text, nullable=False),
    _words("detail", None),
    sqlite_with_rowid=False,
)

session = Table(
    "session",
    metadata,
    _id(),
    _tenant(),
    _number("account_id", 0),
    _number("opened_ms", 0),
    _words("server"),
    _words("tls"),
    _words("conversation"),
)

attempt = Table(
    "attempt",
    metadata,
    _id("message_id"),
    _id(),
    _tenant(),
    _words("recipients"),
    _number("account_id"),
    _number("account_version", 0),
    _words("courier"),
    _number("started_ms", 0),
    _number("ended_ms", 0),
    _words("phase"),
    _words("reply"),
    _number("session_id"),
    _words("conversation"),
    sqlite_with_rowid=False,
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    _number("message_id", 0),
    _number("created_ms", 0),
    Index("ix_idempotency_created_ms", "created_ms"),
    sqlite_with_rowid=False,
)

lane = Table(
    "lane",
    metadata,
    _id("account_id"),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    _tenant(),
    _number("fence", 0),
    _words("worker"),
    _number("expires_ms", 0),
)

pace = Table(
    "pace",
    metadata,
    _id("account_id"),
    _tenant(),
    _number("minute_start_ms", 0),
    _number("minute_count", 0),
    _number("day_start_ms", 0),
    _number("day_count", 0),
)
