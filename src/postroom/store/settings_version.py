"""The number that grows with every change of settings, so that each node notices what another one changed.

Every change bumps it first in its own transaction. On PostgreSQL that row's lock makes changes of settings take turns,
so what a change checks (one default, unused names) still holds when it commits.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, text

from postroom.store import tables

__all__ = ["bump", "current"]

_NAME = "settings_version"


def current(connection: Connection) -> int:
    """The version now; 0 before the first change."""
    found = connection.execute(select(tables.meta.c.value).where(tables.meta.c.name == _NAME)).scalar()
    return int(found or 0)


def bump(connection: Connection) -> int:
    """Makes the next version and keeps other changes waiting until this transaction ends."""
    connection.execute(
        text(
            "INSERT INTO meta (name, value) VALUES (:name, '1') ON CONFLICT (name) DO UPDATE "
            "SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)"
        ),
        {"name": _NAME},
    )
    return current(connection)
