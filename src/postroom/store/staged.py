"""Staged tests: written step by step, read from any process, and forgotten after some days.

`KEPT` of a tenant stay, however many are made; whoever begins one lets the oldest go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from postroom.model.staged import Diagnosed, Finding, StagedState, StagedStep, StagedTest, StepName
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = ["DAYS", "KEPT", "add", "begin", "end", "forget", "get", "recent", "set_message", "steps"]

KEPT = 100
DAYS = 14
_DAY_MS = 86_400_000
_MOST_DOCUMENT = 64 * 1024
"""Characters of one step: what is longer loses its conversation."""

_test = tables.staged_test
_step = tables.staged_step
_FACTS = ("account", "to", "subject", "edited", "by", "host", "port", "user", "sender", "mode", "worker")


def begin(connection: Connection, test: StagedTest) -> None:
    """Writes a new test, and lets go what is too old or too much."""
    connection.execute(
        _test.insert().values(
            id=test.id,
            tenant_id=test.tenant_id,
            account_id=test.account_id,
            state=test.state.value,
            started_ms=test.started_ms,
            facts=json.dumps({name: getattr(test, name) for name in _FACTS}),
        )
    )
    mine = within(_test, test.tenant_id)
    oldest = connection.execute(select(_test.c.id).where(mine).order_by(_test.c.id.desc()).offset(KEPT).limit(1))
    bound = oldest.scalar()
    if bound is not None:
        gone = select(_test.c.id).where(mine, _test.c.id <= bound)
        connection.execute(delete(_step).where(within(_step, test.tenant_id), _step.c.test_id.in_(gone)))
        connection.execute(delete(_test).where(mine, _test.c.id <= bound))


def add(connection: Connection, tenant_id: int, test_id: int, step: StagedStep) -> None:
    connection.execute(_step.insert().values(test_id=test_id, n=step.n, tenant_id=tenant_id, document=_written(step)))


def set_message(connection: Connection, tenant_id: int, test_id: int, message_id: int) -> None:
    """The message that the test handed over."""
    mine = (within(_test, tenant_id), _test.c.id == test_id)
    connection.execute(update(_test).where(*mine).values(message_id=message_id))


def end(connection: Connection, tenant_id: int, test_id: int, state: StagedState, ended_ms: int) -> None:
    mine = (within(_test, tenant_id), _test.c.id == test_id)
    connection.execute(update(_test).where(*mine).values(state=state.value, ended_ms=ended_ms))


def get(connection: Connection, tenant_id: int, test_id: int, after: int = 0) -> StagedTest | None:
    """The test with its reports after the `after`th."""
    mine = (within(_test, tenant_id), _test.c.id == test_id)
    row = connection.execute(select(_test).where(*mine)).one_or_none()
    return None if row is None else replace(_test_of(row), steps=steps(connection, tenant_id, test_id, after))


def steps(connection: Connection, tenant_id: int, test_id: int, after: int = 0) -> tuple[StagedStep, ...]:
    mine = (within(_step, tenant_id), _step.c.test_id == test_id, _step.c.n > after)
    rows = connection.execute(select(_step).where(*mine).order_by(_step.c.n))
    return tuple(_read(row.n, row.document) for row in rows)


def recent(connection: Connection, tenant_id: int, account_id: int | None, limit: int) -> list[StagedTest]:
    """The newest first, without their steps; of one account, or of all."""
    query = select(_test).where(within(_test, tenant_id)).order_by(_test.c.id.desc()).limit(limit)
    if account_id is not None:
        query = query.where(_test.c.account_id == account_id)
    return [_test_of(row) for row in connection.execute(query)]


def forget(connection: Connection, now_ms: int) -> int:
    """Everybody's that are too old; returns how many."""
    why = "tests are forgotten by their age, whoever's they are"
    old = select(_test.c.id).where(_test.c.started_ms < now_ms - DAYS * _DAY_MS)
    connection.execute(across(delete(_step).where(_step.c.test_id.in_(old)), why))
    old_tests = delete(_test).where(_test.c.started_ms < now_ms - DAYS * _DAY_MS)
    return connection.execute(across(old_tests, why)).rowcount


def _test_of(row: Row[Any]) -> StagedTest:
    return StagedTest(
        id=row.id,
        tenant_id=row.tenant_id,
        account_id=row.account_id,
        state=StagedState(row.state),
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        message_id=row.message_id,
        **json.loads(row.facts),
    )


def _written(step: StagedStep) -> str:
    document: dict[str, Any] = {
        "step": step.step.value,
        "finding": step.finding.value,
        "at_ms": step.at_ms,
        "ms": step.ms,
        "seen": step.seen,
        "said": step.said,
        "lines": list(step.lines),
    }
    if step.diagnosis is not None:
        found = step.diagnosis
        document["diagnosis"] = {"id": found.id, "family": found.family, "apply": dict(found.apply)}
    text = json.dumps(document)
    if len(text) > _MOST_DOCUMENT:
        text = json.dumps(document | {"lines": ["-- left out: too long"], "seen": {}})
    return text


def _read(n: int, text: str) -> StagedStep:
    found: Mapping[str, Any] = json.loads(text)
    diagnosis = found.get("diagnosis")
    return StagedStep(
        StepName(found["step"]),
        Finding(found["finding"]),
        found["at_ms"],
        found["ms"],
        n,
        found["seen"],
        found["said"],
        tuple(found["lines"]),
        None if diagnosis is None else Diagnosed(**diagnosis),
    )
