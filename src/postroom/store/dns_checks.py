"""What was last found when the DNS of a sender and an account was looked at: one row for each pair."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select

from postroom.model.proof import Pair
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = ["Kept", "forget", "keep", "known", "of_tenant", "older"]

_table = tables.dns_check


class Kept(NamedTuple):
    """`sender`: its address; `account_id`: 0 where there was no account; `result`: as it was kept, plain values."""

    sender: str
    account_id: int
    checked_ms: int
    result: dict[str, Any]


def keep(connection: Connection, tenant_id: int, kept: Kept) -> None:
    """In place of what was found before."""
    mine = (within(_table, tenant_id), _table.c.sender == kept.sender, _table.c.account_id == kept.account_id)
    connection.execute(delete(_table).where(*mine))
    connection.execute(
        _table.insert().values(
            tenant_id=tenant_id,
            sender=kept.sender,
            account_id=kept.account_id,
            checked_ms=kept.checked_ms,
            result=json.dumps(kept.result, ensure_ascii=False),
        )
    )


def of_tenant(connection: Connection, tenant_id: int) -> list[Kept]:
    query = select(_table).where(within(_table, tenant_id)).order_by(_table.c.sender, _table.c.account_id)
    rows = connection.execute(query)
    return [Kept(row.sender, row.account_id, row.checked_ms, json.loads(row.result)) for row in rows]


def known(connection: Connection) -> frozenset[Pair]:
    """Every pair that was looked at, whosever it is."""
    query = select(_table.c.tenant_id, _table.c.sender, _table.c.account_id)
    rows = connection.execute(across(query, "what nobody has looked at yet is looked at, whosever it is"))
    return frozenset(Pair(row.tenant_id, row.sender, row.account_id) for row in rows)


def older(connection: Connection, before_ms: int, limit: int) -> list[tuple[int, Kept]]:
    """Those that were looked at before, the oldest first, each with its tenant."""
    query = select(_table).where(_table.c.checked_ms < before_ms).order_by(_table.c.checked_ms).limit(limit)
    rows = connection.execute(across(query, "what is a day old is looked at again, whosever it is"))
    return [(row.tenant_id, Kept(row.sender, row.account_id, row.checked_ms, json.loads(row.result))) for row in rows]


def forget(connection: Connection, tenant_id: int, kept: Kept) -> None:
    mine = (within(_table, tenant_id), _table.c.sender == kept.sender, _table.c.account_id == kept.account_id)
    connection.execute(delete(_table).where(*mine))
