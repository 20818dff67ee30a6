"""The table of versions: written with each change of a tenant, an account or a sender, in its transaction."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from postroom.model.version import NOUNS, Version, content_of
from postroom.policy.snapshot import Snapshot
from postroom.store import tables
from postroom.store.scope import within

__all__ = ["get", "note", "of_thing"]

_table = tables.version


def note(connection: Connection, before: Snapshot, after: Snapshot, who: str, now_ms: int) -> None:
    """Writes a version of everything that has a new one.

    What the thing was before is written too where no change has done so yet: the installation's own row, and whatever
    is older than this table.
    """
    for noun in NOUNS:
        old, new = getattr(before, f"{noun}s"), getattr(after, f"{noun}s")
        for number, thing in new.items():
            was = old.get(number)
            if was is not None and was.version == thing.version:
                continue
            if was is not None and not _is_there(connection, _tenant_of(noun, was), number, was.version):
                _put(connection, noun, was, "", was.created_ms)
            _put(connection, noun, thing, who, now_ms)


def _tenant_of(noun: str, thing: Any) -> int:
    return int(thing.id if noun == "tenant" else thing.tenant_id)


def _is_there(connection: Connection, tenant_id: int, noun_id: int, version: int) -> bool:
    one = select(_table.c.version).where(
        within(_table, tenant_id), _table.c.noun_id == noun_id, _table.c.version == version
    )
    return bool(connection.execute(select(exists(one))).scalar())


def _put(connection: Connection, noun: str, thing: Any, who: str, at_ms: int) -> None:
    connection.execute(
        _table.insert().values(
            noun_id=thing.id,
            version=thing.version,
            tenant_id=_tenant_of(noun, thing),
            noun=noun,
            at_ms=at_ms,
            who=who,
            content=json.dumps(content_of(thing), ensure_ascii=False),
        )
    )


def of_thing(connection: Connection, tenant_id: int, noun_id: int) -> list[Version]:
    """All versions of one thing, the newest first."""
    query = select(_table).where(within(_table, tenant_id), _table.c.noun_id == noun_id)
    return [_version(row) for row in connection.execute(query.order_by(_table.c.version.desc()))]


def get(connection: Connection, tenant_id: int, noun_id: int, version: int) -> Version | None:
    chosen = (within(_table, tenant_id), _table.c.noun_id == noun_id, _table.c.version == version)
    row = connection.execute(select(_table).where(*chosen)).one_or_none()
    return None if row is None else _version(row)


def _version(row: Row[Any]) -> Version:
    return Version(
        tenant_id=row.tenant_id,
        noun=row.noun,
        noun_id=row.noun_id,
        version=row.version,
        at_ms=row.at_ms,
        who=row.who,
        values=json.loads(row.content),
    )
