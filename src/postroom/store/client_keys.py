"""The private keys of client certificates, one for each account at most. What comes in and goes out here is sealed
already (promise P7).
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, update

from postroom.store import tables
from postroom.store.credentials import Sealed
from postroom.store.scope import across, within

__all__ = ["all_sealed", "drop", "put", "reseal"]

_table = tables.client_key


def put(connection: Connection, tenant_id: int, account_id: int, sealed: bytes, now_ms: int, by: str) -> None:
    """Replaces what was there. `by` names who gave it."""
    drop(connection, tenant_id, account_id)
    connection.execute(
        _table.insert().values(account_id=account_id, tenant_id=tenant_id, sealed=sealed, set_ms=now_ms, set_by=by)
    )


def drop(connection: Connection, tenant_id: int, account_id: int) -> bool:
    """False when there was none."""
    done = connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.account_id == account_id))
    return done.rowcount == 1


def all_sealed(connection: Connection) -> list[Sealed]:
    query = select(_table.c.account_id, _table.c.tenant_id, _table.c.sealed)
    rows = connection.execute(across(query, "the snapshot and resealing see every tenant's"))
    return [Sealed(row.account_id, row.tenant_id, bytes(row.sealed)) for row in rows]


def reseal(connection: Connection, old: Sealed, sealed: bytes) -> None:
    """The same key under another of the ring: when and by whom it was given stays as it was."""
    mine = (within(_table, old.tenant_id), _table.c.account_id == old.account_id)
    connection.execute(update(_table).where(*mine).values(sealed=sealed))
