"""Problems as they are remembered: since when, until when, and what was told of them.

A finding that is gone counts as over once it has stayed away for a while (`settle_ms`): what comes and goes is one
problem that lasts, and nobody is told of it twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, or_, select, update

from postroom.model.problem import Finding, Problem, Weight
from postroom.policy.checks import weight_of
from postroom.sentence import kept, restored
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "ENDED",
    "KEPT_MS",
    "Alarm",
    "News",
    "alarm_of",
    "all_problems",
    "elsewhere",
    "mark_told",
    "note",
    "of_tenant",
    "put_alarm",
    "troubled_alarms",
]

ENDED = "ended"
KEPT_MS = 30 * 24 * 3600 * 1000
"""How long a problem that is over is remembered."""
_SEEN_MS = 10 * 60_000
_GONE_MS = 24 * 3600 * 1000
_table = tables.problem
_alarm = tables.alarm
_WHY = "the settings check looks at every tenant"


@dataclass(slots=True)
class News:
    """What changed by a look: problems that are new, and problems that are certainly over."""

    began: list[Problem] = field(default_factory=list)
    ended: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Alarm:
    """When a tenant's people were written to last, and when all that lasts was listed to them; ms UTC, 0 is never.

    `trouble`: the name of a check that says why they can't be written to, or "".
    """

    tenant_id: int
    mailed_ms: int = 0
    listed_ms: int = 0
    trouble: str = ""


def _from_row(row: Row[Any]) -> Problem:
    weight = Weight(row.weight)
    finding = Finding(
        row.found_by, row.tenant_id, row.subject, restored(json.loads(row.detail)) if row.detail else {}, weight
    )
    return Problem(finding, weight, row.since_ms, row.seen_ms, row.ended_ms, row.told, bool(row.closed))


def of_tenant(connection: Connection, tenant_id: int) -> list[Problem]:
    return [_from_row(row) for row in connection.execute(select(_table).where(within(_table, tenant_id)))]


def all_problems(connection: Connection) -> list[Problem]:
    return [_from_row(row) for row in connection.execute(across(select(_table), _WHY))]


def elsewhere(connection: Connection, tenant_id: int, place: str) -> list[Problem]:
    """What lasts by the looks of other machines."""
    query = select(_table).where(
        within(_table, tenant_id), _table.c.place.not_in(("", place)), _table.c.ended_ms.is_(None)
    )
    return [_from_row(row) for row in connection.execute(query)]


def note(connection: Connection, findings: Iterable[Finding], now_ms: int, settle_ms: int, place: str = "") -> News:
    """Takes over what a look found everywhere. What it did not find is over, for certain after `settle_ms`.

    `place`: the machine that looked at itself, "" for what is looked at once for all. What a machine found that has not
    looked for long is over as well: it is gone.
    """
    query = select(_table).where(
        or_(_table.c.place == place, and_(_table.c.place != "", _table.c.seen_ms < now_ms - _GONE_MS))
    )
    rows = connection.execute(across(query, _WHY))
    known = {(one.finding.tenant_id, one.key): one for one in map(_from_row, rows)}
    news = News()
    for finding in {(one.tenant_id, one.key): one for one in findings}.values():
        was = known.pop((finding.tenant_id, finding.key), None)
        if was is None or was.closed:
            news.began.append(_begin(connection, finding, was, now_ms, place))
        elif _differs(was, finding) or was.ended_ms is not None or now_ms - was.seen_ms >= _SEEN_MS:
            _save(connection, was, finding, seen_ms=now_ms, ended_ms=None)
    for was in known.values():
        ended_ms = now_ms if was.ended_ms is None else was.ended_ms
        closed = now_ms - ended_ms >= settle_ms
        if (ended_ms, closed) != (was.ended_ms, was.closed):
            _save(connection, was, was.finding, ended_ms=ended_ms, closed=closed)
        if closed and not was.closed:
            news.ended.append(replace(was, ended_ms=ended_ms, closed=True))
    old = delete(_table).where(_table.c.closed, _table.c.ended_ms < now_ms - KEPT_MS)
    connection.execute(across(old, _WHY))
    return news


def _begin(connection: Connection, finding: Finding, was: Problem | None, now_ms: int, place: str) -> Problem:
    weight = weight_of(finding)
    times = {"since_ms": now_ms, "seen_ms": now_ms, "ended_ms": None, "closed": False}
    if was is None:
        values = {"tenant_id": finding.tenant_id, "key": finding.key, "place": place, **_stored(finding), **times}
        connection.execute(_table.insert().values(**values))
        return Problem(finding, weight, now_ms, now_ms)
    # That it is over may not have been told yet; then it is told neither that, nor that it began again.
    _save(connection, was, finding, **times, told="" if was.told == ENDED else was.told)
    return Problem(finding, weight, now_ms, now_ms)


def _differs(was: Problem, finding: Finding) -> bool:
    return was.weight is not weight_of(finding) or dict(was.finding.values) != dict(finding.values)


def _stored(finding: Finding) -> dict[str, Any]:
    detail = json.dumps(kept(dict(finding.values)), ensure_ascii=False)
    weight = weight_of(finding).value
    return {"found_by": finding.check, "subject": finding.subject, "detail": detail, "weight": weight}


def _save(connection: Connection, was: Problem, finding: Finding, **values: Any) -> None:
    mine = (within(_table, was.finding.tenant_id), _table.c.key == was.key)
    connection.execute(update(_table).where(*mine).values(**_stored(finding), **values))


def mark_told(connection: Connection, problems: Sequence[Problem]) -> None:
    """An alarm has said of each what it is now: its weight, or that it is over."""
    for one in problems:
        told = ENDED if one.closed else one.weight.value
        mine = (within(_table, one.finding.tenant_id), _table.c.key == one.key)
        connection.execute(update(_table).where(*mine).values(told=told))


def alarm_of(connection: Connection, tenant_id: int) -> Alarm:
    row = connection.execute(select(_alarm).where(within(_alarm, tenant_id))).one_or_none()
    return Alarm(tenant_id) if row is None else Alarm(row.tenant_id, row.mailed_ms, row.listed_ms, row.trouble)


def put_alarm(connection: Connection, alarm: Alarm) -> None:
    values = {"mailed_ms": alarm.mailed_ms, "listed_ms": alarm.listed_ms, "trouble": alarm.trouble}
    changed = connection.execute(update(_alarm).where(within(_alarm, alarm.tenant_id)).values(**values))
    if changed.rowcount == 0:
        connection.execute(_alarm.insert().values(tenant_id=alarm.tenant_id, **values))


def troubled_alarms(connection: Connection) -> list[Alarm]:
    """Tenants whose people could not be written to."""
    rows = connection.execute(across(select(_alarm).where(_alarm.c.trouble != ""), _WHY))
    return [Alarm(row.tenant_id, row.mailed_ms, row.listed_ms, row.trouble) for row in rows]
