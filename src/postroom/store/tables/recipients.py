"""Recipients: the kinds of mail there are, what each recipient chose, who is suppressed, and what waits for digests."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, SmallInteger, Table, Text, UniqueConstraint

from postroom.model.kind import Files, Way
from postroom.model.preference import HOUR, WEEKDAY, Why
from postroom.store.tables.columns import flag, key, metadata, number, one_of, tenant_of, words

__all__ = ["collected", "kind", "preference", "suppression"]

kind = Table(
    "kind",
    metadata,
    key(),
    tenant_of(),
    Column("name", Text, nullable=False),
    words("title"),
    words("title_de"),
    words("description"),
    words("description_de"),
    words("way", Way.AT_ONCE.value),
    flag("mandatory"),
    flag("bulk"),
    words("attachments", Files.KEEP.value),
    number("created_ms", 0),
    number("version", 1),
    UniqueConstraint("tenant_id", "name"),
    one_of("way", Way),
    one_of("attachments", Files),
)

preference = Table(
    "preference",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", Text, primary_key=True),
    words("language"),
    words("time_zone"),
    Column("hour", SmallInteger, nullable=False, server_default=str(HOUR)),
    Column("weekday", SmallInteger, nullable=False, server_default=str(WEEKDAY)),
    words("ways"),
    number("updated_ms", 0),
    CheckConstraint("hour BETWEEN 0 AND 23", name="hour"),
    CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
    sqlite_with_rowid=False,
)

suppression = Table(
    "suppression",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", Text, primary_key=True),
    Column("why", Text, nullable=False),
    words("source"),
    words("note"),
    number("created_ms", 0),
    number("expires_ms"),
    number("message_id"),
    one_of("why", Why),
    sqlite_with_rowid=False,
)

# When the digest is due that a recipient in the state `collected` goes with; one who left that state is found by it.
collected = Table(
    "collected",
    metadata,
    key("message_id"),
    Column("n", Integer, primary_key=True, autoincrement=False),
    tenant_of(),
    Column("address", Text, nullable=False),
    number("due_ms", 0),
    Index("ix_collected_due_ms", "due_ms"),
    Index("ix_collected_address", "tenant_id", "address"),
    sqlite_with_rowid=False,
)
