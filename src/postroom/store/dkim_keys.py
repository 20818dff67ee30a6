"""DKIM keys. A private key is here only sealed (promise P7)."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, select, update

from postroom.model.dkim import DkimAlgorithm, DkimKey, DkimState
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "Looked", "SealedKey", "all_keys", "all_sealed", "create", "looked", "looks", "of_tenant", "remove", "reseal",
    "save",
]  # fmt: skip

_table = tables.dkim_key
_WHY = "the snapshot, resealing and looking into the DNS see every tenant's"


class SealedKey(NamedTuple):
    key: DkimKey
    sealed: bytes

    def __repr__(self) -> str:
        return f"SealedKey(key={self.key.id})"


class Looked(NamedTuple):
    """When its record was last looked for, and what was found, in a sentence; nothing yet."""

    checked_ms: int | None
    seen: str


def _from_row(row: Row[Any]) -> DkimKey:
    return DkimKey(
        id=row.id,
        tenant_id=row.tenant_id,
        domain=row.domain,
        selector=row.selector,
        algorithm=DkimAlgorithm(row.algorithm),
        bits=row.bits,
        public_key=row.public_key,
        state=DkimState(row.state),
        absent_since_ms=row.absent_since_ms,
        activated_ms=row.activated_ms,
        retired_ms=row.retired_ms,
        created_ms=row.created_ms,
        version=row.version,
    )


def of_tenant(connection: Connection, tenant_id: int) -> list[DkimKey]:
    rows = connection.execute(select(_table).where(within(_table, tenant_id)).order_by(_table.c.id))
    return [_from_row(row) for row in rows]


def all_keys(connection: Connection) -> list[DkimKey]:
    return [_from_row(row) for row in connection.execute(across(select(_table).order_by(_table.c.id), _WHY))]


def create(connection: Connection, key: DkimKey, sealed: bytes) -> None:
    connection.execute(
        _table.insert().values(
            id=key.id,
            tenant_id=key.tenant_id,
            domain=key.domain,
            selector=key.selector,
            algorithm=key.algorithm.value,
            bits=key.bits,
            public_key=key.public_key,
            sealed=sealed,
            state=key.state.value,
            created_ms=key.created_ms,
        )
    )


def save(connection: Connection, key: DkimKey) -> None:
    """Writes its state; everything else of a key never changes. The version grows by one."""
    connection.execute(
        update(_table)
        .where(within(_table, key.tenant_id), _table.c.id == key.id)
        .values(
            state=key.state.value,
            absent_since_ms=key.absent_since_ms,
            activated_ms=key.activated_ms,
            retired_ms=key.retired_ms,
            version=_table.c.version + 1,
        )
    )


def remove(connection: Connection, key: DkimKey) -> None:
    connection.execute(delete(_table).where(within(_table, key.tenant_id), _table.c.id == key.id))


def all_sealed(connection: Connection) -> list[SealedKey]:
    rows = connection.execute(across(select(_table).order_by(_table.c.id), _WHY))
    return [SealedKey(_from_row(row), bytes(row.sealed)) for row in rows]


def reseal(connection: Connection, key: DkimKey, sealed: bytes) -> None:
    """The same key under another one of the ring."""
    mine = (within(_table, key.tenant_id), _table.c.id == key.id)
    connection.execute(update(_table).where(*mine).values(sealed=sealed))


def looked(connection: Connection, key: DkimKey, now_ms: int, seen: str) -> None:
    """Notes what a look into the DNS found. No change of the settings."""
    mine = (within(_table, key.tenant_id), _table.c.id == key.id)
    connection.execute(update(_table).where(*mine).values(checked_ms=now_ms, seen=seen))


def looks(connection: Connection, tenant_id: int) -> dict[int, Looked]:
    """What was found for each key of a tenant."""
    query = select(_table.c.id, _table.c.checked_ms, _table.c.seen).where(within(_table, tenant_id))
    return {row.id: Looked(row.checked_ms, row.seen) for row in connection.execute(query)}
