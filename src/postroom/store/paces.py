"""The pace of accounts: what they have used up, what their servers taught them, and since when one can't be reached.

One row an account, shared by all nodes: what is taken from the queue is counted in the same transaction, and from a
complaint is learnt once, whoever met it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, select, text, update

from postroom.model.account import Account
from postroom.policy.pace import Used
from postroom.policy.speed import NOTHING, Learnt, slowed
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = ["UNTRIED", "Pace", "book", "learn", "learnt_of", "of_account", "troubled", "troubles", "well"]

_table = tables.pace
_UNUSED = Used()
_MADE = text("INSERT INTO pace (account_id, tenant_id) VALUES (:id, :tenant) ON CONFLICT (account_id) DO NOTHING")


@dataclass(frozen=True, slots=True)
class Pace:
    """`troubled_ms`: since when no connection comes about, or None; `trouble`: why, in a sentence."""

    used: Used = _UNUSED
    learnt: Learnt = NOTHING
    troubled_ms: int | None = None
    trouble: str = ""


UNTRIED = Pace()


def _from_row(row: Row[Any]) -> Pace:
    hours = tuple((int(hour), int(count)) for hour, _, count in (part.partition(":") for part in row.hours.split()))
    learnt = Learnt(
        row.slow_per_minute, row.slow_per_minute_full, row.slow_connections, row.slow_connections_full,
        row.slow_since_ms, row.slow_why,
    )  # fmt: skip
    return Pace(Used(row.minute_start_ms, row.minute_count, hours), learnt, row.troubled_ms, row.trouble)


def of_account(connection: Connection, account: Account, *, lock: bool = False) -> Pace:
    """As it stands; with `lock`, nobody else changes it before this transaction ends."""
    if lock:
        connection.execute(_MADE, {"id": account.id, "tenant": account.tenant_id})
    query = select(_table).where(within(_table, account.tenant_id), _table.c.account_id == account.id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return UNTRIED if row is None else _from_row(row)


def _save(connection: Connection, account: Account, values: Mapping[str, Any]) -> None:
    """Into a row that is locked already."""
    mine = (within(_table, account.tenant_id), _table.c.account_id == account.id)
    connection.execute(update(_table).where(*mine).values(**values))


def book(connection: Connection, account: Account, used: Used) -> None:
    """Writes down what is used up now. The row is locked already (`of_account`)."""
    hours = " ".join(f"{hour}:{count}" for hour, count in used.hours)
    values = {"minute_start_ms": used.minute_start_ms, "minute_count": used.minute_count, "hours": hours}
    _save(connection, account, values)


def learn(connection: Connection, account: Account, left: int, now_ms: int, rest_ms: int, why: str) -> Learnt:
    """Takes a server's "slower" to heart (see `speed.slowed`); answers what holds now."""
    known = of_account(connection, account, lock=True)
    counted = max(left, known.used.minute_count if now_ms - known.used.minute_start_ms < 120_000 else 0) if left else 0
    found = slowed(known.learnt, account.limits, counted, now_ms, rest_ms, why)
    if found != known.learnt:
        values = {
            "slow_per_minute": found.per_minute,
            "slow_per_minute_full": found.per_minute_full,
            "slow_connections": found.connections,
            "slow_connections_full": found.connections_full,
            "slow_since_ms": found.since_ms,
            "slow_why": found.why,
        }
        _save(connection, account, values)
    return found


def learnt_of(connection: Connection, now_ms: int) -> dict[int, Learnt]:
    """What accounts have learnt that still holds, for every account there is."""
    query = select(_table).where(_table.c.slow_since_ms > 0)
    rows = connection.execute(across(query, "the worker serves every tenant's accounts"))
    found = {row.account_id: _from_row(row).learnt for row in rows}
    return {number: learnt for number, learnt in found.items() if learnt.holds(now_ms) or learnt.rests(now_ms)}


def troubled(connection: Connection, account: Account, why: str, now_ms: int) -> None:
    """No connection came about. The first time counts, until `well`; the reason is the latest."""
    known = of_account(connection, account, lock=True)
    since = now_ms if known.troubled_ms is None else known.troubled_ms
    _save(connection, account, {"troubled_ms": since, "trouble": why})


def well(connection: Connection, account: Account) -> None:
    """A connection came about."""
    mine = (within(_table, account.tenant_id), _table.c.account_id == account.id)
    connection.execute(
        update(_table).where(*mine, _table.c.troubled_ms.is_not(None)).values(troubled_ms=None, trouble="")
    )


def troubles(connection: Connection) -> dict[int, Pace]:
    """The accounts that can't be reached at present."""
    query = select(_table).where(_table.c.troubled_ms.is_not(None))
    rows = connection.execute(across(query, "the worker serves every tenant's accounts"))
    return {row.account_id: replace(_from_row(row), used=_UNUSED) for row in rows}
