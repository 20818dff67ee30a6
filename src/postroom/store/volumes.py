"""How much mail goes through each account: what became of the mail that was accepted since a time.

Counted where it is, over the newest messages only, so that the answer comes at once however much there is: beyond
`MOST_COUNTED` messages the numbers are lower bounds, and say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Subquery, case, func, select

from postroom.ids import id_at
from postroom.model.state import WAITING, State
from postroom.model.tenant import INSTALLATION
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = ["MOST_COUNTED", "Volume", "volumes"]

MOST_COUNTED = 20_000
"""Messages; of more than these only the newest are counted."""

_message = tables.message
_recipient = tables.recipient
_WAITING = tuple(state.value for state in WAITING)


@dataclass(frozen=True, slots=True)
class Volume:
    """Recipients of one account. `more`: there was more mail than is counted, so these are lower bounds."""

    account_id: int
    sent: int = 0
    failed: int = 0
    waiting: int = 0
    more: bool = False


def volumes(connection: Connection, tenant_id: int, since_ms: int) -> dict[int, Volume]:
    """By account id, for mail accepted since then. The installation's accounts carry every tenant's mail, so for it
    everybody's is counted; only numbers are told."""
    newest = _newest(tenant_id, since_ms)
    counted = connection.execute(across(select(func.count()).select_from(newest), "counts what `_newest` chose"))
    more = counted.scalar_one() >= MOST_COUNTED
    return {one.account_id: one for one in _counted(connection, newest, more)}


def _newest(tenant_id: int, since_ms: int) -> Subquery:
    query = select(_message.c.id).where(_message.c.id >= id_at(since_ms)).order_by(_message.c.id.desc())
    if tenant_id != INSTALLATION:
        query = query.where(within(_message, tenant_id))
    return query.limit(MOST_COUNTED).subquery()


def _counted(connection: Connection, newest: Subquery, more: bool) -> Iterator[Volume]:
    state = _recipient.c.state
    query = (
        select(
            _recipient.c.account_id,
            func.sum(case((state == State.SENT.value, 1), else_=0)).label("sent"),
            func.sum(case((state.in_([State.FAILED.value, State.EXPIRED.value]), 1), else_=0)).label("failed"),
            func.sum(case((state.in_(_WAITING), 1), else_=0)).label("waiting"),
        )
        .select_from(newest.join(_recipient, _recipient.c.message_id == newest.c.id))
        .where(_recipient.c.account_id.is_not(None))
        .group_by(_recipient.c.account_id)
    )
    for row in connection.execute(across(query, "recipients of the messages that `_newest` chose")):
        yield Volume(row.account_id, int(row.sent), int(row.failed), int(row.waiting), more)
