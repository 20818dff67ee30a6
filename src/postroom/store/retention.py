"""Retention: what is kept no longer. Small batches, each a transaction of its own, with progress that survives.

What goes, and when:
- a message's content after its tenant's `content_days`;
- the whole message, with recipients, events, attempts and content, after `log_days`;
- mail that came back, with its content, after `log_days` as well;
- remembered idempotency keys after their hours; sessions when no attempt tells of them any more.

Nothing that may still be delivered is ever touched: a message stays whole, however old, while one of its recipients is
queued, deferred, being sent, held or in doubt, and for its full time again where that ended late. Silenced mail counts
as over: its content goes after `content_days` (releasing it is then refused, because there is nothing to send), the
rest of it after `log_days`.

Contents are walked by a mark for each tenant, so that a sweep reads only what has become old since the last one; once a
day the walk begins anew and takes what was still waiting when it came by. A content never outlives its message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, not_, or_, select, text

from postroom.ids import id_at
from postroom.model.event import EventKind
from postroom.model.state import OVER, State
from postroom.policy.inherit import Inherited, chain, inherited
from postroom.store import incoming, tables, tenants, terms
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import insert_rows
from postroom.store.partial import among
from postroom.store.scope import across, within

__all__ = ["Swept", "sweep"]

_DAY_MS = 24 * 3600 * 1000
_HOUR_MS = 3600 * 1000
_MOST_RECIPIENTS = 5_000
_LOCK = 7_227_002
_BOTTOM = -(1 << 62)
_SETTLED = tuple(sorted(state.value for state in OVER | {State.SILENCED}))

_message = tables.message
_recipient = tables.recipient
_content = tables.content
_attempt = tables.attempt
_session = tables.session


@dataclass(frozen=True, slots=True)
class Swept:
    """How much went in this batch. `more`: another batch would find something at once."""

    contents: int = 0
    messages: int = 0
    keys: int = 0
    sessions: int = 0
    incoming: int = 0
    more: bool = False


def sweep(
    connection: Connection,
    now_ms: int,
    limit: int,
    *,
    idempotency_hours: float = 24.0,
    next_id: Callable[[], int] | None = None,
) -> Swept:
    """One batch: at most `limit` of each kind. With `next_id` each content that goes leaves an event behind."""
    if not _alone(connection):
        return Swept()
    settings = _settings(connection)
    _begin_walk(connection, now_ms)
    messages, more_messages = _sweep_messages(connection, settings, now_ms, limit)
    contents, more_contents = _sweep_contents(connection, settings, now_ms, limit, next_id)
    keys = _sweep_keys(connection, now_ms - round(idempotency_hours * _HOUR_MS), limit)
    sessions = _sweep_sessions(connection, settings, now_ms, limit)
    came_back = _sweep_incoming(connection, settings, now_ms, limit)
    more = more_messages or more_contents or keys >= limit or sessions >= limit or came_back >= limit
    return Swept(contents, messages, keys, sessions, came_back, more)


def _alone(connection: Connection) -> bool:
    """Nodes sweep one at a time; one that comes while another sweeps has nothing to do."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}).scalar())


def _settings(connection: Connection) -> dict[int, Inherited]:
    every = {tenant.id: tenant for tenant in tenants.all_tenants(connection)}
    return {number: inherited(chain(every, number)) for number in every}


def _is_needed(tenant_id: int, since_ms: int) -> ColumnElement[bool]:
    """Whether the message may still leave, or became what it is only after this time (released late, for instance)."""
    return exists(
        select(_recipient.c.n).where(
            _recipient.c.message_id == _message.c.id,
            within(_recipient, tenant_id),
            or_(_recipient.c.state.not_in(_SETTLED), _recipient.c.updated_ms >= since_ms),
        )
    )


# -- whole messages ---------------------------------------------------------------------------------------------------


def _sweep_messages(
    connection: Connection, settings: dict[int, Inherited], now_ms: int, limit: int
) -> tuple[int, bool]:
    count = 0
    for tenant_id, own in settings.items():
        since_ms = now_ms - own.log_days.value * _DAY_MS
        query = (
            select(_message.c.id)
            .where(
                within(_message, tenant_id),
                _message.c.id < id_at(since_ms),
                not_(_is_needed(tenant_id, since_ms)),
            )
            .order_by(_message.c.id)
            .limit(limit - count)
        )
        ids = [row.id for row in connection.execute(query)]
        some = _not_too_many(connection, tenant_id, ids)
        _delete_messages(connection, tenant_id, some)
        count += len(some)
        if count >= limit or len(some) < len(ids):
            return count, True
    return count, False


def _not_too_many(connection: Connection, tenant_id: int, ids: Sequence[int]) -> list[int]:
    """The first of them, as many as have a bearable number of recipients together; one at least."""
    query = (
        select(_recipient.c.message_id, func.count().label("count"))
        .where(among(tenant_id), _recipient.c.message_id.in_(ids))
        .group_by(_recipient.c.message_id)
    )
    counts = {row.message_id: int(row._mapping["count"]) for row in connection.execute(query)} if ids else {}
    total = 0
    some: list[int] = []
    for number in ids:
        total += counts.get(number, 0)
        if some and total > _MOST_RECIPIENTS:
            break
        some.append(number)
    return some


def _delete_messages(connection: Connection, tenant_id: int, ids: Sequence[int]) -> None:
    if not ids:
        return
    terms.forget(connection, tenant_id, ids)
    for table in (tables.attempt, tables.event, tables.content, tables.rendering):
        connection.execute(delete(table).where(within(table, tenant_id), table.c.message_id.in_(ids)))
    connection.execute(delete(_recipient).where(among(tenant_id), _recipient.c.message_id.in_(ids)))
    connection.execute(delete(_message).where(within(_message, tenant_id), _message.c.id.in_(ids)))


# -- contents ---------------------------------------------------------------------------------------------------------

_MARK = "retention.content."
_WALK = "retention.walk"


def _begin_walk(connection: Connection, now_ms: int) -> None:
    """Once a day all marks go back to the beginning."""
    begun = int(_marks(connection, _WALK).get(_WALK, "0"))
    if 0 <= now_ms - begun < _DAY_MS:
        return
    connection.execute(delete(tables.meta).where(tables.meta.c.name.startswith(_MARK, autoescape=True)))
    _set_mark(connection, _WALK, now_ms)


def _marks(connection: Connection, beginning: str) -> dict[str, str]:
    query = select(tables.meta).where(tables.meta.c.name.startswith(beginning, autoescape=True))
    return {row.name: row.value for row in connection.execute(query)}


def _set_mark(connection: Connection, name: str, value: int) -> None:
    connection.execute(
        text(
            "INSERT INTO meta (name, value) VALUES (:name, :value) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        ),
        {"name": name, "value": str(value)},
    )


def _sweep_contents(
    connection: Connection,
    settings: dict[int, Inherited],
    now_ms: int,
    limit: int,
    next_id: Callable[[], int] | None,
) -> tuple[int, bool]:
    marks = _marks(connection, _MARK)
    count, looked_at = 0, 0
    for tenant_id, own in settings.items():
        name = f"{_MARK}{tenant_id}"
        since = int(marks.get(name, _BOTTOM))
        since_ms = now_ms - min(own.content_days.value, own.log_days.value) * _DAY_MS
        old = _old_contents(connection, tenant_id, since, id_at(since_ms), limit - looked_at)
        if not old:
            continue
        gone = _not_needed(connection, tenant_id, old, since_ms)
        connection.execute(delete(_content).where(within(_content, tenant_id), _content.c.message_id.in_(gone)))
        if next_id is not None:
            kind = EventKind.CONTENT_WIPED.value
            events = [(number, next_id(), tenant_id, None, now_ms, kind, None) for number in gone]
            insert_rows(connection, tables.event, EVENT_COLUMNS, events)
        _set_mark(connection, name, old[-1])
        count += len(gone)
        looked_at += len(old)
        if looked_at >= limit:
            return count, True
    return count, False


def _old_contents(connection: Connection, tenant_id: int, since: int, until: int, most: int) -> list[int]:
    query = (
        select(_content.c.message_id)
        .where(within(_content, tenant_id), _content.c.message_id > since, _content.c.message_id < until)
        .order_by(_content.c.message_id)
        .limit(most)
    )
    return [row.message_id for row in connection.execute(query)]


def _not_needed(connection: Connection, tenant_id: int, ids: Sequence[int], since_ms: int) -> list[int]:
    query = select(_message.c.id).where(
        within(_message, tenant_id), _message.c.id.in_(ids), not_(_is_needed(tenant_id, since_ms))
    )
    return [row.id for row in connection.execute(query)]


# -- what hangs on ----------------------------------------------------------------------------------------------------


def _sweep_keys(connection: Connection, before_ms: int, limit: int) -> int:
    table = tables.idempotency
    query = select(table.c.tenant_id, table.c.key).where(table.c.created_ms < before_ms).limit(limit)
    rows = connection.execute(across(query, "keys are forgotten by their age, whoever's they are")).all()
    for tenant_id, keys in _by_tenant((row.tenant_id, row.key) for row in rows).items():
        connection.execute(delete(table).where(within(table, tenant_id), table.c.key.in_(keys)))
    return len(rows)


def _sweep_incoming(connection: Connection, settings: dict[int, Inherited], now_ms: int, limit: int) -> int:
    count = 0
    for tenant_id, own in settings.items():
        before_ms = now_ms - own.log_days.value * _DAY_MS
        count += incoming.drop_before(connection, tenant_id, before_ms, limit - count)
        if count >= limit:
            break
    return count


def _by_tenant(pairs: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for tenant_id, key in pairs:
        found.setdefault(tenant_id, []).append(key)
    return found


def _sweep_sessions(connection: Connection, settings: dict[int, Inherited], now_ms: int, limit: int) -> int:
    """Sessions older than anybody's log, but for those that attempts of mail that still waits tell of.

    A session is never open for a day, so with a day to spare all its attempts belong to messages as old as itself or
    to some that are kept because they may still leave.
    """
    longest = max((own.log_days.value for own in settings.values()), default=0)
    before = id_at(now_ms - (longest + 1) * _DAY_MS)
    why = "an account's session may have carried any tenant's mail"
    told_of = select(_attempt.c.session_id).where(
        and_(_attempt.c.message_id < id_at(now_ms - longest * _DAY_MS), _attempt.c.session_id.is_not(None))
    )
    query = select(_session.c.id).where(_session.c.id < before, _session.c.id.not_in(told_of)).limit(limit)
    ids = [row.id for row in connection.execute(across(query, why))]
    if ids:
        connection.execute(across(delete(_session).where(_session.c.id.in_(ids)), why))
    return len(ids)
