"""Identity providers, and who of theirs is a user."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table, Text, UniqueConstraint

from postroom.store.tables.columns import flag, key, metadata, number, tenant_of, words

__all__ = ["identity", "provider"]

provider = Table(
    "provider",
    metadata,
    key(),
    tenant_of(),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    words("scopes"),
    words("email_domains"),
    words("groups_claim"),
    words("roles"),
    words("default_roles"),
    flag("create_users"),
    flag("link_by_email"),
    flag("enabled", True),
    Column("sealed", LargeBinary, nullable=True),
    number("secret_set_ms"),
    number("created_ms", 0),
    number("version", 1),
    UniqueConstraint("tenant_id", "name"),
)

identity = Table(
    "identity",
    metadata,
    key(),
    tenant_of(),
    number("person_id", 0),
    number("provider_id", 0),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    number("linked_ms", 0),
    number("used_ms"),
    UniqueConstraint("provider_id", "issuer", "subject"),
    Index("ix_identity_person_id", "person_id"),
)
