"""What people do to messages: cancel, hold, release, retry, settle. One table of acts, one conditional statement each
(P4).

An act moves the recipients that can make the move and says which did; none is a conflict, which names the present
states. A recipient that is being sent just now cannot be moved: it is too late, and that is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, and_, select, text, update

from postroom.errors import Conflict, NotFound
from postroom.model.event import EventKind
from postroom.model.state import State
from postroom.sentence import Sentence
from postroom.store import tables
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import insert_rows
from postroom.store.scope import within

__all__ = ["CANCEL", "HOLD", "RELEASE", "RETRY", "SEND_AGAIN", "WAS_SENT", "Act", "Acted", "perform", "silenced"]

_S = State


@dataclass(frozen=True, slots=True)
class Act:
    """`name` is for people; `source` the states it works on; `target` what they become."""

    name: str
    source: frozenset[State]
    target: State
    event: EventKind
    reason: str = ""


CANCEL = Act(
    "cancelled", frozenset({_S.QUEUED, _S.DEFERRED, _S.HELD, _S.SILENCED, _S.UNKNOWN, _S.COLLECTED}), _S.CANCELLED,
    EventKind.CANCELLED, "by-hand",
)  # fmt: skip
HOLD = Act("held", frozenset({_S.QUEUED, _S.DEFERRED}), _S.HELD, EventKind.HELD, "by-hand")
RELEASE = Act("released", frozenset({_S.HELD, _S.SILENCED, _S.COLLECTED}), _S.QUEUED, EventKind.RELEASED)
RETRY = Act("tried again now", frozenset({_S.QUEUED, _S.DEFERRED}), _S.QUEUED, EventKind.RETRIED)
SEND_AGAIN = Act("sent again", frozenset({_S.UNKNOWN}), _S.QUEUED, EventKind.RETRIED)
WAS_SENT = Act("settled as sent", frozenset({_S.UNKNOWN}), _S.SENT, EventKind.SENT, "settled-by-hand")


_SENDS_WHAT_RESTED = (RELEASE, SEND_AGAIN)


class Acted(NamedTuple):
    """The recipients that moved, and the accounts whose queues have more now."""

    numbers: tuple[int, ...]
    accounts: frozenset[int]


def perform(
    connection: Connection,
    tenant_id: int,
    message_id: int,
    only: Sequence[int] | None,
    act: Act,
    now_ms: int,
    next_id: Callable[[], int],
    by: str,
    account_id: int | None = None,
) -> Acted:
    """Does it. `only`: recipient numbers, None for all. `account_id`: for recipients that have none yet.

    Raises NotFound for a message that is not this tenant's, Conflict when no recipient can make the move.
    """
    table = tables.recipient
    chosen = and_(within(table, tenant_id), table.c.message_id == message_id)
    if only is not None:
        chosen = and_(chosen, table.c.n.in_(tuple(only)))
    columns = (table.c.n, table.c.state, table.c.account_id, table.c.due_ms)
    rows = connection.execute(select(*columns).where(chosen).order_by(table.c.n).with_for_update()).all()
    if not rows:
        raise NotFound("There is no such message here, or it has no such recipient.")
    able = [row for row in rows if State(row.state) in act.source]
    if not able:
        raise _conflict(act, [State(row.state) for row in rows])
    waiting = act.target is State.QUEUED
    if waiting and account_id is None and any(row.account_id is None for row in able):
        raise Conflict("No account is set up to send it through. Add one, or choose a default account, first.")
    if act in _SENDS_WHAT_RESTED and not _has_content(connection, tenant_id, message_id):
        raise Conflict("Its content is not kept any more, so it can't be sent.")
    for row in able:
        _move(connection, tenant_id, message_id, row.n, State(row.state), act, now_ms, row.account_id or account_id)
    detail = json.dumps({"by": by} if by else {})
    insert_rows(
        connection,
        tables.event,
        EVENT_COLUMNS,
        [(message_id, next_id(), tenant_id, row.n, now_ms, act.event.value, detail) for row in able],
    )
    accounts = {row.account_id if row.account_id is not None else account_id for row in able} if waiting else set()
    return Acted(tuple(row.n for row in able), frozenset(one for one in accounts if one is not None))


def _move(
    connection: Connection,
    tenant_id: int,
    message_id: int,
    n: int,
    source: State,
    act: Act,
    now_ms: int,
    account_id: int | None,
) -> None:
    table = tables.recipient
    values: dict[str, object] = {
        "state": act.target.value,
        "due_ms": now_ms if act.target is State.QUEUED else None,
        "reason": act.reason,
        "updated_ms": now_ms,
        "account_id": account_id,
    }
    if source is State.SILENCED:
        values["routed"] = "released"
    moved = connection.execute(
        update(table)
        .where(
            within(table, tenant_id),
            table.c.message_id == message_id,
            table.c.n == n,
            table.c.state == source.value,
        )
        .values(**values)
    ).rowcount
    if moved != 1:
        raise Conflict("The message changed at this very moment. Look at it again.")


def _has_content(connection: Connection, tenant_id: int, message_id: int) -> bool:
    table = tables.content
    found = select(table.c.message_id).where(within(table, tenant_id), table.c.message_id == message_id)
    return connection.execute(found).first() is not None


def _conflict(act: Act, states: Sequence[State]) -> Conflict:
    words = ", ".join(sorted({state.value for state in states}))
    if State.SENDING in states:
        return Conflict(Sentence("It can't be {act}: it is being sent at this moment.", act=act.name), states=words)
    can = ", ".join(sorted(state.value for state in act.source))
    return Conflict(
        Sentence(
            "It can't be {act}: its state is {words}. That works only while it is {can}.",
            act=act.name,
            words=words,
            can=can,
        ),
        states=words,
    )


def silenced(connection: Connection, tenant_id: int, after: int, limit: int) -> list[int]:
    """Messages of the tenant with something silenced, oldest first, behind the one with this number."""
    table = tables.recipient
    rows = connection.execute(
        select(table.c.message_id)
        .where(
            within(table, tenant_id),
            table.c.state == State.SILENCED.value,
            table.c.message_id > after,
            text("state NOT IN ('queued', 'sending', 'sent')"),  # the partial index's own words
        )
        .group_by(table.c.message_id)
        .order_by(table.c.message_id)
        .limit(limit)
    )
    return [int(row.message_id) for row in rows]
