"""A tenant that goes: what of its mail is left, and taking everything of it away, a bearable piece a transaction."""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import Connection, delete, func, select

from postroom.model.deletion import Remaining
from postroom.model.event import EventKind
from postroom.model.state import State
from postroom.store import tables, terms
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import insert_rows, update_rows
from postroom.store.partial import ATTENTION, LEASED, WAITING, among
from postroom.store.scope import within

__all__ = ["cancel_waiting", "forget_settings", "has_mail", "remaining", "remove_log", "remove_tenant"]

WHY = "tenant-deleted"
_recipient = tables.recipient
_message = tables.message
_STOPPED = (State.HELD.value, State.UNKNOWN.value, State.COLLECTED.value)
_LOG = (tables.attempt, tables.event, tables.content, tables.rendering, tables.recipient)
_OF_THE_LOG = frozenset({*(table.name for table in _LOG), "message", "session", "idempotency", "audit", "term"})


def remaining(connection: Connection, tenant_id: int) -> Remaining:
    """What has not left, counted over small partial indexes. Silenced mail was never to leave."""
    own = within(_recipient, tenant_id)
    stopped = {
        row.state: int(row.number)
        for row in connection.execute(
            select(_recipient.c.state, func.count().label("number"))
            .where(own, ATTENTION, _recipient.c.state.in_(_STOPPED))
            .group_by(_recipient.c.state)
        )
    }
    counting = select(func.count()).select_from(_recipient)
    return Remaining(
        waiting=connection.execute(counting.where(among(tenant_id), WAITING)).scalar_one(),
        held=stopped.get(State.HELD.value, 0) + stopped.get(State.COLLECTED.value, 0),
        unknown=stopped.get(State.UNKNOWN.value, 0),
        sending=connection.execute(counting.where(among(tenant_id), LEASED)).scalar_one(),
    )


def cancel_waiting(connection: Connection, tenant_id: int, now_ms: int, next_id: Callable[[], int], limit: int) -> int:
    """Takes back up to `limit` recipients, each with its event; fewer than `limit`: that is all. What a worker has in
    hand is not touched.
    """
    count = 0
    for chosen in ((WAITING,), (ATTENTION, _recipient.c.state.in_(_STOPPED))):
        if count >= limit:
            break
        keys = connection.execute(
            select(_recipient.c.message_id, _recipient.c.n)
            .where(among(tenant_id), *chosen)
            .limit(limit - count)
            .with_for_update()
        ).all()
        update_rows(
            connection,
            _recipient,
            f"state = 'cancelled', due_ms = NULL, reason = '{WHY}', updated_ms = given.column3",
            ("BIGINT", "INTEGER", "BIGINT"),
            "recipient.message_id = given.column1 AND recipient.n = given.column2 AND recipient.lease IS NULL "
            "AND recipient.state IN ('queued', 'deferred', 'held', 'unknown', 'collected')",
            [(row.message_id, row.n, now_ms) for row in keys],
        )
        kind, detail = EventKind.CANCELLED.value, json.dumps({"why": WHY})
        events = [(row.message_id, next_id(), tenant_id, row.n, now_ms, kind, detail) for row in keys]
        insert_rows(connection, tables.event, EVENT_COLUMNS, events)
        count += len(keys)
    return count


def forget_settings(connection: Connection, tenant_id: int) -> None:
    """Everything of the tenant but its row, its log and its audit trail: settings, secrets, keys, people, versions."""
    for table in reversed(tables.metadata.sorted_tables):
        if "tenant_id" in table.c and table.name not in _OF_THE_LOG:
            connection.execute(delete(table).where(within(table, tenant_id)))


def has_mail(connection: Connection, tenant_id: int) -> bool:
    return connection.execute(select(_message.c.id).where(within(_message, tenant_id)).limit(1)).first() is not None


def remove_log(connection: Connection, tenant_id: int, limit: int) -> int:
    """Deletes up to `limit` messages with all that is known of them; fewer than `limit`: that was all."""
    query = select(_message.c.id).where(within(_message, tenant_id)).order_by(_message.c.id).limit(limit)
    ids = [row.id for row in connection.execute(query)]
    terms.forget(connection, tenant_id, ids)
    for table in _LOG:
        mine = among(tenant_id) if table is _recipient else within(table, tenant_id)
        connection.execute(delete(table).where(mine, table.c.message_id.in_(ids)))
    connection.execute(delete(_message).where(within(_message, tenant_id), _message.c.id.in_(ids)))
    return len(ids)


def remove_tenant(connection: Connection, tenant_id: int) -> None:
    """The last of it. The audit trail tells that there was one."""
    for table in (tables.session, tables.idempotency, tables.version):
        connection.execute(delete(table).where(within(table, tenant_id)))
    connection.execute(delete(tables.term).where(within(tables.term, tenant_id)))
    _forget_mark(connection, tenant_id)
    connection.execute(delete(tables.tenant).where(tables.tenant.c.id == tenant_id))


def _forget_mark(connection: Connection, tenant_id: int) -> None:
    meta = tables.meta
    connection.execute(delete(meta).where(meta.c.name == f"retention.content.{tenant_id}"))
