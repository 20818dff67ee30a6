"""What time ends: recipients that waited beyond their expiry, and leases of a process that is certainly gone."""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import Connection, text

from postroom.model.event import EventKind
from postroom.store import tables
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import Row, insert_rows

__all__ = ["end_all_leases", "expire"]


def expire(connection: Connection, now_ms: int, next_id: Callable[[], int], *, limit: int = 500) -> int:
    """Ends waiting recipients whose message expired; returns how many (as many as `limit`: there may be more)."""
    lock = "" if connection.dialect.name == "sqlite" else " FOR UPDATE SKIP LOCKED"
    rows = connection.execute(
        text(
            "SELECT message_id, n, tenant_id FROM recipient "  # noqa: S608
            f"WHERE expires_ms <= :now AND expires_ms IS NOT NULL AND due_ms IS NOT NULL LIMIT :most{lock}"
        ),
        {"now": now_ms, "most": limit},
    ).all()
    detail = json.dumps({"why": "its time to expire came before it could be sent"})
    events: list[Row] = []
    for number, n, tenant_id in rows:
        connection.execute(
            text(
                "UPDATE recipient SET state = 'expired', due_ms = NULL, reason = 'expired', updated_ms = :now "
                "WHERE message_id = :id AND n = :n AND due_ms IS NOT NULL"
            ),
            {"now": now_ms, "id": number, "n": n},
        )
        events.append((number, next_id(), tenant_id, n, now_ms, EventKind.EXPIRED.value, detail))
    insert_rows(connection, tables.event, EVENT_COLUMNS, events)
    return len(rows)


def end_all_leases(connection: Connection) -> None:
    """Only for a database that one process owns, at its start: whoever held a lease before is gone."""
    connection.execute(text("UPDATE lane SET expires_ms = 0, worker = ''"))
    connection.execute(text("UPDATE oauth2_grant SET leased_until_ms = 0"))
