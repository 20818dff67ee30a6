"""Searches of the mailing log that people keep."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, delete, or_, select, update

from postroom.model.saved_filter import SavedFilter
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = ["create", "get", "remove", "remove_of", "save", "seen_by"]

_table = tables.saved_filter


def seen_by(connection: Connection, tenant_id: int, user_id: int | None) -> list[SavedFilter]:
    """This user's own, and those that are shared, by their names."""
    visible = _table.c.shared if user_id is None else or_(_table.c.shared, _table.c.user_id == user_id)
    rows = connection.execute(select(_table).where(within(_table, tenant_id), visible))
    return sorted((_from_row(row) for row in rows), key=lambda one: (one.name.casefold(), one.id))


def get(connection: Connection, tenant_id: int, filter_id: int) -> SavedFilter | None:
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id == filter_id)).one_or_none()
    return None if row is None else _from_row(row)


def create(connection: Connection, kept: SavedFilter) -> None:
    connection.execute(
        _table.insert().values(
            id=kept.id,
            tenant_id=kept.tenant_id,
            user_id=kept.user_id,
            created_ms=kept.created_ms,
            **_stored(kept),
        )
    )


def save(connection: Connection, kept: SavedFilter) -> None:
    mine = (within(_table, kept.tenant_id), _table.c.id == kept.id)
    connection.execute(update(_table).where(*mine).values(**_stored(kept)))


def remove(connection: Connection, tenant_id: int, filter_id: int) -> None:
    connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == filter_id))


def remove_of(connection: Connection, user_id: int) -> None:
    """What a user kept for himself, in whatever tenant he did so; what he shared stays."""
    mine = delete(_table).where(_table.c.user_id == user_id, _table.c.shared.is_(False))
    connection.execute(across(mine, "a user of the installation may have kept some in any tenant"))


def _from_row(row: Row[Any]) -> SavedFilter:
    return SavedFilter(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        shared=bool(row.shared),
        search=json.loads(row.search) if row.search else {},
        user_id=row.user_id,
        created_ms=row.created_ms,
    )


def _stored(kept: SavedFilter) -> dict[str, Any]:
    return {"name": kept.name, "shared": kept.shared, "search": json.dumps(kept.search) if kept.search else ""}
