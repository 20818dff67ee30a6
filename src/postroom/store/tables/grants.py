"""OAuth2: what was granted to accounts, and the consents under way."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from postroom.store.tables.columns import key, metadata, number, tenant_of, words

__all__ = ["oauth2_grant", "oauth2_start"]

oauth2_grant = Table(
    "oauth2_grant",
    metadata,
    key("account_id"),
    tenant_of(),
    Column("refresh", LargeBinary, nullable=True),
    Column("access", LargeBinary, nullable=True),
    number("access_expires_ms"),
    number("granted_ms"),
    words("granted_by"),
    number("renewed_ms"),
    number("asked_ms"),
    number("trouble", 0),
    words("fault"),
    number("fence", 0),
    number("leased_until_ms", 0),
)

# A consent that somebody began. Good once, for some minutes, and only for whoever has the state that `digest` is of.
oauth2_start = Table(
    "oauth2_start",
    metadata,
    Column("digest", Text, primary_key=True),
    tenant_of(),
    Column("account_id", BigInteger, nullable=False),
    Column("verifier", LargeBinary, nullable=False),
    words("redirect_url"),
    number("user_id"),
    number("key_id"),
    words("who"),
    number("expires_ms", 0),
)
