"""How often servers answered what no rule of ours knows: one row for each kind of answer and tenant, without words.

Bounded for each tenant, because servers choose their codes: once the table holds `MOST` kinds of one tenant, further
kinds are not counted any more, those that are there go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text

from postroom.store import tables
from postroom.store.scope import within

__all__ = ["MOST", "Kind", "UnknownAnswer", "count", "of_tenant"]

MOST = 300
"""Kinds of answers that are kept of one tenant."""

_table = tables.unknown_answer


class Kind(NamedTuple):
    """`code`: the reply code, 0 when no reply came. `diagnosis`: the generic rule that explained it meanwhile."""

    tenant_id: int
    family: str
    phase: str
    code: int
    enhanced: str
    diagnosis: str


class UnknownAnswer(NamedTuple):
    """Times are ms UTC."""

    family: str
    phase: str
    code: int
    enhanced: str
    diagnosis: str
    times: int
    first_ms: int
    last_ms: int


_ADD = text(
    "INSERT INTO unknown_answer (tenant_id, family, phase, code, enhanced, diagnosis, times, first_ms, last_ms) "
    "VALUES (:tenant_id, :family, :phase, :code, :enhanced, :diagnosis, :times, :now, :now) "
    "ON CONFLICT (tenant_id, family, phase, code, enhanced) DO UPDATE SET "
    "times = unknown_answer.times + excluded.times, last_ms = excluded.last_ms, diagnosis = excluded.diagnosis"
)
_MORE = text(
    "UPDATE unknown_answer SET times = times + :times, last_ms = :now, diagnosis = :diagnosis WHERE "
    "tenant_id = :tenant_id AND family = :family AND phase = :phase AND code = :code AND enhanced = :enhanced"
)


def count(connection: Connection, counts: Mapping[Kind, int], now_ms: int) -> None:
    """Adds these to what is there."""
    for kind, number in counts.items():
        values = {**kind._asdict(), "times": number, "now": now_ms}
        if connection.execute(_MORE, values).rowcount == 0 and _kinds(connection, kind.tenant_id) < MOST:
            connection.execute(_ADD, values)


def _kinds(connection: Connection, tenant_id: int) -> int:
    asked = select(func.count()).select_from(_table).where(within(_table, tenant_id))
    return int(connection.execute(asked).scalar_one())


def of_tenant(connection: Connection, tenant_id: int) -> list[UnknownAnswer]:
    """The most frequent first."""
    asked = select(_table).where(within(_table, tenant_id)).order_by(_table.c.times.desc(), _table.c.last_ms.desc())
    return [
        UnknownAnswer(
            row.family, row.phase, row.code, row.enhanced, row.diagnosis, row.times, row.first_ms, row.last_ms
        )
        for row in connection.execute(asked.limit(MOST))
    ]
