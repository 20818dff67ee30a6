"""Whether senders get through accounts: one row for each pair that was ever wanted."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text

from postroom.model.proof import ProofState
from postroom.store.tables.columns import flag, metadata, number, one_of, words

__all__ = ["proof"]

proof = Table(
    "proof",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", Text, primary_key=True),
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    words("state", ProofState.UNTESTED.value),
    number("at_ms"),
    words("told_by"),
    words("words"),
    words("diagnosis"),
    words("family"),
    words("basis"),
    words("probe_address"),
    number("tried_ms"),
    words("trouble"),
    number("tries", 0),
    number("due_ms"),
    flag("asked"),
    number("leased_until_ms", 0),
    number("fence", 0),
    one_of("state", ProofState),
)
Index("ix_proof_due_ms", proof.c.due_ms)
