"""Jobs on many messages: whose turn it is (a lease with a fence), how far they are, what became of each message.

Rules it keeps: an item leaves its state once, in the transaction of what was done to its message, so each message is
acted upon once whoever dies in between; a job's numbers are moved in that transaction, or counted from its items; who
lost the lease, or works for a job that was stopped, changes nothing any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, delete, exists, func, select, update

from postroom.model.bulk_job import ENDED, BulkAct, BulkJob, BulkRefusal, BulkState
from postroom.sentence import kept, restored
from postroom.store import tables
from postroom.store.bulk import insert_rows, update_rows
from postroom.store.lanes import database_ms
from postroom.store.scope import across, within

__all__ = [
    "DAYS",
    "DONE",
    "REFUSED",
    "Held",
    "Once",
    "advance",
    "begin",
    "claim",
    "end",
    "end_leases",
    "forget",
    "gather",
    "get",
    "lease",
    "moved",
    "open_jobs",
    "open_of",
    "recent",
    "refusals",
    "release",
    "set_undone",
    "stop",
    "waiting",
    "write_outcomes",
]

DAYS = 30
"""For how long one can look at what a job did, and take it back."""
DONE, REFUSED = 1, 2
_DAY_MS = 86_400_000
_MOST_WORDS = 1_000
_FORGOTTEN = 5_000
_WHY = "jobs are worked through for every tenant, each within its own"

_job = tables.bulk_job
_item = tables.bulk_item
_ITEM_COLUMNS = ("job_id", "message_id", "tenant_id")


class Held(NamedTuple):
    """A job in this process's hand. `below`: the search goes on there; `after`: its items are worked through so far."""

    job: BulkJob
    below: int
    after: int
    fence: int


class Once(NamedTuple):
    """A message of a job, to be acted upon in the transaction of an acceptance, and only if nobody has."""

    tenant_id: int
    job_id: int
    message_id: int


# -- making, looking --------------------------------------------------------------------------------------------------


def begin(connection: Connection, job: BulkJob, below: int) -> None:
    connection.execute(
        _job.insert().values(
            id=job.id,
            tenant_id=job.tenant_id,
            act=job.act.value,
            state=job.state.value,
            search=json.dumps(job.search) if job.search else "",
            recipients=json.dumps(job.to) if job.to else "",
            undo_of=job.undo_of,
            started_ms=job.started_ms,
            started_by=job.started_by,
            user_id=job.user_id,
            application_id=job.application_id,
            below=below,
        )
    )


def get(connection: Connection, tenant_id: int, job_id: int) -> BulkJob | None:
    row = connection.execute(select(_job).where(within(_job, tenant_id), _job.c.id == job_id)).one_or_none()
    return None if row is None else _from_row(row)


def recent(connection: Connection, tenant_id: int, limit: int) -> list[BulkJob]:
    """The newest first."""
    query = select(_job).where(within(_job, tenant_id)).order_by(_job.c.id.desc()).limit(limit)
    return [_from_row(row) for row in connection.execute(query)]


def open_of(connection: Connection, tenant_id: int) -> int:
    """How many of the tenant's jobs are not over."""
    query = select(func.count()).select_from(_job).where(within(_job, tenant_id), _job.c.ended_ms.is_(None))
    return int(connection.execute(query).scalar_one())


def _from_row(row: Row[Any]) -> BulkJob:
    return BulkJob(
        id=row.id,
        tenant_id=row.tenant_id,
        act=BulkAct(row.act),
        state=BulkState(row.state),
        search=json.loads(row.search) if row.search else {},
        to=tuple(json.loads(row.recipients)) if row.recipients else (),
        found=row.found,
        done=row.done,
        refused=row.refused,
        undo_of=row.undo_of,
        undone_by=row.undone_by,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        started_by=row.started_by,
        stopped_by=row.stopped_by,
        user_id=row.user_id,
        application_id=row.application_id,
    )


def refusals(connection: Connection, tenant_id: int, job_id: int, below: int, limit: int) -> list[BulkRefusal]:
    """The newest messages first, with an id below this one."""
    message = tables.message
    both = _item.outerjoin(message, and_(message.c.id == _item.c.message_id, within(message, tenant_id)))
    query = (
        select(_item.c.message_id, _item.c.why, message.c.subject)
        .select_from(both)
        .where(within(_item, tenant_id), _item.c.job_id == job_id, _item.c.outcome == REFUSED)
        .where(_item.c.message_id < below)
        .order_by(_item.c.message_id.desc())
        .limit(limit)
    )
    return [
        BulkRefusal(row.message_id, row.subject or "", restored(json.loads(row.why)))
        for row in connection.execute(query)
    ]


def moved(connection: Connection, tenant_id: int, job_id: int, below: int, limit: int) -> list[int]:
    """The messages on which it was done, the newest first, below this one."""
    query = _items(tenant_id, job_id).where(_item.c.outcome == DONE, _item.c.message_id < below)
    rows = connection.execute(query.order_by(_item.c.message_id.desc()).limit(limit))
    return [row.message_id for row in rows]


def _items(tenant_id: int, job_id: int) -> Select[Any]:
    return select(_item.c.message_id, _item.c.outcome).where(within(_item, tenant_id), _item.c.job_id == job_id)


def stop(connection: Connection, tenant_id: int, job_id: int, by: str, now_ms: int) -> bool:
    """False when it is over already. What is being done at this moment is finished."""
    values = {"state": BulkState.STOPPED.value, "ended_ms": now_ms, "stopped_by": by}
    mine = (within(_job, tenant_id), _job.c.id == job_id, _job.c.ended_ms.is_(None))
    return connection.execute(update(_job).where(*mine).values(**values)).rowcount == 1


def set_undone(connection: Connection, tenant_id: int, job_id: int, by_job: int) -> bool:
    """False when it was taken back before."""
    mine = (within(_job, tenant_id), _job.c.id == job_id, _job.c.undone_by.is_(None))
    return connection.execute(update(_job).where(*mine).values(undone_by=by_job)).rowcount == 1


# -- whose turn it is -------------------------------------------------------------------------------------------------


def open_jobs(connection: Connection, limit: int) -> list[BulkJob]:
    """Jobs that are not over and in nobody's hand, the oldest first."""
    free = (_job.c.ended_ms.is_(None), _job.c.leased_until_ms <= database_ms(connection))
    query = across(select(_job).where(*free).order_by(_job.c.id).limit(limit), _WHY)
    return [_from_row(row) for row in connection.execute(query)]


def lease(connection: Connection, job: BulkJob, lease_ms: int, fence: int) -> Held | None:
    """Takes it for `lease_ms`; None while another holds it, or when it is over or gone."""
    now = database_ms(connection)
    mine = (within(_job, job.tenant_id), _job.c.id == job.id)
    free = (_job.c.ended_ms.is_(None), _job.c.leased_until_ms <= now)
    values = {"fence": fence, "leased_until_ms": now + lease_ms}
    if connection.execute(update(_job).where(*mine, *free).values(**values)).rowcount != 1:
        return None
    row = connection.execute(select(_job).where(*mine)).one()
    return Held(_from_row(row), row.below, row.after, fence)


def release(connection: Connection, held: Held) -> None:
    _change(connection, held, leased_until_ms=0)


def end_leases(connection: Connection) -> None:
    """Only for a database that one process owns, at its start."""
    connection.execute(across(update(_job).values(leased_until_ms=0), _WHY))


def _change(connection: Connection, held: Held, **values: Any) -> bool:
    """False: the lease is lost, or the job was stopped; whatever was to be changed with it must not be."""
    mine = (within(_job, held.job.tenant_id), _job.c.id == held.job.id, _job.c.fence == held.fence)
    running = _job.c.ended_ms.is_(None)
    return connection.execute(update(_job).where(*mine, running).values(**values)).rowcount == 1


# -- gathering, working -----------------------------------------------------------------------------------------------


def gather(connection: Connection, held: Held, ids: Sequence[int], below: int | None, lease_ms: int) -> Held | None:
    """Writes down what was found; `below` None: that is all, and the work begins. None: the lease is lost."""
    job = held.job
    values: dict[str, Any] = {"found": job.found + len(ids), "leased_until_ms": database_ms(connection) + lease_ms}
    values |= {"state": BulkState.RUNNING.value} if below is None else {"below": below}
    if not _change(connection, held, **values):
        return None
    insert_rows(connection, _item, _ITEM_COLUMNS, [(job.id, number, job.tenant_id) for number in sorted(ids)])
    return _again(connection, held)


def waiting(connection: Connection, held: Held, limit: int) -> tuple[list[int], int | None]:
    """The next messages that nothing was done to yet, the oldest first, and up to where that is all there is; None
    where there is nothing more."""
    query = _items(held.job.tenant_id, held.job.id).where(_item.c.message_id > held.after)
    rows = connection.execute(query.order_by(_item.c.message_id).limit(limit)).all()
    return [row.message_id for row in rows if not row.outcome], rows[-1].message_id if rows else None


def write_outcomes(connection: Connection, held: Held, outcomes: Iterable[tuple[int, str]]) -> None:
    """What became of these messages: done, or why not."""
    update_rows(
        connection,
        _item,
        "outcome = given.column3, why = given.column4",
        ("BIGINT", "BIGINT", "INTEGER", "TEXT"),
        "bulk_item.job_id = given.column1 AND bulk_item.message_id = given.column2 AND bulk_item.outcome = 0",
        [(held.job.id, number, REFUSED if why else DONE, _written(why) if why else "") for number, why in outcomes],
    )


def _written(why: str) -> str:
    """So that it can be told in every reader's language."""
    text = json.dumps(kept(why), ensure_ascii=False)
    return text if len(text) <= _MOST_WORDS else json.dumps(why[: _MOST_WORDS // 2], ensure_ascii=False)


def advance(connection: Connection, held: Held, after: int, lease_ms: int) -> Held | None:
    """Everything up to there is done or refused; the numbers grow by what its items say. None: the lease is lost."""
    passed = (_item.c.message_id > held.after, _item.c.message_id <= after)
    query = (
        select(_item.c.outcome, func.count().label("number"))
        .where(within(_item, held.job.tenant_id), _item.c.job_id == held.job.id, *passed)
        .group_by(_item.c.outcome)
    )
    counts = {row.outcome: int(row.number) for row in connection.execute(query)}
    changed = _change(
        connection,
        held,
        after=after,
        done=held.job.done + counts.get(DONE, 0),
        refused=held.job.refused + counts.get(REFUSED, 0),
        leased_until_ms=database_ms(connection) + lease_ms,
    )
    return _again(connection, held) if changed else None


def end(connection: Connection, held: Held, now_ms: int) -> bool:
    return _change(connection, held, state=BulkState.DONE.value, ended_ms=now_ms, leased_until_ms=0)


def _again(connection: Connection, held: Held) -> Held:
    mine = (within(_job, held.job.tenant_id), _job.c.id == held.job.id)
    row = connection.execute(select(_job).where(*mine)).one()
    return Held(_from_row(row), row.below, row.after, held.fence)


def claim(connection: Connection, once: Once, copy_id: int) -> bool:
    """Whether this is the first and only time that the job sends this message again."""
    mine = (within(_item, once.tenant_id), _item.c.job_id == once.job_id, _item.c.message_id == once.message_id)
    runs = select(_job.c.id).where(
        within(_job, once.tenant_id), _job.c.id == once.job_id, _job.c.state == BulkState.RUNNING.value
    )
    change = update(_item).where(*mine, _item.c.outcome == 0, exists(runs))
    return connection.execute(change.values(outcome=DONE, copy_id=copy_id)).rowcount == 1


def forget(connection: Connection, now_ms: int) -> bool:
    """Jobs that were over long ago, a bearable piece at once; whether there is more."""
    old = across(
        select(_job.c.id)
        .where(_job.c.ended_ms < now_ms - DAYS * _DAY_MS, _job.c.state.in_([state.value for state in ENDED]))
        .order_by(_job.c.id)
        .limit(1),
        _WHY,
    )
    number = connection.execute(old).scalar()
    if number is None:
        return False
    chosen = select(_item.c.message_id).where(_item.c.job_id == number).limit(_FORGOTTEN)
    some = [row.message_id for row in connection.execute(across(chosen, _WHY))]
    gone = delete(_item).where(_item.c.job_id == number, _item.c.message_id.in_(some))
    connection.execute(across(gone, _WHY))
    if len(some) < _FORGOTTEN:
        connection.execute(across(delete(_job).where(_job.c.id == number), _WHY))
    return True
