"""What the mailing log is found by: for each tenant, under which terms (see `policy.terms`) which messages stand.

The key is the index: a term's messages in their order, newest last. Written by upkeep, never while mail is accepted.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from postroom.store.tables.columns import key, metadata

__all__ = ["term"]

term = Table(
    "term",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    # Ordered by code points everywhere, so that what a term begins with is a range of the key.
    Column("term", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    key("message_id"),
    sqlite_with_rowid=False,
)
