"""How often servers answered what no rule knows, without their words."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from postroom.store.tables.columns import metadata, number, words

__all__ = ["unknown_answer"]

unknown_answer = Table(
    "unknown_answer",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("family", Text, primary_key=True),
    Column("phase", Text, primary_key=True),
    Column("code", Integer, primary_key=True, autoincrement=False),
    Column("enhanced", Text, primary_key=True),
    words("diagnosis"),
    number("times", 0),
    number("first_ms", 0),
    number("last_ms", 0),
)
