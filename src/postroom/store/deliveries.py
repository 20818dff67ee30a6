"""The latest deliveries of each webhook: what was sent when, and what came of it. Older ones give way to newer ones."""

from __future__ import annotations

from dataclasses import asdict, fields

from sqlalchemy import Connection, delete, select

from postroom.model.webhook import Delivery
from postroom.store import tables
from postroom.store.scope import within

__all__ = ["KEPT", "latest", "note"]

KEPT = 50
"""So many of each webhook."""
_table = tables.webhook_delivery
_FIELDS = tuple(field.name for field in fields(Delivery))


def note(connection: Connection, one: Delivery) -> None:
    """Writes it down, in the transaction of what follows from it; one that is too many goes."""
    connection.execute(_table.insert().values(**asdict(one) | {"ok": int(one.ok)}))
    mine = (within(_table, one.tenant_id), _table.c.webhook_id == one.webhook_id)
    last = select(_table.c.id).where(*mine).order_by(_table.c.id.desc()).offset(KEPT).limit(1).scalar_subquery()
    connection.execute(delete(_table).where(*mine, _table.c.id <= last))


def latest(connection: Connection, tenant_id: int, webhook_id: int) -> list[Delivery]:
    """The newest first."""
    query = (
        select(_table)
        .where(within(_table, tenant_id), _table.c.webhook_id == webhook_id)
        .order_by(_table.c.id.desc())
        .limit(KEPT)
    )
    found = []
    for row in connection.execute(query):
        values = {name: row._mapping[name] for name in _FIELDS}
        found.append(Delivery(**values | {"ok": bool(row.ok)}))
    return found
