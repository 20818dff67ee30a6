"""People: roles, users, their sessions and links, and the audit trail of what they did."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table, Text, UniqueConstraint

from postroom.model.person import Purpose
from postroom.store.tables.columns import flag, key, metadata, number, one_of, tenant_of, words

__all__ = ["audit", "challenge", "passkey", "person", "person_link", "person_session", "recovery_code", "role"]

role = Table(
    "role",
    metadata,
    key(),
    tenant_of(),
    Column("name", Text, nullable=False),
    words("scopes"),
    number("created_ms", 0),
    number("version", 1),
    UniqueConstraint("tenant_id", "name"),
)

# Not named after its noun: `user` is a reserved word of SQL.

person = Table(
    "person",
    metadata,
    key(),
    tenant_of(),
    Column("login", Text, nullable=False),
    Column("login_key", Text, nullable=False, unique=True),
    words("name"),
    words("email"),
    words("roles"),
    words("password"),
    number("password_set_ms"),
    Column("totp", LargeBinary, nullable=True),
    flag("totp_confirmed"),
    number("totp_step", 0),
    number("deactivated_ms"),
    number("created_ms", 0),
    number("signed_in_ms"),
    number("version", 1),
    number("passkeys", 0),
    words("language"),
    words("time_zone"),
    words("look"),
    Index("ix_person_tenant_id_id", "tenant_id", "id"),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    key("person_id"),
    Column("digest", LargeBinary, primary_key=True),
    tenant_of(),
)

person_session = Table(
    "person_session",
    metadata,
    key(),
    tenant_of(),
    number("person_id", 0),
    Column("prefix", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    flag("pending"),
    number("created_ms", 0),
    number("seen_ms", 0),
    number("expires_ms", 0),
    words("address"),
    words("agent"),
    number("provider_id"),
    Index("ix_person_session_person_id", "person_id"),
)

person_link = Table(
    "person_link",
    metadata,
    key(),
    tenant_of(),
    number("person_id", 0),
    words("purpose", Purpose.INVITATION.value),
    Column("digest", LargeBinary, nullable=False, unique=True),
    number("created_ms", 0),
    number("expires_ms", 0),
    Index("ix_person_link_person_id", "person_id"),
    one_of("purpose", Purpose),
)

passkey = Table(
    "passkey",
    metadata,
    key(),
    tenant_of(),
    number("person_id", 0),
    words("name"),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    number("sign_count", 0),
    flag("backed_up"),
    words("transports"),
    number("created_ms", 0),
    number("used_ms"),
    Index("ix_passkey_person_id", "person_id"),
)

challenge = Table(
    "challenge",
    metadata,
    key(),
    tenant_of(),
    number("person_id"),
    number("session_id"),
    Column("asking", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    words("content"),
    number("created_ms", 0),
    number("expires_ms", 0),
)

# Append-only: triggers, made with the table, refuse every UPDATE and DELETE.

audit = Table(
    "audit",
    metadata,
    key(),
    tenant_of(),
    number("at_ms", 0),
    words("who_kind"),
    number("who_id"),
    words("who"),
    words("door"),
    words("address"),
    Column("verb", Text, nullable=False),
    number("thing_id"),
    words("thing"),
    words("before"),
    words("after"),
    Index("ix_audit_tenant_id_id", "tenant_id", "id"),
)
