"""Whether anything has happened to a tenant's mail since somebody looked: a few probes, however much there is.

The newest messages and what became of their recipients are looked at, and whether anything waits or is being sent. What
happens to older mail shows itself only while something waits; pages look again by themselves now and then.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, literal, select

from postroom.store import tables
from postroom.store.partial import LEASED, WAITING, among
from postroom.store.scope import within

__all__ = ["Signs", "signs"]

_NEWEST = 60
_message = tables.message
_recipient = tables.recipient


class Signs(NamedTuple):
    """`newest`: the last message's id; `changed_ms`: when one of the newest last changed; `recipients`: how many those
    have; `moving`: mail waits or is being sent."""

    newest: int
    changed_ms: int
    recipients: int
    moving: bool


def signs(connection: Connection, tenant_id: int) -> Signs:
    query = select(_message.c.id).where(within(_message, tenant_id)).order_by(_message.c.id.desc()).limit(_NEWEST)
    ids = [row.id for row in connection.execute(query)]
    if not ids:
        return Signs(0, 0, 0, False)
    c = _recipient.c
    looked = select(func.max(c.updated_ms).label("at"), func.count().label("number")).where(
        among(tenant_id), c.message_id.in_(ids)
    )
    row = connection.execute(looked).one()
    moving = _any(connection, tenant_id, LEASED) or _any(connection, tenant_id, WAITING)
    return Signs(ids[0], int(row.at or 0), int(row.number), moving)


def _any(connection: Connection, tenant_id: int, which: ColumnElement[bool]) -> bool:
    return connection.execute(select(literal(1)).where(among(tenant_id), which).limit(1)).first() is not None
