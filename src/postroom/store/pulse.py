"""Signs of life: the nodes with their heartbeats, and the oldest mail that is due at an account that may send."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from postroom.model.account import AccountState
from postroom.store import tables
from postroom.store.lanes import database_ms, waiting_accounts
from postroom.store.scope import across

__all__ = ["Beat", "Node", "nodes", "oldest_due"]

_recipient = tables.recipient


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
    found: list[int] = []
    for account_id in waiting_accounts(connection, now_ms):
        if account_id in accounts:
            query = select(func.min(_recipient.c.due_ms)).where(
                _recipient.c.account_id == account_id, _recipient.c.due_ms.is_not(None)
            )
            found.append(
                connection.execute(across(query, "the installation's health is nobody's in particular")).scalar_one()
            )
    return min(found, default=None)


def _sending_accounts(connection: Connection) -> set[int]:
    table = tables.account
    query = select(table.c.id).where(table.c.enabled, table.c.state == AccountState.READY.value)
    return {row.id for row in connection.execute(across(query, "as above"))}
