"""Agents of connectors. A key's text is never here: only its prefix, to find it by, and its SHA-256."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, select, update

from postroom.model.connector import Agent
from postroom.store import tables
from postroom.store.lanes import database_ms
from postroom.store.scope import across, within

__all__ = [
    "Known",
    "create",
    "elsewhere",
    "get",
    "joined",
    "known",
    "left",
    "left_all",
    "of_connector",
    "remove",
    "revoke",
]

_table = tables.agent
_node = tables.node
_NAMES = tuple(field.name for field in fields(Agent))
_GONE_MS = 60_000
"""A process that was not heard of for so long has no agents any more."""


class Known(NamedTuple):
    """What a presented key is compared with, and whose it is."""

    agent: Agent
    digest: bytes


def _from_row(row: Row[Any]) -> Agent:
    return Agent(**{name: row._mapping[name] for name in _NAMES})


def create(connection: Connection, agent: Agent, digest: bytes) -> None:
    connection.execute(_table.insert().values(**{name: getattr(agent, name) for name in _NAMES}, digest=digest))


def of_connector(connection: Connection, tenant_id: int, connector_id: int) -> list[Agent]:
    """In the order in which they were made. Those whose process was not heard of are not connected."""
    alive = _alive(connection)
    query = select(_table).where(within(_table, tenant_id), _table.c.connector_id == connector_id)
    found = [_from_row(row) for row in connection.execute(query.order_by(_table.c.id))]
    return [one if one.node in alive else replace(one, connected_ms=None) for one in found]


def get(connection: Connection, tenant_id: int, agent_id: int) -> Agent | None:
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id == agent_id)).one_or_none()
    return None if row is None else _from_row(row)


def known(connection: Connection, prefix: str) -> Known | None:
    """The agent whose key has this prefix, whoever's it is, revoked or not: the caller compares and judges."""
    query = across(select(_table).where(_table.c.prefix == prefix), "a key tells its tenant, not the other way round")
    row = connection.execute(query).one_or_none()
    return None if row is None else Known(_from_row(row), bytes(row.digest))


def remove(connection: Connection, tenant_id: int, agent_id: int) -> None:
    connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == agent_id))


def revoke(connection: Connection, tenant_id: int, agent_id: int, now_ms: int) -> bool:
    """False when it is revoked already or not there."""
    mine = (within(_table, tenant_id), _table.c.id == agent_id, _table.c.revoked_ms.is_(None))
    return connection.execute(update(_table).where(*mine).values(revoked_ms=now_ms)).rowcount == 1


def joined(connection: Connection, agent: Agent, node: str, address: str, now_ms: int) -> None:
    """It is connected to this process now."""
    values = {"node": node, "address": address, "connected_ms": now_ms, "seen_ms": now_ms}
    connection.execute(update(_table).where(within(_table, agent.tenant_id), _table.c.id == agent.id).values(**values))


def left(connection: Connection, agent: Agent, node: str, now_ms: int) -> None:
    """Its connection to this process has ended; one to another process is not this one's to end."""
    mine = (within(_table, agent.tenant_id), _table.c.id == agent.id, _table.c.node == node)
    connection.execute(update(_table).where(*mine).values(connected_ms=None, seen_ms=now_ms))


def left_all(connection: Connection, node: str | None) -> None:
    """A process that stops has no agents any more. None: whichever process it was."""
    statement = update(_table).where(_table.c.connected_ms.is_not(None))
    if node is not None:
        statement = statement.where(_table.c.node == node)
    connection.execute(across(statement.values(connected_ms=None), "whoever's they are"))


def elsewhere(connection: Connection, node: str) -> frozenset[int]:
    """The connectors that have an agent at another living process."""
    query = select(_table.c.connector_id, _table.c.node).where(
        _table.c.node != node, _table.c.connected_ms.is_not(None), _table.c.revoked_ms.is_(None)
    )
    rows = connection.execute(across(query, "lanes are left to the process that can reach the server")).all()
    if not rows:
        return frozenset()
    alive = _alive(connection)
    return frozenset(row.connector_id for row in rows if row.node in alive)


def _alive(connection: Connection) -> frozenset[str]:
    bound = database_ms(connection) - _GONE_MS
    return frozenset(connection.execute(select(_node.c.worker).where(_node.c.seen_ms > bound)).scalars())
