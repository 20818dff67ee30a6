"""Tries at passwords and codes, counted for all nodes: by the digest of whose they are, so that no name stands here."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from postroom.store import tables

__all__ = ["Tried", "drop_old", "forget", "put", "tried"]

_table = tables.guess


class Tried(NamedTuple):
    """How often, and when last (ms, UTC)."""

    times: int
    last_ms: int


def tried(connection: Connection, digest: bytes) -> Tried | None:
    """What is known of it; nobody else counts it meanwhile."""
    query = select(_table.c.tries, _table.c.last_ms).where(_table.c.digest == digest).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else Tried(row.tries, row.last_ms)


def put(connection: Connection, digest: bytes, now: Tried) -> None:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {"tries": now.times, "last_ms": now.last_ms}
    row = insert(_table).values(digest=digest, **values)
    connection.execute(row.on_conflict_do_update(index_elements=[_table.c.digest], set_=values))


def forget(connection: Connection, digest: bytes) -> None:
    connection.execute(delete(_table).where(_table.c.digest == digest))


def drop_old(connection: Connection, before_ms: int) -> None:
    connection.execute(delete(_table).where(_table.c.last_ms < before_ms))
