"""Connectors, and their secrets, which come in and go out sealed (promise P7)."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, delete, select, update

from postroom.model.connector import Connector, ConnectorEvent, ConnectorKind
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "KEPT_EVENTS",
    "SealedFor",
    "all_connectors",
    "all_sealed",
    "by_name",
    "create",
    "drop_secret",
    "events",
    "get",
    "last_event",
    "note",
    "of_tenant",
    "put_secret",
    "remove",
    "reseal",
    "save",
    "users",
]

KEPT_EVENTS = 500
"""Lines of its log that a connector keeps."""

_table = tables.connector
_secret = tables.connector_secret
_event = tables.connector_event
_account = tables.account
_WHY = "the snapshot holds all tenants' settings"


class SealedFor(NamedTuple):
    connector_id: int
    tenant_id: int
    sealed: bytes

    def __repr__(self) -> str:
        return f"SealedFor(connector_id={self.connector_id}, tenant_id={self.tenant_id})"


def _from_row(row: Row[Any]) -> Connector:
    return Connector(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        kind=ConnectorKind(row.kind),
        host=row.host,
        port=row.port,
        user=row.user_name,
        host_key=row.host_key,
        has_secret=row.secret_set_ms is not None,
        secret_set_ms=row.secret_set_ms,
        created_ms=row.created_ms,
        version=row.version,
    )


def _stored(connector: Connector) -> dict[str, Any]:
    return {
        "name": connector.name,
        "kind": connector.kind.value,
        "host": connector.host,
        "port": connector.port,
        "user_name": connector.user,
        "host_key": connector.host_key,
    }


def _query() -> Select[Any]:
    joined = _table.outerjoin(
        _secret, and_(_secret.c.connector_id == _table.c.id, _secret.c.tenant_id == _table.c.tenant_id)
    )
    return select(_table, _secret.c.set_ms.label("secret_set_ms")).select_from(joined).order_by(_table.c.id)


def get(connection: Connection, tenant_id: int, connector_id: int) -> Connector | None:
    row = connection.execute(_query().where(within(_table, tenant_id), _table.c.id == connector_id)).one_or_none()
    return None if row is None else _from_row(row)


def by_name(connection: Connection, tenant_id: int, name: str) -> Connector | None:
    """In whatever case it is written."""
    wanted = name.strip().casefold()
    return next((one for one in of_tenant(connection, tenant_id) if one.name.casefold() == wanted), None)


def of_tenant(connection: Connection, tenant_id: int) -> list[Connector]:
    return [_from_row(row) for row in connection.execute(_query().where(within(_table, tenant_id)))]


def all_connectors(connection: Connection) -> list[Connector]:
    return [_from_row(row) for row in connection.execute(across(_query(), _WHY))]


def create(connection: Connection, connector: Connector) -> None:
    fixed = {"id": connector.id, "tenant_id": connector.tenant_id, "created_ms": connector.created_ms}
    fixed["version"] = connector.version
    connection.execute(_table.insert().values(**fixed, **_stored(connector)))


def save(connection: Connection, connector: Connector) -> None:
    """Writes what people set. The version grows by one."""
    connection.execute(
        update(_table)
        .where(within(_table, connector.tenant_id), _table.c.id == connector.id)
        .values(**_stored(connector), version=_table.c.version + 1)
    )


def remove(connection: Connection, tenant_id: int, connector_id: int) -> None:
    """Deletes the connector with its secret, its agents and its log. Accounts that use it are the caller's care."""
    connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == connector_id))
    for table in (_secret, tables.agent, _event):
        connection.execute(delete(table).where(within(table, tenant_id), table.c.connector_id == connector_id))


def users(connection: Connection, tenant_id: int, connector_id: int) -> list[tuple[int, str]]:
    """Id and name of the accounts that go through it."""
    query = select(_account.c.id, _account.c.name).where(
        within(_account, tenant_id), _account.c.connector_id == connector_id
    )
    return [(row.id, row.name) for row in connection.execute(query.order_by(_account.c.id))]


# Secrets


def put_secret(connection: Connection, tenant_id: int, connector_id: int, sealed: bytes, now_ms: int, by: str) -> None:
    """Replaces what was there. `by` names who typed it."""
    drop_secret(connection, tenant_id, connector_id)
    values = {"connector_id": connector_id, "tenant_id": tenant_id, "sealed": sealed, "set_ms": now_ms, "set_by": by}
    connection.execute(_secret.insert().values(**values))


def drop_secret(connection: Connection, tenant_id: int, connector_id: int) -> bool:
    """False when there was none."""
    mine = (within(_secret, tenant_id), _secret.c.connector_id == connector_id)
    return connection.execute(delete(_secret).where(*mine)).rowcount == 1


def all_sealed(connection: Connection) -> list[SealedFor]:
    query = select(_secret.c.connector_id, _secret.c.tenant_id, _secret.c.sealed)
    rows = connection.execute(across(query, "the snapshot and resealing see every tenant's"))
    return [SealedFor(row.connector_id, row.tenant_id, bytes(row.sealed)) for row in rows]


def reseal(connection: Connection, old: SealedFor, sealed: bytes) -> None:
    """The same secret under another key: when and by whom it was typed stays as it was."""
    mine = (within(_secret, old.tenant_id), _secret.c.connector_id == old.connector_id)
    connection.execute(update(_secret).where(*mine).values(sealed=sealed))


# The log


def note(connection: Connection, event: ConnectorEvent) -> None:
    """Adds a line, and lets those go that are more than `KEPT_EVENTS` before it."""
    connection.execute(
        _event.insert().values(
            id=event.id,
            tenant_id=event.tenant_id,
            connector_id=event.connector_id,
            at_ms=event.at_ms,
            trouble=event.trouble,
            text=event.text,
        )
    )
    mine = (within(_event, event.tenant_id), _event.c.connector_id == event.connector_id)
    oldest = select(_event.c.id).where(*mine).order_by(_event.c.id.desc()).offset(KEPT_EVENTS - 1).limit(1)
    bound = connection.execute(oldest).scalar()
    if bound is not None:
        connection.execute(delete(_event).where(*mine, _event.c.id < bound))


def events(connection: Connection, tenant_id: int, connector_id: int, limit: int) -> list[ConnectorEvent]:
    """The newest first."""
    mine = (within(_event, tenant_id), _event.c.connector_id == connector_id)
    rows = connection.execute(select(_event).where(*mine).order_by(_event.c.id.desc()).limit(limit))
    return [_event_of(row) for row in rows]


def last_event(connection: Connection, tenant_id: int, connector_id: int) -> ConnectorEvent | None:
    return next(iter(events(connection, tenant_id, connector_id, 1)), None)


def _event_of(row: Row[Any]) -> ConnectorEvent:
    return ConnectorEvent(row.id, row.tenant_id, row.connector_id, row.at_ms, bool(row.trouble), row.text)
