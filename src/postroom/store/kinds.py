"""Kinds of mail."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from postroom.model.kind import Files, Kind, Way
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = ["all_kinds", "by_name", "create", "get", "of_tenant", "remove", "save"]

_table = tables.kind
_NAMES = tuple(field.name for field in fields(Kind))
_KEPT = frozenset({"id", "tenant_id", "created_ms", "version"})


def _from_row(row: Row[Any]) -> Kind:
    values = {name: row._mapping[name] for name in _NAMES}
    values |= {"way": Way(row.way), "attachments": Files(row.attachments)}
    return Kind(**values | {"mandatory": bool(row.mandatory), "bulk": bool(row.bulk)})


def _stored(kind: Kind) -> dict[str, Any]:
    values = {name: getattr(kind, name) for name in _NAMES}
    return values | {"way": kind.way.value, "attachments": kind.attachments.value}


def get(connection: Connection, tenant_id: int, kind_id: int) -> Kind | None:
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id == kind_id)).one_or_none()
    return None if row is None else _from_row(row)


def by_name(connection: Connection, tenant_id: int, name: str) -> Kind | None:
    """In whatever case it is written: no two kinds of a tenant differ in case only."""
    wanted = name.strip().casefold()
    return next((kind for kind in of_tenant(connection, tenant_id) if kind.name.casefold() == wanted), None)


def of_tenant(connection: Connection, tenant_id: int) -> list[Kind]:
    rows = connection.execute(select(_table).where(within(_table, tenant_id)).order_by(_table.c.id))
    return [_from_row(row) for row in rows]


def all_kinds(connection: Connection) -> list[Kind]:
    query = across(select(_table).order_by(_table.c.id), "the snapshot holds all tenants' settings")
    return [_from_row(row) for row in connection.execute(query)]


def create(connection: Connection, kind: Kind) -> None:
    connection.execute(_table.insert().values(**_stored(kind)))


def save(connection: Connection, kind: Kind) -> None:
    """Writes what people set; the version grows by one."""
    values = {name: value for name, value in _stored(kind).items() if name not in _KEPT}
    connection.execute(
        update(_table)
        .where(within(_table, kind.tenant_id), _table.c.id == kind.id)
        .values(**values, version=_table.c.version + 1)
    )


def remove(connection: Connection, tenant_id: int, kind_id: int) -> None:
    """What recipients chose of it stays, and holds again for a new one of this name."""
    connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == kind_id))
