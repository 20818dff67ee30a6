"""The audit trail's table: entries go in, beside the change they tell of, and never out or other again.

There is no verb here to change or delete, and triggers of the database refuse both whoever asks. Retention does not
touch it: who changed what is wanted long after the mail is gone, and an entry is small.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from postroom.model.audit import Entry
from postroom.store import tables
from postroom.store.bulk import Row as Values
from postroom.store.bulk import insert_rows
from postroom.store.scope import across, within

__all__ = ["COLUMNS", "Wanted", "find", "note", "row_of"]

_table = tables.audit
COLUMNS = (
    "id", "tenant_id", "at_ms", "who_kind", "who_id", "who", "door", "address", "verb", "thing_id", "thing", "before",
    "after",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; every part that is given has to fit. A `verb` that ends in `.` means all of a noun."""

    since_ms: int | None = None
    until_ms: int | None = None
    who: str = ""
    verb: str = ""
    thing_id: int | None = None
    thing: str = ""
    below: int | None = None


def row_of(entry: Entry, number: int) -> Values:
    """The entry as it is written, in the order of `COLUMNS`."""
    return (
        number, entry.tenant_id, entry.at_ms, entry.who_kind, entry.who_id, entry.who, entry.door, entry.address,
        entry.verb, entry.thing_id, entry.thing, _json(entry.before), _json(entry.after),
    )  # fmt: skip


def note(connection: Connection, entries: Iterable[tuple[int, Entry]]) -> None:
    """Writes entries (id, entry) in the caller's transaction."""
    insert_rows(connection, _table, COLUMNS, [row_of(entry, number) for number, entry in entries])


def find(connection: Connection, tenant_id: int | None, wanted: Wanted, limit: int) -> list[Entry]:
    """The newest first. `tenant_id` None: of all tenants, for those whose rights are installation-wide."""
    chosen = [] if tenant_id is None else [within(_table, tenant_id)]
    if wanted.since_ms is not None:
        chosen.append(_table.c.at_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        chosen.append(_table.c.at_ms < wanted.until_ms)
    if wanted.who:
        chosen.append(_table.c.who == wanted.who)
    if wanted.verb.endswith("."):
        chosen.append(_table.c.verb.startswith(wanted.verb, autoescape=True))
    elif wanted.verb:
        chosen.append(_table.c.verb == wanted.verb)
    if wanted.thing or wanted.thing_id is not None:
        named = _table.c.thing == wanted.thing
        chosen.append(named if wanted.thing_id is None else or_(named, _table.c.thing_id == wanted.thing_id))
    if wanted.below is not None:
        chosen.append(_table.c.id < wanted.below)
    query = select(_table).where(and_(True, *chosen)).order_by(_table.c.id.desc()).limit(limit)
    if tenant_id is None:
        query = across(query, "an auditor of the installation reads of all tenants")
    return [_entry(row) for row in connection.execute(query)]


def _json(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False) if values else ""


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        tenant_id=row.tenant_id,
        verb=row.verb,
        at_ms=row.at_ms,
        thing_id=row.thing_id,
        thing=row.thing,
        before=json.loads(row.before) if row.before else {},
        after=json.loads(row.after) if row.after else {},
        who_kind=row.who_kind,
        who_id=row.who_id,
        who=row.who,
        door=row.door,
        address=row.address,
    )
