"""What runs now: this database's facts, its nodes, their lanes, the pace of accounts, and who guesses passwords."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from postroom.store.tables.columns import key, metadata, number, tenant_of, words

__all__ = ["guess", "lane", "meta", "node", "pace"]

meta = Table("meta", metadata, Column("name", Text, primary_key=True), words("value"))

node = Table(
    "node",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("worker", Text, nullable=False, unique=True),
    words("role"),
    number("started_ms", 0),
    number("seen_ms", 0),
    number("floor", 0),
)

lane = Table(
    "lane",
    metadata,
    key("account_id"),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    tenant_of(),
    number("fence", 0),
    words("worker"),
    number("expires_ms", 0),
)

pace = Table(
    "pace",
    metadata,
    key("account_id"),
    tenant_of(),
    number("minute_start_ms", 0),
    number("minute_count", 0),
    words("hours"),
    number("slow_per_minute", 0),
    number("slow_per_minute_full", 0),
    number("slow_connections", 0),
    number("slow_connections_full", 0),
    number("slow_since_ms", 0),
    words("slow_why"),
    number("troubled_ms"),
    words("trouble"),
)

guess = Table(
    "guess",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    number("tries", 0),
    number("last_ms", 0),
    Index(None, "last_ms"),
)
