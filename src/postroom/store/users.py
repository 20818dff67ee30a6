"""Users. A password is here only as its Argon2id hash, a second factor only sealed, a recovery code only as SHA-256.

Signing in begins with a login, and a login tells its tenant, not the other way round: `by_login` sees all tenants.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from postroom.model.person import User, login_key
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "Hidden",
    "all_with_totp",
    "by_login",
    "count_codes",
    "create",
    "get",
    "hidden",
    "of_tenant",
    "put_codes",
    "remove",
    "save",
    "set_password",
    "set_totp",
    "signed_in",
    "use_code",
    "use_step",
]

_table = tables.person
_codes = tables.recovery_code


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is kept of a user and never shown: the password's hash, the sealed second factor, its last used step."""

    user: User
    password: str = field(repr=False)
    totp: bytes | None = field(repr=False)
    totp_step: int = 0


def from_row(row: Row[Any]) -> User:
    return User(
        id=row.id,
        tenant_id=row.tenant_id,
        login=row.login,
        name=row.name,
        email=row.email,
        roles=tuple(json.loads(row.roles)) if row.roles else (),
        has_password=bool(row.password),
        password_set_ms=row.password_set_ms,
        second_factor=bool(row.totp_confirmed),
        deactivated_ms=row.deactivated_ms,
        created_ms=row.created_ms,
        signed_in_ms=row.signed_in_ms,
        passkeys=row.passkeys,
        language=row.language,
        time_zone=row.time_zone,
        look=row.look,
        version=row.version,
    )


def _hidden(row: Row[Any] | None) -> Hidden | None:
    if row is None:
        return None
    return Hidden(from_row(row), row.password, None if row.totp is None else bytes(row.totp), row.totp_step)


def of_tenant(connection: Connection, tenant_id: int) -> list[User]:
    rows = connection.execute(select(_table).where(within(_table, tenant_id)).order_by(_table.c.id))
    return [from_row(row) for row in rows]


def get(connection: Connection, tenant_id: int, user_id: int) -> User | None:
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id == user_id)).one_or_none()
    return None if row is None else from_row(row)


def hidden(connection: Connection, tenant_id: int, user_id: int) -> Hidden | None:
    query = select(_table).where(within(_table, tenant_id), _table.c.id == user_id)
    return _hidden(connection.execute(query).one_or_none())


def by_login(connection: Connection, login: str) -> Hidden | None:
    """The user who signs in by this, in whatever compatible form and case it is written."""
    query = select(_table).where(_table.c.login_key == login_key(login))
    return _hidden(connection.execute(across(query, "a login tells its tenant")).one_or_none())


def exist(connection: Connection) -> bool:
    """Whether there is any user at all."""
    query = across(select(_table.c.id).limit(1), "an installation begins once")
    return connection.execute(query).first() is not None


def create(connection: Connection, user: User) -> None:
    connection.execute(
        _table.insert().values(id=user.id, tenant_id=user.tenant_id, created_ms=user.created_ms, **_stored(user))
    )


def save(connection: Connection, user: User) -> None:
    """Writes login, name, address, roles, what he chose, and whether he is deactivated; the version grows by one."""
    connection.execute(
        update(_table)
        .where(within(_table, user.tenant_id), _table.c.id == user.id)
        .values(version=_table.c.version + 1, **_stored(user))
    )


def remove(connection: Connection, user: User) -> None:
    connection.execute(delete(_table).where(within(_table, user.tenant_id), _table.c.id == user.id))


def _stored(user: User) -> dict[str, Any]:
    return {
        "login": user.login,
        "login_key": login_key(user.login),
        "name": user.name,
        "email": user.email,
        "roles": json.dumps(user.roles),
        "deactivated_ms": user.deactivated_ms,
        "language": user.language,
        "time_zone": user.time_zone,
        "look": user.look,
    }


def _set(connection: Connection, user: User, **values: object) -> None:
    chosen = (within(_table, user.tenant_id), _table.c.id == user.id)
    connection.execute(update(_table).where(*chosen).values(**values))


def set_password(connection: Connection, user: User, hashed: str, now_ms: int) -> None:
    _set(connection, user, password=hashed, password_set_ms=now_ms)


def signed_in(connection: Connection, user: User, now_ms: int) -> None:
    _set(connection, user, signed_in_ms=now_ms)


def set_totp(connection: Connection, user: User, sealed: bytes | None, *, confirmed: bool) -> None:
    """None takes the second factor away. The step begins anew with a new secret."""
    step = {} if confirmed else {"totp_step": 0}
    _set(connection, user, totp=sealed, totp_confirmed=confirmed, **step)


def use_step(connection: Connection, user: User, step: int) -> bool:
    """Notes that the code of this time step was used. False when it, or a later one, was before."""
    done = connection.execute(
        update(_table)
        .where(within(_table, user.tenant_id), _table.c.id == user.id, _table.c.totp_step < step)
        .values(totp_step=step)
    )
    return done.rowcount == 1


def all_with_totp(connection: Connection) -> list[Hidden]:
    query = across(select(_table).where(_table.c.totp.is_not(None)), "a new key of the ring seals everything")
    return [found for row in connection.execute(query) if (found := _hidden(row)) is not None]


# -- recovery codes ---------------------------------------------------------------------------------------------------


def put_codes(connection: Connection, user: User, digests: Iterable[bytes]) -> None:
    """These codes and no others are good from now on."""
    connection.execute(delete(_codes).where(within(_codes, user.tenant_id), _codes.c.person_id == user.id))
    for digest in digests:
        connection.execute(_codes.insert().values(person_id=user.id, tenant_id=user.tenant_id, digest=digest))


def use_code(connection: Connection, user: User, digest: bytes) -> bool:
    """Takes the code away. False when there is no such code (any more)."""
    done = connection.execute(
        delete(_codes).where(within(_codes, user.tenant_id), _codes.c.person_id == user.id, _codes.c.digest == digest)
    )
    return done.rowcount == 1


def count_codes(connection: Connection, user: User) -> int:
    query = (
        select(func.count()).select_from(_codes).where(within(_codes, user.tenant_id), _codes.c.person_id == user.id)
    )
    return int(connection.execute(query).scalar_one())
