"""What has to do with the DNS: keys that domains sign with, and what a look at a sender's records found."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text, UniqueConstraint

from postroom.model.dkim import DkimAlgorithm, DkimState
from postroom.store.tables.columns import key, metadata, number, one_of, tenant_of, words

__all__ = ["dkim_key", "dns_check"]

dkim_key = Table(
    "dkim_key",
    metadata,
    key(),
    tenant_of(),
    Column("domain", Text, nullable=False),
    Column("selector", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    number("bits", 0),
    Column("public_key", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    words("state", DkimState.WAITING.value),
    number("absent_since_ms"),
    number("activated_ms"),
    number("retired_ms"),
    number("created_ms", 0),
    number("version", 1),
    number("checked_ms"),
    words("seen"),
    UniqueConstraint("tenant_id", "domain", "selector"),
    one_of("algorithm", DkimAlgorithm),
    one_of("state", DkimState),
)

dns_check = Table(
    "dns_check",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sender", Text, primary_key=True),
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    number("checked_ms", 0),
    words("result"),
)
