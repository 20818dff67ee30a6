"""Senders: the addresses a tenant's mail may leave from."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from postroom.addresses import Address, BadAddress
from postroom.model.sender import Sender
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "all_senders",
    "create",
    "from_row",
    "get",
    "move_account",
    "of_tenant",
    "pause",
    "release",
    "remove",
    "save",
]

_table = tables.sender
_NAMES = tuple(field.name for field in fields(Sender))
_KEPT = frozenset({"id", "tenant_id", "created_ms", "version", "paused_reason"})


def from_row(row: Row[Any]) -> Sender:
    return Sender(**{name: row._mapping[name] for name in _NAMES})


def get(connection: Connection, tenant_id: int, sender_id: int) -> Sender | None:
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id == sender_id)).one_or_none()
    return None if row is None else from_row(row)


def by_address(connection: Connection, tenant_id: int, text: str) -> Sender | None:
    """By the address in any spelling of its domain; None also for what is no address."""
    try:
        spec = Address.parse(text).spec
    except BadAddress:
        return None
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.address == spec)).one_or_none()
    return None if row is None else from_row(row)


def of_tenant(connection: Connection, tenant_id: int) -> list[Sender]:
    rows = connection.execute(select(_table).where(within(_table, tenant_id)).order_by(_table.c.id))
    return [from_row(row) for row in rows]


def all_senders(connection: Connection) -> list[Sender]:
    query = across(select(_table).order_by(_table.c.id), "the snapshot holds all tenants' settings")
    return [from_row(row) for row in connection.execute(query)]


def create(connection: Connection, sender: Sender) -> None:
    connection.execute(_table.insert().values(**{name: getattr(sender, name) for name in _NAMES}))


def save(connection: Connection, sender: Sender) -> None:
    """Writes what people set; whether it is paused stays as it is. The version grows by one."""
    values = {name: getattr(sender, name) for name in _NAMES if name not in _KEPT}
    connection.execute(
        update(_table)
        .where(within(_table, sender.tenant_id), _table.c.id == sender.id)
        .values(**values, version=_table.c.version + 1)
    )


def remove(connection: Connection, tenant_id: int, sender_id: int) -> None:
    connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == sender_id))


def move_account(connection: Connection, tenant_id: int, old: int, new: int | None) -> int:
    """Lets the senders that used one account use another; returns how many."""
    return connection.execute(
        update(_table)
        .where(within(_table, tenant_id), _table.c.account_id == old)
        .values(account_id=new, version=_table.c.version + 1)
    ).rowcount


def pause(connection: Connection, tenant_id: int, sender_id: int, reason: str) -> bool:
    """Holds this sender's mail. False when it is paused already."""
    done = connection.execute(
        update(_table)
        .where(within(_table, tenant_id), _table.c.id == sender_id, _table.c.paused_reason == "")
        .values(paused_reason=reason)
    )
    return done.rowcount == 1


def release(connection: Connection, tenant_id: int, sender_id: int) -> bool:
    """False when it was not paused."""
    done = connection.execute(
        update(_table)
        .where(within(_table, tenant_id), _table.c.id == sender_id, _table.c.paused_reason != "")
        .values(paused_reason="")
    )
    return done.rowcount == 1
