"""Passkeys of users. A user's row counts them, so that whoever reads the user knows whether there is one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from postroom.model.passkey import Passkey
from postroom.model.person import User
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = ["Stored", "add", "by_credential", "of_user", "remove", "remove_all", "rename", "used"]

_table = tables.passkey
_person = tables.person


@dataclass(frozen=True, slots=True)
class Stored:
    """A passkey with what its answers are checked by: its device's number for it, its public half, its count."""

    passkey: Passkey
    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    sign_count: int = 0


def _stored(row: Row[Any]) -> Stored:
    passkey = Passkey(
        id=row.id,
        tenant_id=row.tenant_id,
        user_id=row.person_id,
        name=row.name,
        created_ms=row.created_ms,
        used_ms=row.used_ms,
        backed_up=bool(row.backed_up),
        transports=tuple(json.loads(row.transports)) if row.transports else (),
    )
    return Stored(passkey, bytes(row.credential_id), bytes(row.public_key), row.sign_count)


def of_user(connection: Connection, user: User) -> list[Stored]:
    """In the order in which they were added."""
    query = select(_table).where(within(_table, user.tenant_id), _table.c.person_id == user.id).order_by(_table.c.id)
    return [_stored(row) for row in connection.execute(query)]


def by_credential(connection: Connection, credential_id: bytes) -> Stored | None:
    """The passkey with this number of its device's, whoever's it is."""
    query = select(_table).where(_table.c.credential_id == credential_id)
    row = connection.execute(across(query, "a passkey tells its tenant, not the other way round")).one_or_none()
    return None if row is None else _stored(row)


def add(connection: Connection, new: Stored) -> None:
    passkey = new.passkey
    connection.execute(
        _table.insert().values(
            id=passkey.id,
            tenant_id=passkey.tenant_id,
            person_id=passkey.user_id,
            name=passkey.name,
            credential_id=new.credential_id,
            public_key=new.public_key,
            sign_count=new.sign_count,
            backed_up=passkey.backed_up,
            transports=json.dumps(passkey.transports) if passkey.transports else "",
            created_ms=passkey.created_ms,
        )
    )
    _count(connection, passkey.tenant_id, passkey.user_id)


def rename(connection: Connection, user: User, passkey_id: int, name: str) -> bool:
    """False when he has no such passkey."""
    return connection.execute(update(_table).where(*_one(user, passkey_id)).values(name=name)).rowcount == 1


def remove(connection: Connection, user: User, passkey_id: int) -> bool:
    """False when he has no such passkey."""
    done = connection.execute(delete(_table).where(*_one(user, passkey_id))).rowcount == 1
    _count(connection, user.tenant_id, user.id)
    return done


def remove_all(connection: Connection, user: User) -> None:
    connection.execute(delete(_table).where(within(_table, user.tenant_id), _table.c.person_id == user.id))
    _count(connection, user.tenant_id, user.id)


def used(connection: Connection, passkey: Passkey, sign_count: int, backed_up: bool, now_ms: int) -> bool:
    """Notes a use. False when the count has not grown: somebody else may have a copy (WebAuthn level 3, section
    6.1.1). A device that does not count says 0 always.
    """
    grown = _table.c.sign_count < sign_count
    if sign_count == 0:
        grown = _table.c.sign_count == 0
    done = connection.execute(
        update(_table)
        .where(within(_table, passkey.tenant_id), _table.c.id == passkey.id, grown)
        .values(sign_count=sign_count, backed_up=backed_up, used_ms=now_ms)
    )
    return done.rowcount == 1


def _one(user: User, passkey_id: int) -> tuple[Any, ...]:
    return within(_table, user.tenant_id), _table.c.person_id == user.id, _table.c.id == passkey_id


def _count(connection: Connection, tenant_id: int, user_id: int) -> None:
    there = select(func.count()).select_from(_table).where(within(_table, tenant_id), _table.c.person_id == user_id)
    number = int(connection.execute(there).scalar_one())
    connection.execute(
        update(_person).where(within(_person, tenant_id), _person.c.id == user_id).values(passkeys=number)
    )
