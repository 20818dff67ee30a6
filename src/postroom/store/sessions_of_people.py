"""Sessions of people, and the links by mail that let them choose a password. Tokens are here only as SHA-256.

What is ended is deleted: the audit trail remembers it, and nothing that could open a door stays behind.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, select, update

from postroom.model.person import Purpose, User, UserSession
from postroom.store import challenges, tables
from postroom.store.scope import across, within

__all__ = [
    "Known",
    "KnownLink",
    "create",
    "create_link",
    "drop_links",
    "drop_old",
    "end",
    "end_all",
    "known",
    "known_link",
    "of_user",
    "seen",
]

_table = tables.person_session
_links = tables.person_link
_WHY = "a token tells its tenant, not the other way round"


class Known(NamedTuple):
    """What a presented token is compared with, and whose session it is."""

    session: UserSession
    digest: bytes


class KnownLink(NamedTuple):
    id: int
    tenant_id: int
    user_id: int
    purpose: Purpose
    expires_ms: int


def from_row(row: Row[Any]) -> UserSession:
    return UserSession(
        id=row.id,
        tenant_id=row.tenant_id,
        user_id=row.person_id,
        created_ms=row.created_ms,
        seen_ms=row.seen_ms,
        expires_ms=row.expires_ms,
        pending=bool(row.pending),
        address=row.address,
        agent=row.agent,
        provider_id=row.provider_id,
    )


def create(connection: Connection, session: UserSession, prefix: str, digest: bytes) -> None:
    connection.execute(
        _table.insert().values(
            id=session.id,
            tenant_id=session.tenant_id,
            person_id=session.user_id,
            prefix=prefix,
            digest=digest,
            pending=session.pending,
            created_ms=session.created_ms,
            seen_ms=session.seen_ms,
            expires_ms=session.expires_ms,
            address=session.address,
            agent=session.agent,
            provider_id=session.provider_id,
        )
    )


def known(connection: Connection, prefix: str) -> Known | None:
    """The session with this prefix, whoever's it is: the caller compares and judges."""
    row = connection.execute(across(select(_table).where(_table.c.prefix == prefix), _WHY)).one_or_none()
    return None if row is None else Known(from_row(row), bytes(row.digest))


def of_user(connection: Connection, user: User) -> list[UserSession]:
    """The newest first; not those whose second step is missing."""
    rows = connection.execute(
        select(_table)
        .where(within(_table, user.tenant_id), _table.c.person_id == user.id, _table.c.pending.is_(False))
        .order_by(_table.c.id.desc())
    )
    return [from_row(row) for row in rows]


def seen(connection: Connection, session: UserSession, now_ms: int) -> None:
    connection.execute(
        update(_table).where(within(_table, session.tenant_id), _table.c.id == session.id).values(seen_ms=now_ms)
    )


def end(connection: Connection, tenant_id: int, session_id: int) -> bool:
    """False when it is over already."""
    done = connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == session_id))
    return done.rowcount == 1


def end_all(connection: Connection, user: User, *, but: int | None = None) -> int:
    """Ends every session of the user, but for this one; how many there were. Unfinished ones are ended silently."""
    chosen = [within(_table, user.tenant_id), _table.c.person_id == user.id]
    if but is not None:
        chosen.append(_table.c.id != but)
    connection.execute(delete(_table).where(*chosen, _table.c.pending.is_(True)))
    return int(connection.execute(delete(_table).where(*chosen)).rowcount)


def drop_old(connection: Connection, now_ms: int, idle_before_ms: int) -> None:
    """Deletes sessions, challenges and links whose time is over, whoever's they are."""
    over = (_table.c.expires_ms <= now_ms) | (_table.c.seen_ms < idle_before_ms)
    connection.execute(across(delete(_table).where(over), "time is over for everybody alike"))
    challenges.drop_old(connection, now_ms)
    connection.execute(across(delete(_links).where(_links.c.expires_ms <= now_ms), "time is over for everybody alike"))


# -- links ------------------------------------------------------------------------------------------------------------


def create_link(connection: Connection, link: KnownLink, digest: bytes, now_ms: int) -> None:
    connection.execute(
        _links.insert().values(
            id=link.id,
            tenant_id=link.tenant_id,
            person_id=link.user_id,
            purpose=link.purpose.value,
            digest=digest,
            created_ms=now_ms,
            expires_ms=link.expires_ms,
        )
    )


def known_link(connection: Connection, digest: bytes) -> KnownLink | None:
    """By the SHA-256 of 256 random bits: nobody can come nearer to one by trying."""
    row = connection.execute(across(select(_links).where(_links.c.digest == digest), _WHY)).one_or_none()
    if row is None:
        return None
    return KnownLink(row.id, row.tenant_id, row.person_id, Purpose(row.purpose), row.expires_ms)


def drop_links(connection: Connection, user: User) -> int:
    """Makes every open link of the user worthless; how many there were."""
    done = connection.execute(delete(_links).where(within(_links, user.tenant_id), _links.c.person_id == user.id))
    return int(done.rowcount)
