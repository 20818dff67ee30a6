"""Listing messages under the terms that people find them by: behind the hot path, in batches, with a mark.

Accepting writes no term. A batch takes the messages behind the mark, in the order of their ids, once they have settled:
an id is made a moment before its message is committed, so a mark that followed too closely would pass one by. What is
not listed yet is found all the same (see `search`), it only takes looking at each. The mark moves in the transaction
that writes the terms, and only from where it was: two nodes never write the same batch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, select, text, update

from postroom.ids import id_at
from postroom.policy.terms import of_message
from postroom.store import tables
from postroom.store.bulk import Row, delete_rows, insert_rows
from postroom.store.partial import among
from postroom.store.scope import across, within

__all__ = ["SETTLED_MS", "Batch", "forget", "listed_below", "next_batch", "put"]

SETTLED_MS = 30_000
"""How old a message has to be: by then whoever made its id has committed it, or never will."""

_MARK = "terms.listed"
_COLUMNS = ("tenant_id", "term", "message_id")
_MOST_RECIPIENTS = 20_000
_WHY = "terms are written for every tenant's messages, each under its own tenant"

_message = tables.message
_recipient = tables.recipient
_WHAT = (
    _message.c.id, _message.c.tenant_id, _message.c.sender, _message.c.subject, _message.c.message_id, _message.c.kind,
    _message.c.application_id, _message.c.tags,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Batch:
    """`rows` are in the order of the table. `since`, `until`: where the mark was, and where it goes."""

    since: int
    until: int
    messages: int
    rows: Sequence[Row]


def listed_below(connection: Connection) -> int:
    """Messages whose id is lower than this are listed."""
    return _mark(connection) + 1


def _mark(connection: Connection) -> int:
    found = connection.execute(select(tables.meta.c.value).where(tables.meta.c.name == _MARK)).scalar()
    return int(found or 0)


def next_batch(connection: Connection, now_ms: int, limit: int) -> Batch | None:
    """What is to be written next; None when everything that has settled is listed. Only reads."""
    since = _mark(connection)
    query = select(*_WHAT).where(_message.c.id > since, _message.c.id < id_at(now_ms - SETTLED_MS))
    found = list(connection.execute(across(query.order_by(_message.c.id).limit(limit), _WHY)))
    if not found:
        return None
    addresses = _addresses(connection, [row.id for row in found])
    done = [row for row in found if row.id in addresses]
    rows = [(row.tenant_id, term, row.id) for row in done for term in _terms(row, addresses[row.id])]
    rows.sort()
    return Batch(since, done[-1].id, len(done), rows)


def _terms(row: Any, addresses: Sequence[str]) -> set[str]:
    tags = _tags(row.tags) if row.tags else ()
    return of_message(row.id, row.sender, row.subject, row.message_id, row.kind, row.application_id, tags, addresses)


@lru_cache(maxsize=1024)
def _tags(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _addresses(connection: Connection, ids: Sequence[int]) -> dict[int, list[str]]:
    """Of the first of these messages, as many as have a bearable number of recipients together; one at least."""
    c = _recipient.c
    query = select(c.message_id, c.address).where(c.message_id.in_(ids)).order_by(c.message_id, c.n)
    rows = connection.execute(across(query.limit(_MOST_RECIPIENTS + 1), _WHY)).all()
    found: dict[int, list[str]] = {}
    for number, address in rows:
        found.setdefault(number, []).append(address)
    if len(rows) <= _MOST_RECIPIENTS:
        return {number: found.get(number, []) for number in ids}
    if len(found) > 1:
        found.popitem()
    last = max(found)
    return {number: found.get(number, []) for number in ids if number <= last}


def put(connection: Connection, batch: Batch) -> bool:
    """Writes it and moves the mark; False when another node was faster."""
    meta = tables.meta
    connection.execute(
        text("INSERT INTO meta (name, value) VALUES (:name, '0') ON CONFLICT (name) DO NOTHING"), {"name": _MARK}
    )
    moved = connection.execute(
        update(meta).where(meta.c.name == _MARK, meta.c.value == str(batch.since)).values(value=str(batch.until))
    ).rowcount
    if moved:
        insert_rows(connection, tables.term, _COLUMNS, batch.rows)
    return bool(moved)


def forget(connection: Connection, tenant_id: int, ids: Sequence[int]) -> None:
    """Before these messages are deleted: their terms are told from them."""
    if not ids:
        return
    table = tables.recipient
    addresses: dict[int, list[str]] = {}
    query = select(table.c.message_id, table.c.address).where(among(tenant_id), table.c.message_id.in_(ids))
    for row in connection.execute(query):
        addresses.setdefault(row.message_id, []).append(row.address)
    rows = connection.execute(select(*_WHAT).where(within(_message, tenant_id), _message.c.id.in_(ids)))
    gone = sorted((tenant_id, term, row.id) for row in rows for term in _terms(row, addresses.get(row.id, ())))
    delete_rows(connection, tables.term, _COLUMNS, ("BIGINT", "TEXT", "BIGINT"), gone)
