"""The feed: a tenant's events in one lasting order, for webhooks and for those who pull.

Rows are written by a trigger, or by `put`, in the transaction of what they tell of. Transactions of several nodes end
in any order, so a row has no place before it is committed: places are given by one at a time (`publish`), to what is
committed by then. Whoever has read up to a place has therefore missed nothing before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, select, text, update

from postroom.model.webhook import FeedEntry
from postroom.store import tables
from postroom.store.bulk import update_rows
from postroom.store.scope import across, within

__all__ = ["KEPT_MS", "entries", "follow", "followed", "head", "missed_since", "place_at", "publish", "put", "sweep"]

KEPT_MS = 14 * 24 * 3600 * 1000
"""How long events are kept for those who come late."""
_QUIET_MS = 30 * 24 * 3600 * 1000
_DAY_MS = 24 * 3600 * 1000
_MOST_PLACED = 5_000
_HEAD, _SWEPT = "feed.position", "feed.swept"
_feed, _follower = tables.feed, tables.follower
_event, _message, _recipient = tables.event, tables.message, tables.recipient
_WHY = "places are given to every tenant's events alike"


def follow(connection: Connection, tenant_id: int, now_ms: int, *, pulled: bool = False) -> None:
    """From now on the tenant's events are written to its feed. `pulled`: somebody asks for it just now."""
    connection.execute(
        text("INSERT INTO follower (tenant_id, since_ms) VALUES (:tenant, :now) ON CONFLICT (tenant_id) DO NOTHING"),
        {"tenant": tenant_id, "now": now_ms},
    )
    if pulled:
        table = _follower
        seldom = (table.c.pulled_ms.is_(None)) | (table.c.pulled_ms < now_ms - _DAY_MS)
        connection.execute(update(table).where(within(table, tenant_id), seldom).values(pulled_ms=now_ms))


def followed(connection: Connection, tenant_id: int) -> bool:
    return connection.execute(select(_follower.c.tenant_id).where(within(_follower, tenant_id))).first() is not None


def put(connection: Connection, event_id: int, tenant_id: int, at_ms: int, kind: str, detail: dict[str, Any]) -> None:
    """An event that is no message's; for nobody where nobody follows."""
    if followed(connection, tenant_id):
        values = {"event_id": event_id, "tenant_id": tenant_id, "at_ms": at_ms, "kind": kind}
        connection.execute(_feed.insert().values(**values, detail=json.dumps(detail)))


def publish(connection: Connection, limit: int = _MOST_PLACED) -> int:
    """Gives places to what has none yet; how many. Whoever comes at the same time waits for his turn."""
    unplaced = select(_feed.c.event_id).where(_feed.c.position.is_(None)).order_by(_feed.c.event_id).limit(limit)
    if connection.execute(across(unplaced.limit(1), _WHY)).first() is None:
        return 0
    last = _locked(connection)
    found = [row.event_id for row in connection.execute(across(unplaced, _WHY))]
    update_rows(
        connection,
        _feed,
        "position = given.column2",
        ("BIGINT", "BIGINT"),
        "feed.event_id = given.column1",
        [(number, last + place) for place, number in enumerate(found, 1)],
    )
    _set(connection, _HEAD, last + len(found))
    return len(found)


def _locked(connection: Connection) -> int:
    """The last place given; nobody else gives any before this transaction ends."""
    connection.execute(
        text("INSERT INTO meta (name, value) VALUES (:name, '0') ON CONFLICT (name) DO NOTHING"), {"name": _HEAD}
    )
    lock = "" if connection.dialect.name == "sqlite" else " FOR UPDATE"
    found = connection.execute(text(f"SELECT value FROM meta WHERE name = :name{lock}"), {"name": _HEAD})  # noqa: S608
    return int(found.scalar_one())


def head(connection: Connection) -> int:
    """The last place that was given, to whosever event."""
    return _get(connection, _HEAD)


def missed_since(connection: Connection, position: int) -> bool:
    """Whether events after this place may be gone already."""
    return position < _get(connection, _SWEPT)


def place_at(connection: Connection, tenant_id: int, at_ms: int) -> int:
    """The place before the tenant's first event of this time or later; the last one when there is none."""
    query = select(func.min(_feed.c.position)).where(
        within(_feed, tenant_id), _feed.c.position.is_not(None), _feed.c.at_ms >= at_ms
    )
    found = connection.execute(query).scalar()
    return head(connection) if found is None else int(found) - 1


def entries(connection: Connection, tenant_id: int, after: int, limit: int) -> list[FeedEntry]:
    """What comes after this place, in order, with what is known of the message and the recipient now."""
    of_event = and_(
        _event.c.message_id == _feed.c.message_id, _event.c.id == _feed.c.event_id, within(_event, tenant_id)
    )
    of_message = and_(_message.c.id == _feed.c.message_id, within(_message, tenant_id))
    of_recipient = and_(
        _recipient.c.message_id == _feed.c.message_id, _recipient.c.n == _event.c.n, within(_recipient, tenant_id)
    )
    query = (
        select(
            _feed,
            _event.c.n,
            _event.c.detail.label("event_detail"),
            _recipient.c.address,
            _message.c.id.label("found_message"),
            _message.c.sender,
            _message.c.kind.label("message_kind"),
            _message.c.application_id,
            _message.c.tags,
            _message.c.metadata,
        )
        .select_from(
            _feed.outerjoin(_event, of_event).outerjoin(_message, of_message).outerjoin(_recipient, of_recipient)
        )
        .where(within(_feed, tenant_id), _feed.c.position.is_not(None), _feed.c.position > after)
        .order_by(_feed.c.position)
        .limit(limit)
    )
    return [_entry(row) for row in connection.execute(query)]


def _entry(row: Row[Any]) -> FeedEntry:
    own = row.detail if row.message_id is None else row.event_detail
    message: dict[str, Any] = {}
    if row.found_message is not None:
        message = {
            "to": row.address,
            "from": row.sender,
            "kind": row.message_kind,
            "application_id": row.application_id,
            "tags": json.loads(row.tags) if row.tags else [],
            "metadata": json.loads(row.metadata) if row.metadata else {},
        }
    detail = json.loads(own) if own else {}
    return FeedEntry(
        row.position, row.event_id, row.tenant_id, row.kind, row.at_ms, row.message_id, row.n, detail, message
    )


def sweep(connection: Connection, now_ms: int, following: Sequence[int], limit: int) -> int:
    """Forgets what is older than `KEPT_MS`, and who follows no more: no webhook (`following` have one) and no question
    for a month. How many events went.
    """
    query = (
        select(_feed.c.event_id, _feed.c.position)
        .where(_feed.c.position.is_not(None), _feed.c.at_ms < now_ms - KEPT_MS)
        .order_by(_feed.c.event_id)
        .limit(limit)
    )
    old = connection.execute(across(query, _WHY)).all()
    if old:
        numbers = [row.event_id for row in old]
        connection.execute(across(delete(_feed).where(_feed.c.event_id.in_(numbers)), _WHY))
        _set(connection, _SWEPT, max(_get(connection, _SWEPT), *(row.position for row in old)))
    quiet = and_(
        _follower.c.tenant_id.not_in(list(following)),
        func.coalesce(_follower.c.pulled_ms, _follower.c.since_ms) < now_ms - _QUIET_MS,
    )
    connection.execute(across(delete(_follower).where(quiet), _WHY))
    return len(old)


def _get(connection: Connection, name: str) -> int:
    found = connection.execute(text("SELECT value FROM meta WHERE name = :name"), {"name": name}).scalar()
    return 0 if found is None else int(found)


def _set(connection: Connection, name: str, value: int) -> None:
    connection.execute(
        text(
            "INSERT INTO meta (name, value) VALUES (:name, :value) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        ),
        {"name": name, "value": str(value)},
    )
