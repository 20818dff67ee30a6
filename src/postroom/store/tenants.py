"""Tenants and their own settings. The installation's row is the one without a parent.

A tenant is the scope of everything else, so this table has no tenant column of its own: who may see which tenant is
decided by the facade that asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Row, select, text, update

from postroom.model.tenant import INSTALLATION, ForeignFrom, Mode, Sending, Tenant, TenantSettings, UnknownPolicy
from postroom.store import tables

__all__ = ["all_tenants", "by_name", "create", "found", "from_row", "get", "save"]

_table = tables.tenant
_SETTINGS = tuple(field.name for field in fields(TenantSettings))
_ENUMS: dict[str, type[Mode] | type[Sending] | type[UnknownPolicy] | type[ForeignFrom]] = {
    "mode": Mode,
    "sending": Sending,
    "unknown_policy": UnknownPolicy,
    "foreign_from": ForeignFrom,
}
_LISTS = ("retry_minutes", "guard_allow", "alarm_to")


def from_row(row: Row[Any]) -> Tenant:
    stored = row._mapping
    values: dict[str, Any] = {name: stored[name] for name in _SETTINGS}
    for name, words in _ENUMS.items():
        values[name] = None if values[name] is None else words(values[name])
    for name in _LISTS:
        values[name] = None if values[name] is None else tuple(json.loads(values[name]))
    return Tenant(
        id=row.id,
        parent_id=row.parent_id,
        name=row.name,
        settings=TenantSettings(**values),
        suspended=bool(row.suspended),
        created_ms=row.created_ms,
        version=row.version,
        deleted_ms=row.deleted_ms,
    )


def _stored(settings: TenantSettings) -> dict[str, Any]:
    values = {name: getattr(settings, name) for name in _SETTINGS}
    for name in _ENUMS:
        values[name] = None if values[name] is None else values[name].value
    for name in _LISTS:
        values[name] = None if values[name] is None else json.dumps(values[name])
    return values


def get(connection: Connection, tenant_id: int) -> Tenant | None:
    row = connection.execute(select(_table).where(_table.c.id == tenant_id)).one_or_none()
    return None if row is None else from_row(row)


def by_name(connection: Connection, name: str) -> Tenant | None:
    row = connection.execute(select(_table).where(_table.c.name == name)).one_or_none()
    return None if row is None else from_row(row)


def all_tenants(connection: Connection) -> list[Tenant]:
    """The installation first, then in the order in which they were made."""
    return [from_row(row) for row in connection.execute(select(_table).order_by(_table.c.id))]


def found(connection: Connection, now_ms: int) -> bool:
    """Makes the installation's own row, in silent mode. False when it is there already (several nodes may try)."""
    done = connection.execute(
        text(
            "INSERT INTO tenant (id, parent_id, name, mode, created_ms, version) "
            "VALUES (:id, NULL, 'installation', 'silent', :now, 1) ON CONFLICT (id) DO NOTHING"
        ),
        {"id": INSTALLATION, "now": now_ms},
    )
    return done.rowcount == 1


def create(connection: Connection, tenant: Tenant) -> None:
    values: Mapping[str, Any] = {
        "id": tenant.id,
        "parent_id": tenant.parent_id,
        "name": tenant.name,
        "suspended": tenant.suspended,
        "created_ms": tenant.created_ms,
        "version": tenant.version,
    }
    connection.execute(_table.insert().values(**values, **_stored(tenant.settings)))


def save(connection: Connection, tenant: Tenant) -> None:
    """Writes name, suspension and settings; the version grows by one."""
    connection.execute(
        update(_table)
        .where(_table.c.id == tenant.id)
        .values(
            name=tenant.name,
            suspended=tenant.suspended,
            deleted_ms=tenant.deleted_ms,
            version=_table.c.version + 1,
            **_stored(tenant.settings),
        )
    )
