"""Connectors: what is set, their sealed secrets, the agents that dial in for them, and what happened to each."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from postroom.model.connector import ConnectorKind
from postroom.store.tables.columns import flag, key, metadata, number, one_of, tenant_of, words

__all__ = ["agent", "connector", "connector_event", "connector_secret"]

connector = Table(
    "connector",
    metadata,
    key(),
    tenant_of(),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    words("host"),
    Column("port", Integer, nullable=False, server_default="0"),
    words("user_name"),
    words("host_key"),
    number("created_ms", 0),
    number("version", 1),
    UniqueConstraint("tenant_id", "name"),
    CheckConstraint("port BETWEEN 0 AND 65535", name="port"),
    one_of("kind", ConnectorKind),
)

connector_secret = Table(
    "connector_secret",
    metadata,
    key("connector_id"),
    tenant_of(),
    Column("sealed", LargeBinary, nullable=False),
    number("set_ms", 0),
    words("set_by"),
)

agent = Table(
    "agent",
    metadata,
    key(),
    tenant_of(),
    Column("connector_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    number("created_ms", 0),
    words("node"),
    words("address"),
    number("connected_ms"),
    number("seen_ms"),
    number("revoked_ms"),
    UniqueConstraint("connector_id", "name"),
)

connector_event = Table(
    "connector_event",
    metadata,
    key(),
    tenant_of(),
    Column("connector_id", BigInteger, nullable=False),
    number("at_ms", 0),
    flag("trouble"),
    words("text"),
)
Index("ix_connector_event_connector_id_id", connector_event.c.connector_id, connector_event.c.id)
