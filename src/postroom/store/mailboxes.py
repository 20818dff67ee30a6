"""Mailboxes that are read. Whether one has a secret is told from the credential's row, without reading it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, FromClause, Row, Select, and_, delete, select, update

from postroom.model.account import CertificateCheck, Encryption, Login
from postroom.model.grant import OAuth2Flow, OAuth2Provider
from postroom.model.mailbox import Afterwards, Mailbox, MailboxEvent
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "KEPT_EVENTS",
    "all_mailboxes",
    "by_name",
    "create",
    "events",
    "get",
    "note",
    "of_tenant",
    "remove",
    "save",
    "through",
]

KEPT_EVENTS = 500
"""Lines of its log that a mailbox keeps."""

_table, _state, _event = tables.mailbox, tables.mailbox_state, tables.mailbox_event
_secret, _grant = tables.credential, tables.oauth2_grant
_RENAMED = {"user": "user_name"}
_ELSEWHERE = frozenset({"has_secret", "secret_set_ms", "granted_ms"})
_FIXED = frozenset({"id", "tenant_id", "created_ms", "version"})
_PLAIN = tuple(field.name for field in fields(Mailbox) if field.name not in _ELSEWHERE)
_FLAGS = tuple(field.name for field in fields(Mailbox) if field.type == "bool" and field.name not in _ELSEWHERE)
_ENUMS: dict[str, Any] = {
    "encryption": Encryption,
    "login": Login,
    "oauth2_provider": OAuth2Provider,
    "oauth2_flow": OAuth2Flow,
    "certificate_check": CertificateCheck,
    "afterwards": Afterwards,
}


def _joined() -> FromClause:
    """Every tenant's mailboxes with what else is known of each."""
    joined: FromClause = _table
    for other in (_secret, _grant):
        mine = and_(other.c.account_id == _table.c.id, other.c.tenant_id == _table.c.tenant_id)
        joined = joined.outerjoin(other, mine)
    return joined


def _query() -> Select[Any]:
    columns = (_table, _secret.c.set_ms.label("secret_set_ms"), _grant.c.granted_ms)
    return select(*columns).select_from(_joined()).order_by(_table.c.id)


def _from_row(row: Row[Any]) -> Mailbox:
    stored = row._mapping
    values: dict[str, Any] = {name: stored[_RENAMED.get(name, name)] for name in _PLAIN}
    for name, words in _ENUMS.items():
        values[name] = words(values[name])
    for name in _FLAGS:
        values[name] = bool(values[name])
    set_ms = stored["secret_set_ms"]
    return Mailbox(**values, has_secret=set_ms is not None, secret_set_ms=set_ms, granted_ms=stored["granted_ms"])


def _stored(mailbox: Mailbox) -> dict[str, Any]:
    values = {_RENAMED.get(name, name): getattr(mailbox, name) for name in _PLAIN if name not in _FIXED}
    return values | {name: values[name].value for name in _ENUMS}


def get(connection: Connection, tenant_id: int, mailbox_id: int) -> Mailbox | None:
    row = connection.execute(_query().where(within(_table, tenant_id), _table.c.id == mailbox_id)).one_or_none()
    return None if row is None else _from_row(row)


def of_tenant(connection: Connection, tenant_id: int) -> list[Mailbox]:
    return [_from_row(row) for row in connection.execute(_query().where(within(_table, tenant_id)))]


def by_name(connection: Connection, tenant_id: int, name: str) -> Mailbox | None:
    """In whatever case it is written."""
    wanted = name.strip().casefold()
    return next((one for one in of_tenant(connection, tenant_id) if one.name.casefold() == wanted), None)


def all_mailboxes(connection: Connection) -> list[Mailbox]:
    query = across(_query(), "the snapshot holds all tenants' settings")
    return [_from_row(row) for row in connection.execute(query)]


def through(connection: Connection, tenant_id: int, connector_id: int) -> list[Mailbox]:
    """Those that go through this connector."""
    query = _query().where(within(_table, tenant_id), _table.c.connector_id == connector_id)
    return [_from_row(row) for row in connection.execute(query)]


def create(connection: Connection, mailbox: Mailbox) -> None:
    fixed = {name: getattr(mailbox, name) for name in _FIXED}
    connection.execute(_table.insert().values(**fixed, **_stored(mailbox)))
    connection.execute(_state.insert().values(mailbox_id=mailbox.id, tenant_id=mailbox.tenant_id))


def save(connection: Connection, mailbox: Mailbox) -> None:
    """Writes what people set. The version grows by one."""
    mine = (within(_table, mailbox.tenant_id), _table.c.id == mailbox.id)
    connection.execute(update(_table).where(*mine).values(**_stored(mailbox), version=_table.c.version + 1))


def remove(connection: Connection, tenant_id: int, mailbox_id: int) -> None:
    """Deletes it with its secret, its place and its log. What was taken in of it stays."""
    connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == mailbox_id))
    for table in (_state, _event):
        connection.execute(delete(table).where(within(table, tenant_id), table.c.mailbox_id == mailbox_id))
    for table in (_secret, _grant, tables.oauth2_start):
        connection.execute(delete(table).where(within(table, tenant_id), table.c.account_id == mailbox_id))


# The log


def note(connection: Connection, event: MailboxEvent) -> None:
    """Adds a line, and lets those go that are more than `KEPT_EVENTS` before it."""
    connection.execute(
        _event.insert().values(
            id=event.id,
            tenant_id=event.tenant_id,
            mailbox_id=event.mailbox_id,
            at_ms=event.at_ms,
            trouble=event.trouble,
            text=event.text,
        )
    )
    mine = (within(_event, event.tenant_id), _event.c.mailbox_id == event.mailbox_id)
    oldest = select(_event.c.id).where(*mine).order_by(_event.c.id.desc()).offset(KEPT_EVENTS - 1).limit(1)
    bound = connection.execute(oldest).scalar()
    if bound is not None:
        connection.execute(delete(_event).where(*mine, _event.c.id < bound))


def events(connection: Connection, tenant_id: int, mailbox_id: int, limit: int) -> list[MailboxEvent]:
    """The newest first."""
    mine = (within(_event, tenant_id), _event.c.mailbox_id == mailbox_id)
    rows = connection.execute(select(_event).where(*mine).order_by(_event.c.id.desc()).limit(limit))
    return [MailboxEvent(row.id, row.tenant_id, row.mailbox_id, row.at_ms, bool(row.trouble), row.text) for row in rows]
