"""The queue as people see it (counts per account), and moving waiting mail when settings change.

Moves are done in batches, so that a large queue never keeps other work from the writer: each function does at most
`limit` recipients and returns how many; fewer than `limit` means that it is done. What a worker has in hand is never
touched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, or_, select, tuple_

from postroom.model.event import EventKind
from postroom.model.message import Recipient
from postroom.model.state import State
from postroom.policy.way import Routed
from postroom.store import tables
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import insert_rows, update_rows
from postroom.store.partial import ATTENTION, LEASED, WAITING, among
from postroom.store.pulse import stopped
from postroom.store.scope import across, within

__all__ = [
    "MOST_AHEAD",
    "Load",
    "Pending",
    "TenantLoad",
    "ahead",
    "follow_default",
    "forget_account",
    "held_of_sender",
    "loads",
    "move_account",
    "pending",
    "release_held",
    "tenant_loads",
]

_recipient = tables.recipient
_message = tables.message
_KEY = (_recipient.c.message_id, _recipient.c.n)
_STAYING = tuple(state.value for state in (State.HELD, State.UNKNOWN, State.SILENCED, State.COLLECTED))
"""States of what does not wait, but may still leave."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one account has before it, for one tenant. `account_id` None: mail that waits for an account.

    `waiting`: queued or deferred, `due` of them already due; `oldest_id` the oldest waiting message, or None.
    """

    account_id: int | None
    waiting: int = 0
    due: int = 0
    oldest_id: int | None = None
    held: int = 0
    unknown: int = 0
    sending: int = 0


MOST_AHEAD = 20_000
"""More than this is not counted: it is "a lot"."""


def ahead(connection: Connection, recipient: Recipient) -> int:
    """How many leave before this waiting recipient through its account, whoever's they are; at most `MOST_AHEAD`."""
    c = _recipient.c
    sooner = tuple_(c.due_ms, c.message_id, c.n) < tuple_(recipient.due_ms, recipient.message_id, recipient.n)
    before = or_(
        and_(c.priority < recipient.priority, c.due_ms <= recipient.due_ms),
        and_(c.priority == recipient.priority, sooner),
    )
    found = select(literal(1)).where(c.account_id == recipient.account_id, WAITING, before).limit(MOST_AHEAD)
    query = select(func.count()).select_from(found.subquery())
    return connection.execute(across(query, "tenants share an account's pace; only a number is told")).scalar_one()


def loads(connection: Connection, tenant_id: int, now_ms: int) -> list[Load]:
    """One for each account that has anything before it. Three counts over small partial indexes."""
    counts: dict[int | None, dict[str, int | None]] = {}
    waiting = (
        select(
            _recipient.c.account_id,
            func.count().label("waiting"),
            func.sum(case((_recipient.c.due_ms <= now_ms, 1), else_=0)).label("due"),
            func.min(_recipient.c.message_id).label("oldest_id"),
        )
        .where(among(tenant_id), WAITING)
        .group_by(_recipient.c.account_id)
    )
    sending = (
        select(_recipient.c.account_id, func.count().label("sending"))
        .where(among(tenant_id), LEASED)
        .group_by(_recipient.c.account_id)
    )
    stopped = (
        select(
            _recipient.c.account_id,
            func.sum(case((_recipient.c.state == State.HELD.value, 1), else_=0)).label("held"),
            func.sum(case((_recipient.c.state == State.UNKNOWN.value, 1), else_=0)).label("unknown"),
        )
        .where(
            within(_recipient, tenant_id),
            ATTENTION,
            _recipient.c.state.in_([State.HELD.value, State.UNKNOWN.value]),
        )
        .group_by(_recipient.c.account_id)
    )
    for query in (waiting, sending, stopped):
        for row in connection.execute(query).mappings():
            counts.setdefault(row["account_id"], {}).update({k: v for k, v in row.items() if k != "account_id"})
    return [Load(account_id, **found) for account_id, found in counts.items()]  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class TenantLoad:
    """What one tenant has before it, through whatever accounts. Counts as in `Load`; held and in doubt at most
    `pulse.MOST_COUNTED` each."""

    tenant_id: int
    waiting: int = 0
    oldest_id: int | None = None
    held: int = 0
    unknown: int = 0
    sending: int = 0


def tenant_loads(connection: Connection, tenants: Sequence[int]) -> list[TenantLoad]:
    """Of those of these tenants that have something before them, for somebody of the installation."""
    c = _recipient.c
    waiting = select(c.tenant_id, func.count().label("waiting"), func.min(c.message_id).label("oldest_id"))
    sending = select(c.tenant_id, func.count().label("sending")).where(LEASED).group_by(c.tenant_id)
    found: dict[int, dict[str, int]] = {}
    for query in (waiting.where(WAITING).group_by(c.tenant_id), sending):
        for row in connection.execute(across(query, "the installation sees what waits, tenant by tenant")).mappings():
            found.setdefault(row["tenant_id"], {}).update({k: v for k, v in row.items() if k != "tenant_id"})
    for one in stopped(connection, tenants):
        found.setdefault(one.tenant_id, {}).update(held=one.held, unknown=one.unknown)
    return [TenantLoad(number, **found[number]) for number in tenants if number in found]


@dataclass(frozen=True, slots=True)
class Pending:
    """What still depends on an account: `waiting` (queued, deferred, held, unknown) and `sending` (in hand)."""

    waiting: int
    sending: int


def pending(connection: Connection, tenants: Sequence[int], account_id: int) -> Pending:
    """Counted over all these tenants: an installation's account may carry anybody's mail."""
    own, whose = within(_recipient, tenants), _recipient.c.account_id == account_id
    stopped = (ATTENTION, _recipient.c.state.in_([State.HELD.value, State.UNKNOWN.value]))
    waiting = _count(connection, own, whose, WAITING) + _count(connection, own, whose, *stopped)
    return Pending(waiting, _count(connection, among(tenants), whose, LEASED))


def _count(connection: Connection, *where: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(_recipient).where(*where)).scalar_one()


def follow_default(connection: Connection, tenants: Sequence[int], old: int, new: int, limit: int) -> int:
    """Moves waiting mail that followed the default account from the old one to the new one."""
    chosen = (WAITING, _recipient.c.routed == Routed.DEFAULT)
    return _move(connection, tenants, old, new, limit, chosen)


def move_account(connection: Connection, tenants: Sequence[int], old: int, new: int, limit: int) -> int:
    """Moves all that may still leave through an account to another: what waits, is held, silenced or in doubt."""
    waiting = _move(connection, tenants, old, new, limit, (WAITING,))
    if waiting >= limit:
        return waiting
    stopped = (ATTENTION, _recipient.c.state.in_(_STAYING))
    return waiting + _move(connection, tenants, old, new, limit - waiting, stopped)


def forget_account(connection: Connection, tenants: Sequence[int], old: int, limit: int) -> int:
    """Takes an account that goes from silenced mail, which then leaves by whatever way is right at its release."""
    kept = (State.SILENCED.value, State.COLLECTED.value)
    silenced = (ATTENTION, _recipient.c.state.in_(kept))
    return _move(connection, tenants, old, None, limit, silenced)


def _move(
    connection: Connection,
    tenants: Sequence[int],
    old: int,
    new: int | None,
    limit: int,
    where: Sequence[ColumnElement[bool]],
) -> int:
    mine = (within(_recipient, tenants), _recipient.c.account_id == old)
    keys = connection.execute(select(*_KEY).where(*mine, *where).limit(limit).with_for_update()).all()
    update_rows(
        connection,
        _recipient,
        "account_id = given.column4",
        ("BIGINT", "INTEGER", "BIGINT", "BIGINT"),
        "recipient.message_id = given.column1 AND recipient.n = given.column2 "
        "AND recipient.account_id = given.column3 AND recipient.lease IS NULL",
        [(row.message_id, row.n, old, new) for row in keys],
    )
    return len(keys)


def release_held(
    connection: Connection,
    tenants: Sequence[int],
    reason: str,
    now_ms: int,
    next_id: Callable[[], int],
    limit: int,
    *,
    account_id: int | None = None,
    sender_id: int | None = None,
) -> int:
    """Queues what is held for this reason, each with its event; mail with a time to leave at keeps it.

    With `account_id` it is queued for that account; with `sender_id` only that sender's mail is.
    """
    query = (
        select(*_KEY, _recipient.c.tenant_id, _message.c.send_at_ms)
        .select_from(_recipient.join(_message, _message.c.id == _recipient.c.message_id))
        .where(
            within(_recipient, tenants), within(_message, tenants), ATTENTION,
            _recipient.c.state == State.HELD.value, _recipient.c.reason == reason,
        )
        .order_by(_recipient.c.message_id)
        .limit(limit)
    )  # fmt: skip
    if sender_id is not None:
        query = query.where(_recipient.c.sender_id == sender_id)
    rows = connection.execute(query.with_for_update(of=_recipient)).all()
    moves = [(row.message_id, row.n, max(now_ms, row.send_at_ms or 0), account_id, now_ms) for row in rows]
    update_rows(
        connection,
        _recipient,
        "state = 'queued', due_ms = given.column3, account_id = coalesce(given.column4, recipient.account_id), "
        "reason = '', updated_ms = given.column5",
        ("BIGINT", "INTEGER", "BIGINT", "BIGINT", "BIGINT"),
        "recipient.message_id = given.column1 AND recipient.n = given.column2 AND recipient.state = 'held'",
        moves,
    )
    detail = json.dumps({"why": reason})
    events = [
        (row.message_id, next_id(), row.tenant_id, row.n, now_ms, EventKind.RELEASED.value, detail) for row in rows
    ]
    insert_rows(connection, tables.event, EVENT_COLUMNS, events)
    return len(rows)


def held_of_sender(connection: Connection, tenant_id: int, sender_id: int, reason: str) -> int:
    """How many recipients are held because their account may not send for this sender."""
    held = (ATTENTION, _recipient.c.state == State.HELD.value, _recipient.c.reason == reason)
    return _count(connection, within(_recipient, tenant_id), _recipient.c.sender_id == sender_id, *held)
