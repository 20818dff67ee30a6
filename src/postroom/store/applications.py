"""Applications and their keys. A key's text is never here: only its prefix, to find it by, and its SHA-256."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select, update

from postroom.model.application import Application, Key, Scope
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "Known",
    "all_applications",
    "create",
    "create_key",
    "get",
    "get_key",
    "known",
    "of_tenant",
    "revoke",
    "save",
    "tenant_keys",
    "used",
]

_table = tables.application
_keys = tables.api_key


class Known(NamedTuple):
    """What a presented key is compared with, and whom it speaks for."""

    key: Key
    digest: bytes
    application: str
    suspended: bool


def from_row(row: Row[Any]) -> Application:
    return Application(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        suspended=bool(row.suspended),
        created_ms=row.created_ms,
        senders=tuple(json.loads(row.senders)) if row.senders else (),
        kinds=tuple(json.loads(row.kinds)) if row.kinds else (),
        per_minute=row.per_minute,
        version=row.version,
    )


def _stored(application: Application) -> dict[str, Any]:
    return {
        "name": application.name,
        "suspended": application.suspended,
        "senders": json.dumps(application.senders) if application.senders else None,
        "kinds": json.dumps(application.kinds) if application.kinds else None,
        "per_minute": application.per_minute,
    }


def key_from_row(row: Row[Any]) -> Key:
    return Key(
        id=row.id,
        tenant_id=row.tenant_id,
        application_id=row.application_id,
        prefix=row.prefix,
        scopes=frozenset(Scope(word) for word in row.scopes.split()),
        created_ms=row.created_ms,
        last_used_ms=row.last_used_ms,
        expires_ms=row.expires_ms,
        revoked_ms=row.revoked_ms,
    )


def of_tenant(connection: Connection, tenant_id: int) -> list[Application]:
    rows = connection.execute(select(_table).where(within(_table, tenant_id)).order_by(_table.c.id))
    return [from_row(row) for row in rows]


def all_applications(connection: Connection) -> list[Application]:
    query = across(select(_table).order_by(_table.c.id), "the snapshot holds all tenants' settings")
    return [from_row(row) for row in connection.execute(query)]


def get(connection: Connection, tenant_id: int, application_id: int) -> Application | None:
    query = select(_table).where(within(_table, tenant_id), _table.c.id == application_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else from_row(row)


def create(connection: Connection, application: Application) -> None:
    connection.execute(
        _table.insert().values(
            id=application.id,
            tenant_id=application.tenant_id,
            created_ms=application.created_ms,
            **_stored(application),
        )
    )


def save(connection: Connection, application: Application) -> None:
    """Writes everything but its tenant and when it was made; the version grows by one."""
    connection.execute(
        update(_table)
        .where(within(_table, application.tenant_id), _table.c.id == application.id)
        .values(version=_table.c.version + 1, **_stored(application))
    )


def create_key(connection: Connection, key: Key, digest: bytes) -> None:
    connection.execute(
        _keys.insert().values(
            id=key.id,
            tenant_id=key.tenant_id,
            application_id=key.application_id,
            prefix=key.prefix,
            digest=digest,
            scopes=" ".join(sorted(key.scopes)),
            created_ms=key.created_ms,
            expires_ms=key.expires_ms,
        )
    )


def tenant_keys(connection: Connection, tenant_id: int) -> list[Key]:
    rows = connection.execute(select(_keys).where(within(_keys, tenant_id)).order_by(_keys.c.id))
    return [key_from_row(row) for row in rows]


def get_key(connection: Connection, tenant_id: int, key_id: int) -> Key | None:
    row = connection.execute(select(_keys).where(within(_keys, tenant_id), _keys.c.id == key_id)).one_or_none()
    return None if row is None else key_from_row(row)


def known(connection: Connection, prefix: str) -> Known | None:
    """The key with this prefix, whoever's it is, revoked or not: the caller compares and judges."""
    query = (
        select(_keys, _table.c.name.label("application"), _table.c.suspended.label("app_suspended"))
        .select_from(_keys.join(_table, _table.c.id == _keys.c.application_id))
        .where(_keys.c.prefix == prefix)
    )
    row = connection.execute(across(query, "a key tells its tenant, not the other way round")).one_or_none()
    if row is None:
        return None
    return Known(key_from_row(row), bytes(row.digest), row.application, bool(row.app_suspended))


def revoke(connection: Connection, tenant_id: int, key_id: int, now_ms: int) -> bool:
    """False when it is revoked already or not there."""
    done = connection.execute(
        update(_keys)
        .where(within(_keys, tenant_id), _keys.c.id == key_id, _keys.c.revoked_ms.is_(None))
        .values(revoked_ms=now_ms)
    )
    return done.rowcount == 1


def used(connection: Connection, tenant_id: int, key_id: int, now_ms: int) -> None:
    connection.execute(update(_keys).where(within(_keys, tenant_id), _keys.c.id == key_id).values(last_used_ms=now_ms))
