"""What happened to one message: its events, and its attempts with what was said to the server and heard from it."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, literal, or_, select

from postroom.model.attempt import Attempt
from postroom.model.event import Event, EventKind
from postroom.model.tenant import INSTALLATION
from postroom.store import tables
from postroom.store.scope import within

__all__ = ["attempts", "events"]

_event = tables.event
_attempt = tables.attempt
_session = tables.session


def event_from_row(row: Row[Any]) -> Event:
    return Event(
        id=row.id,
        tenant_id=row.tenant_id,
        message_id=row.message_id,
        at_ms=row.at_ms,
        kind=EventKind(row.kind),
        n=row.n,
        detail=json.loads(row.detail) if row.detail else {},
    )


def events(
    connection: Connection,
    tenant_id: int,
    message_id: int,
    limit: int,
    n: int | None = None,
    kinds: Collection[EventKind] = (),
) -> list[Event]:
    """The first `limit` of them, in the order in which they happened; with `n` those that concern this recipient, with
    `kinds` only those.
    """
    query = (
        select(_event)
        .where(within(_event, tenant_id), _event.c.message_id == message_id)
        .order_by(_event.c.at_ms, _event.c.id)
        .limit(limit)
    )
    if n is not None:
        query = query.where(or_(_event.c.n == n, _event.c.n.is_(None)))
    if kinds:
        query = query.where(_event.c.kind.in_(sorted(kinds)))
    return [event_from_row(row) for row in connection.execute(query)]


def attempts(
    connection: Connection, tenant_id: int, message_id: int, limit: int, n: int | None = None
) -> list[Attempt]:
    """The last `limit` of them, oldest first, each with the conversation from the session's beginning.

    A session belongs to the account's tenant, which may be the installation when the tenant uses an inherited account.
    """
    theirs = (_session.c.id == _attempt.c.session_id) & within(_session, (tenant_id, INSTALLATION))
    query = (
        select(
            _attempt,
            _session.c.server,
            _session.c.tls,
            _session.c.conversation.label("preamble"),
        )
        .select_from(_attempt.outerjoin(_session, theirs))
        .where(within(_attempt, tenant_id), _attempt.c.message_id == message_id)
        .order_by(_attempt.c.id.desc())
        .limit(limit)
    )
    if n is not None:
        numbers = literal(",").concat(_attempt.c.recipients).concat(",")
        query = query.where(numbers.contains(f",{n},"))
    return [_attempt_from_row(row) for row in reversed(connection.execute(query).all())]


def _attempt_from_row(row: Row[Any]) -> Attempt:
    parts = [part for part in (row.preamble, row.conversation) if part]
    return Attempt(
        id=row.id,
        tenant_id=row.tenant_id,
        message_id=row.message_id,
        recipients=tuple(int(number) for number in row.recipients.split(",") if number),
        account_id=row.account_id,
        account_version=row.account_version,
        courier=row.courier,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        phase=row.phase,
        reply=row.reply,
        server=row.server or "",
        tls=row.tls or "",
        session_id=row.session_id,
        conversation="\n".join(part.rstrip("\n") for part in parts),
    )
