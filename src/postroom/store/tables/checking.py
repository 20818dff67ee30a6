"""What the settings check found, since when, and what was told of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from postroom.model.problem import Weight
from postroom.store.tables.columns import flag, key, metadata, number, one_of, words

__all__ = ["alarm", "problem"]

problem = Table(
    "problem",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("found_by", Text, nullable=False),
    words("subject"),
    words("place"),
    words("detail"),
    words("weight", Weight.WARNING.value),
    number("since_ms", 0),
    number("seen_ms", 0),
    number("ended_ms"),
    words("told"),
    flag("closed"),
    one_of("weight", Weight),
)

# When a tenant's people were written to last, about what had changed and about all of it.
alarm = Table("alarm", metadata, key("tenant_id"), number("mailed_ms", 0), number("listed_ms", 0), words("trouble"))
