"""Tenants' own roles. The ready ones are part of the program and have no rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from postroom.model.application import Scope
from postroom.model.person import Role
from postroom.store import tables
from postroom.store.scope import within

__all__ = ["create", "get", "of_tenant", "remove", "save"]

_table = tables.role


def from_row(row: Row[Any]) -> Role:
    scopes = frozenset(Scope(word) for word in row.scopes.split())
    return Role(row.name, scopes, row.id, row.tenant_id, row.created_ms, row.version)


def of_tenant(connection: Connection, tenant_id: int) -> list[Role]:
    rows = connection.execute(select(_table).where(within(_table, tenant_id)).order_by(_table.c.id))
    return [from_row(row) for row in rows]


def get(connection: Connection, tenant_id: int, role_id: int) -> Role | None:
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id == role_id)).one_or_none()
    return None if row is None else from_row(row)


def create(connection: Connection, role: Role) -> None:
    connection.execute(
        _table.insert().values(
            id=role.id,
            tenant_id=role.tenant_id,
            name=role.name,
            scopes=" ".join(sorted(role.scopes)),
            created_ms=role.created_ms,
        )
    )


def save(connection: Connection, role: Role) -> None:
    """Writes name and rights; the version grows by one."""
    connection.execute(
        update(_table)
        .where(within(_table, role.tenant_id), _table.c.id == role.id)
        .values(name=role.name, scopes=" ".join(sorted(role.scopes)), version=_table.c.version + 1)
    )


def remove(connection: Connection, tenant_id: int, role_id: int) -> None:
    connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == role_id))
