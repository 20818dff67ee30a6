"""What became of the mail of the last hours, hour by hour, for the charts of the overview.

Counted where it is, over the newest messages only, so that the answer comes at once however much there is: beyond
`MOST_COUNTED` messages the older hours are left out, and the answer says from when on it is whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Subquery, case, func, literal, select

from postroom.ids import EPOCH_MS, id_at, time_of
from postroom.model.state import WAITING, State
from postroom.model.tenant import INSTALLATION
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = ["HOUR_MS", "MOST_COUNTED", "Activity", "Hour", "activity"]

HOUR_MS = 3_600_000
MOST_COUNTED = 5_000
_STEPS_OF_A_MS = 1 << 22
"""Ids that a millisecond has (see `ids`)."""
_message = tables.message
_recipient = tables.recipient
_WAITING = tuple(state.value for state in WAITING)
_FAILED = (State.FAILED.value, State.EXPIRED.value)


@dataclass(frozen=True, slots=True)
class Hour:
    """Recipients of the mail that was accepted within the hour that began at `began_ms` (ms UTC). `seconds`: how long
    it took on average until it was sent, None where nothing was.
    """

    began_ms: int
    sent: int = 0
    failed: int = 0
    waiting: int = 0
    kept: int = 0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """`hours`: the oldest first, without gaps; `whole_since_ms`: what is older was not counted, None when all was;
    `last_sent_ms`: when mail was last sent, None when none of the counted was.
    """

    hours: tuple[Hour, ...]
    whole_since_ms: int | None = None
    last_sent_ms: int | None = None


def activity(
    connection: Connection,
    tenant_id: int,
    now_ms: int,
    hours: int,
    *,
    account_id: int | None = None,
    sender: str = "",
) -> Activity:
    """The last `hours` full and begun hours. The installation's own view is of everybody's mail; only numbers.

    With `account_id` and `sender` only what goes or went through this account, and is from this address.
    """
    first = (now_ms // HOUR_MS - hours + 1) * HOUR_MS
    newest = _newest(tenant_id, first)
    chosen = [_recipient.c.account_id == account_id] if account_id is not None else []
    if sender:
        chosen.append(newest.c.sender == sender)
    counting = select(func.count(), func.min(newest.c.id)).select_from(newest)
    count, oldest = connection.execute(across(counting, "counts what `_newest` chose")).one()
    state, taken = _recipient.c.state, newest.c.id // _STEPS_OF_A_MS + literal(EPOCH_MS)
    hour = (taken // HOUR_MS).label("hour")
    sent = state == State.SENT.value
    query = (
        select(
            hour,
            func.sum(case((sent, 1), else_=0)).label("sent"),
            func.sum(case((state.in_(_FAILED), 1), else_=0)).label("failed"),
            func.sum(case((state.in_(_WAITING), 1), else_=0)).label("waiting"),
            func.count().label("together"),
            func.avg(case((sent, _recipient.c.updated_ms - taken))).label("took_ms"),
            func.max(case((sent, _recipient.c.updated_ms))).label("last_ms"),
        )
        .select_from(newest.join(_recipient, _recipient.c.message_id == newest.c.id))
        .where(*chosen)
        .group_by(hour)
    )
    rows = {
        int(row.hour): row
        for row in connection.execute(across(query, "recipients of the messages that `_newest` chose"))
    }
    last = max((int(row.last_ms) for row in rows.values() if row.last_ms is not None), default=None)
    begin = first // HOUR_MS
    found = tuple(_hour(begin + n, rows.get(begin + n)) for n in range(hours))
    return Activity(found, time_of(oldest) if count >= MOST_COUNTED else None, last)


def _hour(number: int, row: object) -> Hour:
    if row is None:
        return Hour(number * HOUR_MS)
    told = row._mapping  # type: ignore[attr-defined]  # a Row of the query above
    sent, failed, waiting = int(told["sent"]), int(told["failed"]), int(told["waiting"])
    took = None if told["took_ms"] is None else round(max(float(told["took_ms"]), 0.0) / 1000, 3)
    return Hour(number * HOUR_MS, sent, failed, waiting, int(told["together"]) - sent - failed - waiting, took)


def _newest(tenant_id: int, since_ms: int) -> Subquery:
    query = select(_message.c.id, _message.c.sender).where(_message.c.id >= id_at(since_ms))
    query = query.order_by(_message.c.id.desc())
    if tenant_id != INSTALLATION:
        query = query.where(within(_message, tenant_id))
    return query.limit(MOST_COUNTED).subquery()
