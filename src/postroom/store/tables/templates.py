"""Templates, their layouts, and bulks: calls that send one template to many."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint, text

from postroom.store.tables.columns import flag, key, metadata, number, tenant_of, words

__all__ = ["bulk", "layout", "template"]

template = Table(
    "template",
    metadata,
    key(),
    tenant_of(),
    Column("name", Text, nullable=False),
    words("kind"),
    words("language", "en"),
    words("layout"),
    words("texts", "{}"),
    words("variables", "[]"),
    number("created_ms", 0),
    number("version", 1),
    UniqueConstraint("tenant_id", "name"),
)

layout = Table(
    "layout",
    metadata,
    key(),
    tenant_of(),
    Column("name", Text, nullable=False),
    words("html"),
    words("text"),
    flag("default"),
    number("created_ms", 0),
    number("version", 1),
    UniqueConstraint("tenant_id", "name"),
)

# `key`: the idempotency key of the call, so that one that is repeated goes on where it was cut off.
bulk = Table(
    "bulk",
    metadata,
    key(),
    tenant_of(),
    number("application_id"),
    words("template"),
    number("template_version", 0),
    words("kind"),
    words("key", None),
    words("who"),
    number("created_ms", 0),
    number("finished_ms"),
    number("cancelled_ms"),
    number("refused", 0),
    Index(
        "ix_bulk_tenant_id_key",
        "tenant_id",
        "key",
        unique=True,
        sqlite_where=text("key IS NOT NULL"),
        postgresql_where=text("key IS NOT NULL"),
    ),
    Index("ix_bulk_tenant_id_id", "tenant_id", "id"),
)
