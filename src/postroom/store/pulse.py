"""Signs of life: the nodes with their heartbeats, the oldest mail that is due, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from postroom.ids import id_at
from postroom.model.account import AccountState
from postroom.model.state import State
from postroom.store import tables
from postroom.store.lanes import database_ms, oldest_due_of, waiting_accounts
from postroom.store.partial import ATTENTION, WAITING
from postroom.store.scope import across, within

__all__ = [
    "MOST_COUNTED",
    "Beat",
    "Node",
    "Stopped",
    "nodes",
    "oldest_due",
    "stopped",
    "waiting_since_before",
]

_recipient = tables.recipient

MOST_COUNTED = 10_000
"""More than so many of a tenant's recipients in one state are not counted."""


class Node(NamedTuple):
    worker: str
    role: str
    started_ms: int
    seen_ms: int


class Beat(NamedTuple):
    """`now_ms`: the time by which heartbeats are judged."""

    now_ms: int
    nodes: tuple[Node, ...]


def nodes(connection: Connection) -> Beat:
    table = tables.node
    rows = connection.execute(select(table).where(table.c.worker != "").order_by(table.c.number))
    found = tuple(Node(row.worker, row.role, row.started_ms, row.seen_ms) for row in rows)
    return Beat(database_ms(connection), found)


def oldest_due(connection: Connection, now_ms: int) -> int | None:
    """The earliest due time of mail that should have left, or None. Paused and disabled accounts are meant to wait."""
    accounts = _sending_accounts(connection)
    waiting = [one for one in waiting_accounts(connection, now_ms) if one in accounts]
    found = [oldest_due_of(connection, account_id, now_ms) for account_id in waiting]
    return min((one for one in found if one is not None), default=None)


def _sending_accounts(connection: Connection) -> set[int]:
    table = tables.account
    query = select(table.c.id).where(table.c.enabled, table.c.state == AccountState.READY.value)
    return {row.id for row in connection.execute(across(query, "the installation's health is nobody's in particular"))}


class Stopped(NamedTuple):
    """What of a tenant's mail waits for a person, in recipients; at most `MOST_COUNTED` each."""

    tenant_id: int
    held: int
    unknown: int


def stopped(connection: Connection, tenants: Sequence[int]) -> list[Stopped]:
    """Two short walks along a partial index for each tenant."""
    found = []
    for tenant_id in tenants:
        held, unknown = (_counted(connection, tenant_id, state) for state in (State.HELD, State.UNKNOWN))
        if held or unknown:
            found.append(Stopped(tenant_id, held, unknown))
    return found


def _counted(connection: Connection, tenant_id: int, state: State) -> int:
    some = (
        select(_recipient.c.n)
        .where(within(_recipient, tenant_id), ATTENTION, _recipient.c.state == state.value)
        .limit(MOST_COUNTED)
        .subquery()
    )
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def waiting_since_before(connection: Connection, before_ms: int) -> dict[int, int]:
    """Tenant → the oldest of its waiting messages, where that was accepted before this time."""
    c = _recipient.c
    query = (
        select(c.tenant_id, func.min(c.message_id).label("oldest"))
        .where(WAITING, c.message_id < id_at(before_ms))
        .group_by(c.tenant_id)
    )
    rows = connection.execute(across(query, "the settings check looks at every tenant"))
    return {row.tenant_id: int(row.oldest) for row in rows}
