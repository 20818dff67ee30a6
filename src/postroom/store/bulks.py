"""Bulks: one row for each call; their messages name them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from postroom.model.bulk import Bulk, BulkCounts
from postroom.policy.way import Reason
from postroom.store import tables
from postroom.store.scope import within

__all__ = ["begin", "cancel", "counts", "finish", "get", "latest", "open_messages"]

_table = tables.bulk
_message = tables.message
_recipient = tables.recipient


def _from_row(row: Row[Any]) -> Bulk:
    return Bulk(**row._asdict())


def begin(connection: Connection, bulk: Bulk) -> Bulk:
    """The bulk, or the one that an earlier call with this key began, which is then open again."""
    if bulk.key is not None:
        mine = (within(_table, bulk.tenant_id), _table.c.key == bulk.key)
        row = connection.execute(select(_table).where(*mine)).one_or_none()
        if row is not None:
            connection.execute(update(_table).where(*mine).values(finished_ms=None, refused=0))
            return replace(_from_row(row), finished_ms=None, refused=0)
    connection.execute(_table.insert().values(**asdict(bulk)))
    return bulk


def finish(connection: Connection, tenant_id: int, bulk_id: int, refused: int, moment: int) -> None:
    mine = (within(_table, tenant_id), _table.c.id == bulk_id)
    connection.execute(update(_table).where(*mine).values(finished_ms=moment, refused=refused))


def cancel(connection: Connection, tenant_id: int, bulk_id: int, moment: int) -> None:
    """Nothing more of it is accepted from then on."""
    mine = (within(_table, tenant_id), _table.c.id == bulk_id, _table.c.cancelled_ms.is_(None))
    connection.execute(update(_table).where(*mine).values(cancelled_ms=moment))


def get(connection: Connection, tenant_id: int, bulk_id: int) -> Bulk | None:
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id == bulk_id)).one_or_none()
    return None if row is None else _from_row(row)


def latest(connection: Connection, tenant_id: int, limit: int) -> list[Bulk]:
    """The newest first."""
    query = select(_table).where(within(_table, tenant_id)).order_by(_table.c.id.desc()).limit(limit)
    return [_from_row(row) for row in connection.execute(query)]


def counts(connection: Connection, bulk: Bulk) -> BulkCounts:
    query = (
        select(_recipient.c.state, _recipient.c.reason, func.count().label("number"))
        .join(_message, _message.c.id == _recipient.c.message_id)
        .where(within(_message, bulk.tenant_id), within(_recipient, bulk.tenant_id), _message.c.bulk_id == bulk.id)
        .group_by(_recipient.c.state, _recipient.c.reason)
    )
    states: dict[str, int] = {}
    why: dict[str, int] = {}
    for row in connection.execute(query):
        states[row.state] = states.get(row.state, 0) + row.number
        why[row.reason] = why.get(row.reason, 0) + row.number
    return BulkCounts(bulk, states, why.get(Reason.SUPPRESSED, 0), why.get(Reason.DECLINED, 0))


def open_messages(connection: Connection, tenant_id: int, bulk_id: int, after: int, limit: int) -> list[int]:
    """Messages of it that may still be taken back, by id, from the one after `after` on."""
    query = (
        select(_message.c.id)
        .join(_recipient, _message.c.id == _recipient.c.message_id)
        .where(
            within(_message, tenant_id),
            within(_recipient, tenant_id),
            _message.c.bulk_id == bulk_id,
            _message.c.id > after,
            _recipient.c.state.in_(("queued", "deferred", "held", "silenced", "unknown", "collected")),
        )
        .distinct()
        .order_by(_message.c.id)
        .limit(limit)
    )
    return [row.id for row in connection.execute(query)]
