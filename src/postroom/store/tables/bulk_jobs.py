"""Jobs on many messages: what is done, how far it is, and what became of each message."""

from __future__ import annotations

from sqlalchemy import Column, Index, SmallInteger, Table, Text, text

from postroom.model.bulk_job import BulkAct, BulkState
from postroom.store.tables.columns import key, metadata, number, one_of, tenant_of, words

__all__ = ["bulk_item", "bulk_job"]

bulk_job = Table(
    "bulk_job",
    metadata,
    key(),
    tenant_of(),
    Column("act", Text, nullable=False),
    words("state", BulkState.GATHERING.value),
    words("search"),
    words("recipients"),
    number("found", 0),
    number("done", 0),
    number("refused", 0),
    number("undo_of"),
    number("undone_by"),
    number("started_ms", 0),
    number("ended_ms"),
    words("started_by"),
    words("stopped_by"),
    number("user_id"),
    number("application_id"),
    # Gathering goes down from here, working up.
    number("below", 0),
    number("after", 0),
    number("fence", 0),
    number("leased_until_ms", 0),
    Index("ix_bulk_job_tenant_id_id", "tenant_id", "id"),
    Index(
        "ix_bulk_job_open",
        "id",
        sqlite_where=text("ended_ms IS NULL"),
        postgresql_where=text("ended_ms IS NULL"),
    ),
    one_of("act", BulkAct),
    one_of("state", BulkState),
)

# `outcome`: 0 it waits, 1 it is done, 2 it was refused, and `why`.
bulk_item = Table(
    "bulk_item",
    metadata,
    key("job_id"),
    key("message_id"),
    tenant_of(),
    Column("outcome", SmallInteger, nullable=False, server_default="0"),
    words("why"),
    number("copy_id"),
    Index(
        "ix_bulk_item_refused",
        "job_id",
        "message_id",
        sqlite_where=text("outcome = 2"),
        postgresql_where=text("outcome = 2"),
    ),
    sqlite_with_rowid=False,
)
