"""Recipients whom nothing but security mail is sent to. One that is over is listed no more, and gives way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, or_, select

from postroom.model.preference import Suppression, Why
from postroom.store import tables
from postroom.store.preferences import MOST_AT_ONCE
from postroom.store.scope import across, within

__all__ = ["add", "get", "listed", "of_mailboxes", "remove", "with_some"]

_table = tables.suppression
_NAMES = tuple(field.name for field in fields(Suppression))
_KEY = ("tenant_id", "address")


def _from_row(row: Row[Any]) -> Suppression:
    values = {name: row._mapping[name] for name in _NAMES}
    return Suppression(**values | {"why": Why(row.why)})


def get(connection: Connection, tenant_id: int, mailbox: str) -> Suppression | None:
    return of_mailboxes(connection, tenant_id, (mailbox,)).get(mailbox)


def of_mailboxes(connection: Connection, tenant_id: int, mailboxes: Iterable[str]) -> dict[str, Suppression]:
    """By mailbox, also those that are over already."""
    wanted = sorted(set(mailboxes))
    found: dict[str, Suppression] = {}
    for start in range(0, len(wanted), MOST_AT_ONCE):
        some = wanted[start : start + MOST_AT_ONCE]
        query = select(_table).where(within(_table, tenant_id), _table.c.address.in_(some))
        found |= {row.address: _from_row(row) for row in connection.execute(query)}
    return found


def listed(
    connection: Connection,
    tenant_id: int,
    now_ms: int,
    *,
    after: str = "",
    limit: int = 200,
    why: Why | None = None,
    like: str = "",
) -> list[Suppression]:
    """Those that hold, in the order of their addresses, behind `after`. `like`: what an address contains."""
    holds = or_(_table.c.expires_ms.is_(None), _table.c.expires_ms > now_ms)
    query = select(_table).where(within(_table, tenant_id), _table.c.address > after, holds)
    if why is not None:
        query = query.where(_table.c.why == why.value)
    if like:
        query = query.where(_table.c.address.contains(like, autoescape=True))
    return [_from_row(row) for row in connection.execute(query.order_by(_table.c.address).limit(limit))]


def with_some(connection: Connection) -> list[int]:
    """The tenants that have anybody on their list: one look into the index for each tenant."""
    tenant = tables.tenant
    some = exists(select(_table.c.address).where(_table.c.tenant_id == tenant.c.id))
    query = across(select(tenant.c.id).where(some), "the snapshot holds all tenants' settings")
    return [row.id for row in connection.execute(query)]


def add(connection: Connection, given: Sequence[Suppression], *, replace: bool) -> int:
    """Puts them on the list, each mailbox once; returns how many are new or changed. `replace`: what a person says
    takes the place of what is there; else only what is over gives way.
    """
    last = {(one.tenant_id, one.address): one for one in given}
    rows = [_stored(last[key]) for key in sorted(last)]  # in one order, so that no two nodes wait for each other
    if not rows:
        return 0
    insert = _insert(connection)
    count = 0
    for start in range(0, len(rows), MOST_AT_ONCE):
        statement = insert(_table).values(rows[start : start + MOST_AT_ONCE])
        new = statement.excluded
        changes = {name: new[name] for name in _NAMES if name not in _KEY}
        over = None if replace else _table.c.expires_ms <= new.created_ms
        written = statement.on_conflict_do_update(index_elements=list(_KEY), set_=changes, where=over)
        count += len(connection.execute(written.returning(_table.c.address)).all())
    return count


def _insert(connection: Connection) -> Any:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as on_postgresql

        return on_postgresql
    from sqlalchemy.dialects.sqlite import insert as on_sqlite

    return on_sqlite


def _stored(one: Suppression) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _NAMES} | {"why": one.why.value}


def remove(connection: Connection, tenant_id: int, mailbox: str) -> bool:
    """False when it was not on the list."""
    mine = (within(_table, tenant_id), _table.c.address == mailbox)
    return connection.execute(delete(_table).where(*mine)).rowcount == 1
