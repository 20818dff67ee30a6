"""Sealed secrets, one for each account at most. What comes in and goes out here is sealed already (promise P7)."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from postroom.store import tables
from postroom.store.scope import across, within

__all__ = ["Sealed", "all_sealed", "any_sealed", "drop", "get", "put", "set_by"]

_table = tables.credential


class Sealed(NamedTuple):
    account_id: int
    tenant_id: int
    sealed: bytes

    def __repr__(self) -> str:
        return f"Sealed(account_id={self.account_id}, tenant_id={self.tenant_id})"


def get(connection: Connection, tenant_id: int, account_id: int) -> bytes | None:
    found = connection.execute(
        select(_table.c.sealed).where(within(_table, tenant_id), _table.c.account_id == account_id)
    ).scalar()
    return None if found is None else bytes(found)


def put(connection: Connection, tenant_id: int, account_id: int, sealed: bytes, now_ms: int, by: str) -> None:
    """Replaces what was there. `by` names who typed it."""
    drop(connection, tenant_id, account_id)
    connection.execute(
        _table.insert().values(account_id=account_id, tenant_id=tenant_id, sealed=sealed, set_ms=now_ms, set_by=by)
    )


def set_by(connection: Connection, tenant_id: int, account_id: int) -> str:
    """Who typed it; empty where there is none."""
    mine = (within(_table, tenant_id), _table.c.account_id == account_id)
    return connection.execute(select(_table.c.set_by).where(*mine)).scalar() or ""


def drop(connection: Connection, tenant_id: int, account_id: int) -> bool:
    """False when there was none."""
    done = connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.account_id == account_id))
    return done.rowcount == 1


def all_sealed(connection: Connection) -> list[Sealed]:
    query = select(_table.c.account_id, _table.c.tenant_id, _table.c.sealed)
    rows = connection.execute(across(query, "the snapshot and resealing see every tenant's"))
    return [Sealed(row.account_id, row.tenant_id, bytes(row.sealed)) for row in rows]


def reseal(connection: Connection, old: Sealed, sealed: bytes) -> None:
    """The same secret under another key: when and by whom it was typed stays as it was."""
    connection.execute(
        _table.update()
        .where(within(_table, old.tenant_id), _table.c.account_id == old.account_id)
        .values(sealed=sealed)
    )


def any_sealed(connection: Connection) -> bool:
    """Whether secrets are stored at all: then a missing key ring is an error."""
    passwords = across(select(_table.c.account_id).limit(1), "asks for all")
    keys = across(select(tables.client_key.c.account_id).limit(1), "asks for all")
    connectors = across(select(tables.connector_secret.c.connector_id).limit(1), "asks for all")
    factors = across(select(tables.person.c.id).where(tables.person.c.totp.is_not(None)).limit(1), "asks for all")
    known = tables.provider
    clients = across(select(known.c.id).where(known.c.sealed.is_not(None)).limit(1), "asks for all")
    granted = across(select(tables.oauth2_grant.c.account_id).limit(1), "asks for all")
    signing = across(select(tables.dkim_key.c.id).limit(1), "asks for all")
    asked = (passwords, keys, connectors, factors, clients, granted, signing)
    return any(connection.execute(query).first() is not None for query in asked)
