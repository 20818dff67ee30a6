"""Staged tests of accounts, and the reports of their steps. Kept for some days, and not many of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from postroom.model.staged import StagedState
from postroom.store.tables.columns import key, metadata, number, one_of, tenant_of, words

__all__ = ["staged_step", "staged_test"]

staged_test = Table(
    "staged_test",
    metadata,
    key(),
    tenant_of(),
    number("account_id"),
    Column("state", Text, nullable=False),
    number("started_ms", 0),
    number("ended_ms"),
    number("message_id"),
    words("facts"),
    Index("ix_staged_test_tenant_id_id", "tenant_id", "id"),
    one_of("state", StagedState),
)

staged_step = Table(
    "staged_step",
    metadata,
    Column("test_id", BigInteger, primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    tenant_of(),
    words("document"),
)
