"""Messages on one line each, as the mailing log lists them: several recipients are summed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, func, select

from postroom.model.message import Message
from postroom.model.state import WAITING, State
from postroom.store import messages, tables
from postroom.store.partial import among
from postroom.store.scope import within

__all__ = ["WORST_FIRST", "MessageLine", "lines"]

_message = tables.message
_recipient = tables.recipient

WORST_FIRST = (
    State.FAILED, State.UNKNOWN, State.HELD, State.EXPIRED, State.DEFERRED, State.SENDING, State.QUEUED,
    State.COLLECTED, State.SILENCED, State.CANCELLED, State.DISABLED, State.DIGESTED, State.SENT,
)  # fmt: skip
"""What somebody who looks through the log wants to see first."""


@dataclass(frozen=True, slots=True)
class MessageLine:
    """`to`: the first recipient; `state`: the worst; `states`: how many recipients are in which state.

    `reply`, `diagnosis` and `reason` are those of the first recipient in the worst state; `account_id` is its account.
    """

    message: Message
    to: str
    recipients: int
    state: State
    states: dict[State, int] = field(default_factory=dict)
    reply: str = ""
    diagnosis: str = ""
    reason: str = ""
    account_id: int | None = None
    due_ms: int | None = None

    @property
    def id(self) -> int:
        return self.message.id


@dataclass(slots=True)
class _Sum:
    states: dict[State, int]
    first_of: dict[State, int]

    @property
    def worst(self) -> State:
        return min(self.states, key=WORST_FIRST.index)


def lines(
    connection: Connection, tenant_id: int, ids: Sequence[int], held_accounts: frozenset[int] = frozenset()
) -> list[MessageLine]:
    """In the order of `ids`; those that are gone meanwhile are left out. Waiting mail of `held_accounts` is held."""
    if not ids:
        return []
    found = {
        row.id: messages.from_row(row)
        for row in connection.execute(select(_message).where(within(_message, tenant_id), _message.c.id.in_(ids)))
    }
    sums = _sums(connection, tenant_id, ids, held_accounts)
    wanted = {
        (number, n)
        for number, total in sums.items()
        for n in (min(total.first_of.values()), total.first_of[total.worst])
    }
    rows = _rows(connection, tenant_id, wanted)
    return [_line(found[number], sums[number], rows) for number in ids if number in found and number in sums]


def _sums(connection: Connection, tenant_id: int, ids: Sequence[int], held_accounts: frozenset[int]) -> dict[int, _Sum]:
    c = _recipient.c
    query = (
        select(c.message_id, c.state, c.account_id, func.count().label("count"), func.min(c.n).label("first"))
        .where(among(tenant_id), c.message_id.in_(ids))
        .group_by(c.message_id, c.state, c.account_id)
    )
    sums: dict[int, _Sum] = {}
    for row in connection.execute(query):
        total = sums.setdefault(row.message_id, _Sum({}, {}))
        state = State(row.state)
        if state in WAITING and row.account_id in held_accounts:
            state = State.HELD
        total.states[state] = total.states.get(state, 0) + row._mapping["count"]
        total.first_of[state] = min(total.first_of.get(state, row.first), row.first)
    return sums


def _rows(connection: Connection, tenant_id: int, keys: set[tuple[int, int]]) -> dict[tuple[int, int], Row[Any]]:
    c = _recipient.c
    query = select(c.message_id, c.n, c.address, c.reply, c.diagnosis, c.reason, c.account_id, c.due_ms).where(
        among(tenant_id), c.message_id.in_({key[0] for key in keys}), c.n.in_({key[1] for key in keys})
    )
    rows: list[Row[Any]] = list(connection.execute(query))
    return {(row.message_id, row.n): row for row in rows}


def _line(message: Message, total: _Sum, rows: dict[tuple[int, int], Row[Any]]) -> MessageLine:
    first = rows[message.id, min(total.first_of.values())]
    worst = rows[message.id, total.first_of[total.worst]]
    return MessageLine(
        message=message,
        to=first.address,
        recipients=sum(total.states.values()),
        state=total.worst,
        states=total.states,
        reply=worst.reply,
        diagnosis=worst.diagnosis,
        reason=worst.reason,
        account_id=worst.account_id,
        due_ms=worst.due_ms,
    )
