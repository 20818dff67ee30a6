"""Searches of the mailing log that people keep."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from postroom.store.tables.columns import flag, key, metadata, number, tenant_of, words

__all__ = ["saved_filter"]

saved_filter = Table(
    "saved_filter",
    metadata,
    key(),
    tenant_of(),
    number("user_id"),
    Column("name", Text, nullable=False),
    flag("shared"),
    words("search"),
    number("created_ms", 0),
    Index("ix_saved_filter_tenant_id", "tenant_id"),
)
