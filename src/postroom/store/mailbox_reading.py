"""How far each mailbox is read, and who reads it now: a lease with a fence, one process at a time over all nodes.

A place in a folder is a number that holds as long as the folder's UIDVALIDITY does. It moves forward only in the hand
of who holds the lease, after what is before it was taken in for good.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Row, select, update

from postroom.model.mailbox import MailboxState
from postroom.store import tables
from postroom.store.lanes import database_ms
from postroom.store.scope import across, within

__all__ = [
    "advance",
    "all_states",
    "ask",
    "begin_anew",
    "end_leases",
    "fail",
    "lease",
    "looked",
    "release",
    "renew",
    "state",
]

_table = tables.mailbox_state
_NAMES = tuple(field.name for field in fields(MailboxState))


def _of(row: Row[Any]) -> MailboxState:
    values = {name: row._mapping[name] for name in _NAMES}
    return MailboxState(**values | {"idles": bool(values["idles"])})


def _mine(tenant_id: int, mailbox_id: int) -> tuple[Any, Any]:
    return within(_table, tenant_id), _table.c.mailbox_id == mailbox_id


def state(connection: Connection, tenant_id: int, mailbox_id: int) -> MailboxState:
    row = connection.execute(select(_table).where(*_mine(tenant_id, mailbox_id))).one_or_none()
    return MailboxState(mailbox_id, tenant_id) if row is None else _of(row)


def all_states(connection: Connection) -> list[MailboxState]:
    query = across(select(_table).order_by(_table.c.mailbox_id), "upkeep looks after every tenant's")
    return [_of(row) for row in connection.execute(query)]


def ask(connection: Connection, tenant_id: int, mailbox_id: int, now_ms: int) -> None:
    """Somebody wants it read now."""
    connection.execute(update(_table).where(*_mine(tenant_id, mailbox_id)).values(asked_ms=now_ms))


def begin_anew(connection: Connection, tenant_id: int, mailbox_id: int) -> None:
    """It is another folder now: its place there is not known. Whoever reads it loses it."""
    values: dict[str, Any] = {"uid_validity": None, "uid": 0, "fence": 0, "leased_until_ms": 0}
    values |= {"trouble": 0, "trouble_ms": None, "phase": "", "failure": "", "fault": ""}
    connection.execute(update(_table).where(*_mine(tenant_id, mailbox_id)).values(**values))


# -- the lease --------------------------------------------------------------------------------------------------------


def lease(
    connection: Connection, tenant_id: int, mailbox_id: int, lease_ms: int, fence: int, node: str
) -> MailboxState | None:
    """Takes it for `lease_ms`; None while another holds it, or when it is gone."""
    now = database_ms(connection)
    taken = connection.execute(
        update(_table)
        .where(*_mine(tenant_id, mailbox_id), _table.c.leased_until_ms <= now)
        .values(fence=fence, leased_until_ms=now + lease_ms, node=node)
    )
    return state(connection, tenant_id, mailbox_id) if taken.rowcount == 1 else None


def renew(connection: Connection, held: MailboxState, lease_ms: int) -> MailboxState | None:
    """Prolongs it, and reads what others wrote meanwhile. None: it is somebody else's."""
    kept = _held(connection, held, leased_until_ms=database_ms(connection) + lease_ms)
    return state(connection, held.tenant_id, held.mailbox_id) if kept else None


def release(connection: Connection, held: MailboxState) -> None:
    _held(connection, held, leased_until_ms=0)


def advance(
    connection: Connection,
    held: MailboxState,
    uid_validity: int,
    uid: int,
    taken: int,
    passed: int,
    now_ms: int,
    lease_ms: int,
) -> bool:
    """Everything up to `uid` is dealt with; so many more were taken in, so many passed over. False: the lease is lost,
    somebody else goes on from where he thinks right."""
    values: dict[str, Any] = {
        "uid_validity": uid_validity,
        "uid": uid,
        "taken": _table.c.taken + taken,
        "passed": _table.c.passed + passed,
        "leased_until_ms": database_ms(connection) + lease_ms,
    }
    if taken:
        values["taken_ms"] = now_ms
    return _held(connection, held, **values)


def looked(connection: Connection, held: MailboxState, now_ms: int, *, idles: bool) -> bool:
    """It was read to its end without trouble. False as for `advance`."""
    well = {"trouble": 0, "trouble_ms": None, "phase": "", "failure": "", "fault": ""}
    return _held(connection, held, looked_ms=now_ms, idles=idles, **well)


def fail(connection: Connection, held: MailboxState, phase: str, failure: str, fault: str, now_ms: int) -> bool:
    """It could not be read; the lease stays, for whoever has it waits and tries again. False as for `advance`."""
    values = {"trouble": _table.c.trouble + 1, "phase": phase, "failure": failure, "fault": fault, "idles": False}
    begun = _held(connection, held, **values)
    if begun:
        mine = (*_mine(held.tenant_id, held.mailbox_id), _table.c.trouble_ms.is_(None))
        connection.execute(update(_table).where(*mine).values(trouble_ms=now_ms))
    return begun


def end_leases(connection: Connection) -> None:
    """Only for a database that one process owns, at its start."""
    connection.execute(across(update(_table).values(leased_until_ms=0), "one process owns the database"))


def _held(connection: Connection, held: MailboxState, **values: Any) -> bool:
    mine = (*_mine(held.tenant_id, held.mailbox_id), _table.c.fence == held.fence)
    return connection.execute(update(_table).where(*mine).values(**values)).rowcount == 1
