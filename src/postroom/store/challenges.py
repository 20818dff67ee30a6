"""Challenges: asked, taken once, forgotten. What is taken or over is deleted; nothing that could open a door stays."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select

from postroom.model.challenge import Asking, Challenge
from postroom.model.person import User
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = ["count", "drop_of", "drop_old", "put", "take"]

_table = tables.challenge
_WHY = "a token tells its tenant, not the other way round"


def put(connection: Connection, challenge: Challenge, digest: bytes, now_ms: int) -> None:
    connection.execute(
        _table.insert().values(
            id=challenge.id,
            tenant_id=challenge.tenant_id,
            person_id=challenge.user_id,
            session_id=challenge.session_id,
            asking=challenge.asking.value,
            digest=digest,
            content=challenge.content,
            created_ms=now_ms,
            expires_ms=challenge.expires_ms,
        )
    )


def take(connection: Connection, digest: bytes, asking: Asking, now_ms: int) -> Challenge | None:
    """The challenge behind a token, which is worthless from now on, whatever becomes of the answer. None for a token
    that is used, over, unknown, or of another kind; of two who come at once one gets it.
    """
    chosen = (_table.c.digest == digest, _table.c.asking == asking.value)
    row = connection.execute(across(select(_table).where(*chosen), _WHY)).one_or_none()
    if row is None or connection.execute(across(delete(_table).where(*chosen), _WHY)).rowcount != 1:
        return None
    if row.expires_ms <= now_ms:
        return None
    return Challenge(row.id, row.tenant_id, asking, row.expires_ms, row.content, row.person_id, row.session_id)


def count(connection: Connection) -> int:
    """How many wait, whoever asked."""
    query = across(select(func.count()).select_from(_table), "strangers ask, and there is a bound for all of them")
    return int(connection.execute(query).scalar_one())


def drop_old(connection: Connection, now_ms: int) -> None:
    over = delete(_table).where(_table.c.expires_ms <= now_ms)
    connection.execute(across(over, "time is over for everybody alike"))


def drop_of(connection: Connection, user: User) -> None:
    """Makes everything the user was asked worthless."""
    connection.execute(delete(_table).where(within(_table, user.tenant_id), _table.c.person_id == user.id))
