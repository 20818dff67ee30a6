"""Writing events: the columns of a row, in the one order that everybody writes them in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from postroom.model.event import EventKind
from postroom.store import tables
from postroom.store.bulk import Row, insert_rows

__all__ = ["EVENT_COLUMNS", "tell"]

EVENT_COLUMNS = ("message_id", "id", "tenant_id", "n", "at_ms", "kind", "detail")


def tell(
    connection: Connection,
    tenant_id: int,
    keys: Iterable[tuple[int, int]],
    kind: EventKind,
    detail: dict[str, object],
    now_ms: int,
    next_id: Callable[[], int],
) -> None:
    """The same event for each of these recipients (message, number)."""
    text = json.dumps(detail)
    rows: list[Row] = [(number, next_id(), tenant_id, n, now_ms, kind.value, text) for number, n in keys]
    insert_rows(connection, tables.event, EVENT_COLUMNS, rows)
