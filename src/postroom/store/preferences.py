"""What recipients chose, one row for each mailbox of a tenant."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, select, text, update

from postroom.model.kind import Way
from postroom.model.preference import HOUR, WEEKDAY, Preference
from postroom.store import tables
from postroom.store.scope import within

__all__ = ["MOST_AT_ONCE", "get", "of_mailboxes", "put", "taken_in_hand"]

MOST_AT_ONCE = 500
"""Mailboxes that one statement asks for."""

_table = tables.preference


def _from_row(row: Row[Any]) -> Preference:
    ways = {name: Way(way) for name, way in json.loads(row.ways or "{}").items() if way in list(Way)}
    return Preference(
        row.tenant_id, row.address, row.language, row.time_zone, row.hour, row.weekday, ways, row.updated_ms
    )


def get(connection: Connection, tenant_id: int, mailbox: str) -> Preference | None:
    found = of_mailboxes(connection, tenant_id, (mailbox,))
    return found.get(mailbox)


def of_mailboxes(connection: Connection, tenant_id: int, mailboxes: Iterable[str]) -> dict[str, Preference]:
    """By mailbox; who never chose anything is not in it."""
    wanted = sorted(set(mailboxes))
    found: dict[str, Preference] = {}
    for start in range(0, len(wanted), MOST_AT_ONCE):
        some = wanted[start : start + MOST_AT_ONCE]
        query = select(_table).where(within(_table, tenant_id), _table.c.address.in_(some))
        found |= {row.address: _from_row(row) for row in connection.execute(query)}
    return found


def taken_in_hand(connection: Connection, tenant_id: int, mailbox: str) -> Preference:
    """The mailbox's row, made if there is none, and kept from everybody else's changes until this transaction ends."""
    connection.execute(
        text(
            "INSERT INTO preference (tenant_id, address, hour, weekday) VALUES (:tenant, :address, :hour, :weekday) "
            "ON CONFLICT (tenant_id, address) DO NOTHING"
        ),
        {"tenant": tenant_id, "address": mailbox, "hour": HOUR, "weekday": WEEKDAY},
    )
    query = select(_table).where(within(_table, tenant_id), _table.c.address == mailbox)
    return _from_row(connection.execute(query.with_for_update()).one())


def put(connection: Connection, preference: Preference) -> None:
    """Writes the row that was taken in hand."""
    ways = json.dumps({name: way.value for name, way in sorted(preference.ways.items())}, ensure_ascii=False)
    connection.execute(
        update(_table)
        .where(within(_table, preference.tenant_id), _table.c.address == preference.address)
        .values(
            language=preference.language,
            time_zone=preference.time_zone,
            hour=preference.hour,
            weekday=preference.weekday,
            ways=ways,
            updated_ms=preference.updated_ms,
        )
    )
