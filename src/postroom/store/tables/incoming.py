"""Mail that came in, each once, and what it was about."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, text

from postroom.model.incoming import IncomingKind
from postroom.store.tables.columns import key, metadata, number, one_of, tenant_of, words

__all__ = ["WAITING", "incoming", "incoming_content"]

WAITING = "done_ms IS NULL AND (message_id IS NULL OR kind = 'other')"
"""What a person has to look at; spelled as the index has it, so that it serves."""

incoming = Table(
    "incoming",
    metadata,
    key(),
    tenant_of(),
    number("received_ms", 0),
    Column("digest", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    words("sender"),
    words("subject"),
    words("text"),
    words("why"),
    number("size", 0),
    Column("message_id", BigInteger, nullable=True),
    Column("n", Integer, nullable=True),
    number("done_ms"),
    words("done_by"),
    one_of("kind", IncomingKind),
    # The same octets are the same mail, however often they are fetched or handed over.
    Index("ix_incoming_digest", "tenant_id", "digest", unique=True),
    Index("ix_incoming_tenant_id_id", "tenant_id", "id"),
    Index("ix_incoming_message", "tenant_id", "message_id"),
    Index("ix_incoming_waiting", "tenant_id", "id", sqlite_where=text(WAITING), postgresql_where=text(WAITING)),
    # How often somebody answered lately, however many reports came meanwhile.
    Index(
        "ix_incoming_replies",
        "tenant_id",
        "sender",
        "id",
        sqlite_where=text("kind = 'reply'"),
        postgresql_where=text("kind = 'reply'"),
    ),
)

incoming_content = Table(
    "incoming_content",
    metadata,
    key("incoming_id"),
    tenant_of(),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=True,
)
