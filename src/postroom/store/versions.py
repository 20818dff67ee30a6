"""The table of versions: written with each change of what has versions, in its transaction."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, exists, func, select

from postroom.model.version import NOUNS, Version, content_of, plural
from postroom.policy.snapshot import Snapshot
from postroom.store import tables
from postroom.store.scope import within

__all__ = ["deleted", "get", "note", "of_thing"]

_table = tables.version


def note(connection: Connection, before: Snapshot, after: Snapshot, who: str, now_ms: int) -> None:
    """Writes a version of everything that has a new one.

    What the thing was before is written too where no change has done so yet: the installation's own row, and whatever
    is older than this table. What is deleted gets a last version, which is empty; not what goes with its tenant.
    """
    for noun in NOUNS:
        old, new = getattr(before, plural(noun)), getattr(after, plural(noun))
        for number, thing in new.items():
            was = old.get(number)
            if was is not None and was.version == thing.version:
                continue
            if was is not None and not _is_there(connection, _tenant_of(noun, was), number, was.version):
                _put(connection, noun, was, "", was.created_ms)
            _put(connection, noun, thing, who, now_ms)
        for number, was in old.items():
            if number not in new and _stays(after, noun, was):
                if not _is_there(connection, was.tenant_id, number, was.version):
                    _put(connection, noun, was, "", was.created_ms)
                _bury(connection, noun, was, who, now_ms)


def _stays(after: Snapshot, noun: str, was: Any) -> bool:
    """Whether the tenant of what was deleted is still there."""
    tenant = None if noun == "tenant" else after.tenants.get(was.tenant_id)
    return tenant is not None and tenant.deleted_ms is None


def _tenant_of(noun: str, thing: Any) -> int:
    return int(thing.id if noun == "tenant" else thing.tenant_id)


def _is_there(connection: Connection, tenant_id: int, noun_id: int, version: int) -> bool:
    one = select(_table.c.version).where(
        within(_table, tenant_id), _table.c.noun_id == noun_id, _table.c.version == version
    )
    return bool(connection.execute(select(exists(one))).scalar())


def _put(connection: Connection, noun: str, thing: Any, who: str, at_ms: int) -> None:
    content = json.dumps(content_of(thing), ensure_ascii=False)
    _write(connection, noun, thing, thing.version, who, at_ms, content)


def _bury(connection: Connection, noun: str, thing: Any, who: str, at_ms: int) -> None:
    _write(connection, noun, thing, thing.version + 1, who, at_ms, "")


def _write(connection: Connection, noun: str, thing: Any, version: int, who: str, at_ms: int, content: str) -> None:
    connection.execute(
        _table.insert().values(
            noun_id=thing.id,
            version=version,
            tenant_id=_tenant_of(noun, thing),
            noun=noun,
            at_ms=at_ms,
            who=who,
            content=content,
        )
    )


def of_thing(connection: Connection, tenant_id: int, noun_id: int) -> list[Version]:
    """All versions of one thing, the newest first."""
    query = select(_table).where(within(_table, tenant_id), _table.c.noun_id == noun_id)
    return [_version(row) for row in connection.execute(query.order_by(_table.c.version.desc()))]


def deleted(connection: Connection, tenant_id: int) -> list[Version]:
    """The last version of everything that is deleted and was not restored; what was deleted last comes first."""
    last = (
        select(_table.c.noun_id, func.max(_table.c.version).label("version"))
        .where(within(_table, tenant_id))
        .group_by(_table.c.noun_id)
        .subquery()
    )
    query = (
        select(_table)
        .join(last, (last.c.noun_id == _table.c.noun_id) & (last.c.version == _table.c.version))
        .where(within(_table, tenant_id), _table.c.content == "")
    )
    return [_version(row) for row in connection.execute(query.order_by(_table.c.at_ms.desc(), _table.c.noun_id))]


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
        values=json.loads(row.content) if row.content else {},
    )
