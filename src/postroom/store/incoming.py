"""Mail that came in: kept once, listed, read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, case, delete, func, select, text, update

from postroom.ids import id_at
from postroom.model.incoming import IncomingKind, Received
from postroom.store import tables
from postroom.store.bulk import insert_rows
from postroom.store.scope import within
from postroom.store.tables.incoming import WAITING

__all__ = ["Answered", "answered", "by_digests", "content", "drop_before", "get", "listed", "mark", "of_message", "put"]

_table = tables.incoming
_content = tables.incoming_content
_COLUMNS = (
    "id", "tenant_id", "received_ms", "digest", "kind", "sender", "subject", "text", "why", "size", "message_id", "n",
    "done_ms", "done_by",
)  # fmt: skip
_CONTENT_COLUMNS = ("incoming_id", "tenant_id", "body")


def _from_row(row: Row[Any]) -> Received:
    return Received(
        row.id,
        row.tenant_id,
        row.received_ms,
        IncomingKind(row.kind),
        row.sender,
        row.subject,
        row.text,
        row.why,
        row.size,
        row.message_id,
        row.n,
        row.done_ms,
        row.done_by,
    )


def by_digests(connection: Connection, tenant_id: int, digests: Collection[bytes]) -> dict[bytes, Received]:
    """Those of them that came before."""
    query = select(_table).where(within(_table, tenant_id), _table.c.digest.in_(digests))
    return {bytes(row.digest): _from_row(row) for row in connection.execute(query)}


def put(connection: Connection, rows: Sequence[tuple[Received, bytes, bytes]]) -> None:
    """Each with its digest and its octets. Raises IntegrityError where the same octets are there already: ask
    `by_digests` first, in this transaction.
    """
    told = [
        (one.id, one.tenant_id, one.received_ms, digest, one.kind.value, one.sender, one.subject, one.text, one.why,
         one.size, one.message_id, one.n, one.done_ms, one.done_by)
        for one, digest, _ in rows
    ]  # fmt: skip
    insert_rows(connection, _table, _COLUMNS, told)
    insert_rows(connection, _content, _CONTENT_COLUMNS, [(one.id, one.tenant_id, body) for one, _, body in rows])


def get(connection: Connection, tenant_id: int, incoming_id: int) -> Received | None:
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id == incoming_id)).one_or_none()
    return None if row is None else _from_row(row)


def content(connection: Connection, tenant_id: int, incoming_id: int) -> bytes | None:
    found = connection.execute(
        select(_content.c.body).where(within(_content, tenant_id), _content.c.incoming_id == incoming_id)
    ).scalar()
    return None if found is None else bytes(found)


def listed(
    connection: Connection,
    tenant_id: int,
    limit: int,
    *,
    before: int | None = None,
    kind: IncomingKind | None = None,
    waiting: bool = False,
) -> list[Received]:
    """The newest first, older than the one with the number `before`. `waiting`: only what waits for a person."""
    query = select(_table).where(within(_table, tenant_id))
    if before is not None:
        query = query.where(_table.c.id < before)
    if kind is not None:
        query = query.where(_table.c.kind == kind.value)
    if waiting:
        query = query.where(text(WAITING))
    return [_from_row(row) for row in connection.execute(query.order_by(_table.c.id.desc()).limit(limit))]


def of_message(connection: Connection, tenant_id: int, message_id: int, limit: int) -> list[Received]:
    """What came back about one message, oldest first."""
    query = select(_table).where(within(_table, tenant_id), _table.c.message_id == message_id)
    return [_from_row(row) for row in connection.execute(query.order_by(_table.c.id).limit(limit))]


class Answered(NamedTuple):
    """How often somebody's mail was taken for a person's reply lately; `quick`: soon after the mail that it answers."""

    all: int = 0
    quick: int = 0


def mark(
    connection: Connection, tenant_id: int, incoming_id: int, done_ms: int | None, done_by: str
) -> Received | None:
    """As dealt with, or with None as still waiting; None where it is not there."""
    mine = (within(_table, tenant_id), _table.c.id == incoming_id)
    connection.execute(update(_table).where(*mine).values(done_ms=done_ms, done_by=done_by))
    return get(connection, tenant_id, incoming_id)


def answered(
    connection: Connection, tenant_id: int, senders: Collection[str], since_ms: int, quick_ms: int
) -> dict[str, Answered]:
    """By sender. An id tells its time, and so does that of the message answered."""
    soon = _table.c.id - _table.c.message_id < id_at(since_ms + quick_ms) - id_at(since_ms)
    query = (
        select(_table.c.sender, func.count(), func.count(case((soon, 1))))
        .where(within(_table, tenant_id), _table.c.sender.in_(senders), _table.c.kind == IncomingKind.REPLY.value)
        .where(_table.c.id >= id_at(since_ms))
        .group_by(_table.c.sender)
    )
    return {sender: Answered(every, quick) for sender, every, quick in connection.execute(query)}


def drop_before(connection: Connection, tenant_id: int, before_ms: int, limit: int) -> int:
    """Forgets the oldest that came before this time, with their contents; returns how many."""
    old = select(_table.c.id).where(within(_table, tenant_id), _table.c.id < id_at(before_ms)).order_by(_table.c.id)
    numbers = list(connection.execute(old.limit(limit)).scalars())
    if numbers:
        gone = (within(_content, tenant_id), _content.c.incoming_id.in_(numbers))
        connection.execute(delete(_content).where(*gone))
        connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id.in_(numbers)))
    return len(numbers)
