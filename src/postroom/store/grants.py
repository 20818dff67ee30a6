"""What was granted to accounts that log in with OAuth2, one row each; and consents under way. Tokens come in and go out
sealed (promise P7).

Rules it keeps: whoever asks the provider holds a lease on the row, judged by the database's time, so that two nodes
never redeem one refresh token at once; what came of it is written only under that lease. A consent is good once: taking
it deletes it.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, select, text, update

from postroom.model.grant import Grant
from postroom.store import tables
from postroom.store.lanes import database_ms
from postroom.store.scope import across, within

__all__ = [
    "Start",
    "all_grants",
    "begin",
    "check_soon",
    "drop",
    "get",
    "grant",
    "lease",
    "put_renewed",
    "put_trouble",
    "release",
    "reseal",
    "take",
]

_table = tables.oauth2_grant
_start = tables.oauth2_start
_NAMES = tuple(field.name for field in fields(Grant))
_MOST_STARTS = 20
"""Consents under way for one account: more means that somebody starts them in a loop."""


def _of(row: Row[Any]) -> Grant:
    values = {name: row._mapping[name] for name in _NAMES}
    for name in ("refresh", "access"):
        values[name] = None if values[name] is None else bytes(values[name])
    return Grant(**values)


def get(connection: Connection, tenant_id: int, account_id: int) -> Grant | None:
    row = connection.execute(
        select(_table).where(within(_table, tenant_id), _table.c.account_id == account_id)
    ).one_or_none()
    return None if row is None else _of(row)


def all_grants(connection: Connection) -> list[Grant]:
    query = across(select(_table).order_by(_table.c.account_id), "upkeep and resealing see every tenant's")
    return [_of(row) for row in connection.execute(query)]


def grant(connection: Connection, tenant_id: int, account_id: int, refresh: bytes, now_ms: int, by: str) -> None:
    """Somebody consented, or typed a refresh token: the row begins anew. Nobody's lease on the old one counts."""
    drop(connection, tenant_id, account_id)
    values = {"refresh": refresh, "granted_ms": now_ms, "granted_by": by}
    connection.execute(_table.insert().values(account_id=account_id, tenant_id=tenant_id, **values))


def drop(connection: Connection, tenant_id: int, account_id: int) -> bool:
    """Forgets what was granted, and the consents under way. False when there was nothing granted."""
    connection.execute(delete(_start).where(within(_start, tenant_id), _start.c.account_id == account_id))
    done = connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.account_id == account_id))
    return done.rowcount == 1


def check_soon(connection: Connection, tenant_id: int, account_id: int) -> None:
    """The application's secret was typed anew: what went wrong with the old one is forgotten, and upkeep looks."""
    _update(connection, tenant_id, account_id, asked_ms=None, trouble=0, fault="")


# -- the lease --------------------------------------------------------------------------------------------------------


def lease(connection: Connection, tenant_id: int, account_id: int, lease_ms: int, fence: int) -> Grant | None:
    """Takes the row for `lease_ms`; None while another holds it. Makes it where an application needs no consent."""
    connection.execute(
        text("INSERT INTO oauth2_grant (account_id, tenant_id) VALUES (:account, :tenant) ON CONFLICT DO NOTHING"),
        {"account": account_id, "tenant": tenant_id},
    )
    now = database_ms(connection)
    taken = connection.execute(
        update(_table)
        .where(within(_table, tenant_id), _table.c.account_id == account_id, _table.c.leased_until_ms <= now)
        .values(fence=fence, leased_until_ms=now + lease_ms)
    )
    return get(connection, tenant_id, account_id) if taken.rowcount == 1 else None


def release(connection: Connection, tenant_id: int, account_id: int, fence: int) -> None:
    _update(connection, tenant_id, account_id, fence, leased_until_ms=0)


def put_renewed(
    connection: Connection, grant: Grant, fence: int, access: bytes, expires_ms: int, refresh: bytes | None, now_ms: int
) -> bool:
    """New tokens, and the lease ends. `refresh`: None keeps the old one. False: the row is not ours any more."""
    values: dict[str, Any] = {"access": access, "access_expires_ms": expires_ms, "renewed_ms": now_ms}
    if refresh is not None:
        values["refresh"] = refresh
    clear = {"asked_ms": now_ms, "trouble": 0, "fault": "", "leased_until_ms": 0}
    return _update(connection, grant.tenant_id, grant.account_id, fence, **values, **clear)


def put_trouble(connection: Connection, grant: Grant, fence: int, fault: str, now_ms: int) -> bool:
    """The provider gave nothing; the lease ends. What was there stays: an access token may still be good."""
    values = {"asked_ms": now_ms, "trouble": _table.c.trouble + 1, "fault": fault, "leased_until_ms": 0}
    return _update(connection, grant.tenant_id, grant.account_id, fence, **values)


def _update(
    connection: Connection, tenant_id: int, account_id: int, fence: int | None = None, /, **values: Any
) -> bool:
    statement = update(_table).where(within(_table, tenant_id), _table.c.account_id == account_id)
    if fence is not None:
        statement = statement.where(_table.c.fence == fence)
    return connection.execute(statement.values(**values)).rowcount == 1


def reseal(connection: Connection, old: Grant, refresh: bytes | None, access: bytes | None) -> bool:
    """The same tokens under another key of the ring; not where they were renewed meanwhile."""
    statement = update(_table).where(
        within(_table, old.tenant_id),
        _table.c.account_id == old.account_id,
        _table.c.refresh.is_not_distinct_from(old.refresh),
        _table.c.access.is_not_distinct_from(old.access),
    )
    return connection.execute(statement.values(refresh=refresh, access=access)).rowcount == 1


# -- consents under way -----------------------------------------------------------------------------------------------


class Start(NamedTuple):
    """A consent that somebody began. `digest` is the state's SHA-256, `verifier` sealed."""

    digest: str
    tenant_id: int
    account_id: int
    verifier: bytes
    redirect_url: str
    user_id: int | None
    key_id: int | None
    who: str
    expires_ms: int

    def __repr__(self) -> str:
        return f"Start(account_id={self.account_id})"


def begin(connection: Connection, start: Start, now_ms: int) -> None:
    """Notes it; old ones go, and the oldest of too many."""
    old = delete(_start).where(_start.c.expires_ms <= now_ms)
    connection.execute(across(old, "an end by the clock, whoever's it is"))
    mine = (within(_start, start.tenant_id), _start.c.account_id == start.account_id)
    digests = select(_start.c.digest).where(*mine).order_by(_start.c.expires_ms.desc(), _start.c.digest)
    too_many = [row.digest for row in connection.execute(digests)][_MOST_STARTS - 1 :]
    if too_many:
        connection.execute(delete(_start).where(*mine, _start.c.digest.in_(too_many)))
    connection.execute(_start.insert().values(**start._asdict()))


def take(connection: Connection, digest: str, now_ms: int) -> Start | None:
    """The consent with this state, which is used up by it; None when there is none, or not any more."""
    found = across(select(_start).where(_start.c.digest == digest), "whose it is, only the state says")
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    start = Start(**{name: row._mapping[name] for name in Start._fields})
    gone = delete(_start).where(within(_start, start.tenant_id), _start.c.digest == digest)
    if connection.execute(gone).rowcount != 1 or start.expires_ms <= now_ms:
        return None
    return start._replace(verifier=bytes(start.verifier))
