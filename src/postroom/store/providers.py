"""Identity providers and who of theirs is a user here. A client secret is here only sealed."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, select, update

from postroom.model.person import User
from postroom.model.provider import Identity, Provider
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "SealedSecret",
    "all_providers",
    "all_sealed",
    "create",
    "end_sessions",
    "forget",
    "get",
    "identities_of",
    "identity",
    "link",
    "of_tenant",
    "put_secret",
    "remove",
    "save",
    "sealed",
    "unlink",
    "unlink_all",
    "used",
]

_table = tables.provider
_identities = tables.identity
_sessions = tables.person_session
_WHY = "whoever signs in by a provider has no tenant yet"


class SealedSecret(NamedTuple):
    provider: Provider
    sealed: bytes

    def __repr__(self) -> str:
        return f"SealedSecret(provider={self.provider.id})"


def from_row(row: Row[Any]) -> Provider:
    return Provider(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        issuer=row.issuer,
        client_id=row.client_id,
        scopes=tuple(row.scopes.split()),
        email_domains=tuple(row.email_domains.split()),
        groups_claim=row.groups_claim,
        roles=tuple((group, role) for group, role in json.loads(row.roles or "[]")),
        default_roles=tuple(json.loads(row.default_roles or "[]")),
        create_users=bool(row.create_users),
        link_by_email=bool(row.link_by_email),
        enabled=bool(row.enabled),
        has_secret=row.sealed is not None,
        secret_set_ms=row.secret_set_ms,
        created_ms=row.created_ms,
        version=row.version,
    )


def _stored(provider: Provider) -> dict[str, Any]:
    return {
        "name": provider.name,
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "scopes": " ".join(provider.scopes),
        "email_domains": " ".join(provider.email_domains),
        "groups_claim": provider.groups_claim,
        "roles": json.dumps(provider.roles),
        "default_roles": json.dumps(provider.default_roles),
        "create_users": provider.create_users,
        "link_by_email": provider.link_by_email,
        "enabled": provider.enabled,
    }


def of_tenant(connection: Connection, tenant_id: int) -> list[Provider]:
    rows = connection.execute(select(_table).where(within(_table, tenant_id)).order_by(_table.c.id))
    return [from_row(row) for row in rows]


def all_providers(connection: Connection) -> list[Provider]:
    """For the page where people sign in."""
    return [from_row(row) for row in connection.execute(across(select(_table).order_by(_table.c.id), _WHY))]


def get(connection: Connection, provider_id: int) -> Provider | None:
    """Whichever tenant's it is."""
    row = connection.execute(across(select(_table).where(_table.c.id == provider_id), _WHY)).one_or_none()
    return None if row is None else from_row(row)


def create(connection: Connection, provider: Provider) -> None:
    connection.execute(
        _table.insert().values(
            id=provider.id, tenant_id=provider.tenant_id, created_ms=provider.created_ms, **_stored(provider)
        )
    )


def save(connection: Connection, provider: Provider) -> None:
    """Writes everything but its tenant, its secret and when it was made; the version grows by one."""
    connection.execute(
        update(_table)
        .where(within(_table, provider.tenant_id), _table.c.id == provider.id)
        .values(version=_table.c.version + 1, **_stored(provider))
    )


def put_secret(connection: Connection, provider: Provider, secret: bytes | None, now_ms: int | None) -> None:
    """None takes it away."""
    connection.execute(
        update(_table)
        .where(within(_table, provider.tenant_id), _table.c.id == provider.id)
        .values(sealed=secret, secret_set_ms=now_ms)
    )


def sealed(connection: Connection, provider: Provider) -> bytes | None:
    query = select(_table.c.sealed).where(within(_table, provider.tenant_id), _table.c.id == provider.id)
    found = connection.execute(query).scalar()
    return None if found is None else bytes(found)


def all_sealed(connection: Connection) -> list[SealedSecret]:
    query = across(select(_table).where(_table.c.sealed.is_not(None)), "a new key of the ring seals everything")
    return [SealedSecret(from_row(row), bytes(row.sealed)) for row in connection.execute(query)]


def remove(connection: Connection, provider: Provider) -> None:
    """With all that is known of its people; the users stay."""
    forget(connection, provider)
    end_sessions(connection, provider)
    connection.execute(delete(_table).where(within(_table, provider.tenant_id), _table.c.id == provider.id))


def end_sessions(connection: Connection, provider: Provider) -> None:
    """Signs out everybody who came in by it."""
    mine = (within(_sessions, provider.tenant_id), _sessions.c.provider_id == provider.id)
    connection.execute(delete(_sessions).where(*mine))


# -- identities -------------------------------------------------------------------------------------------------------


def _identity(row: Row[Any]) -> Identity:
    return Identity(
        row.id, row.tenant_id, row.person_id, row.provider_id, row.issuer, row.subject, row.linked_ms, row.used_ms
    )


def identity(connection: Connection, provider: Provider, subject: str) -> Identity | None:
    """Who this is here, by the provider's issuer and its number for him."""
    row = connection.execute(
        select(_identities).where(
            within(_identities, provider.tenant_id),
            _identities.c.provider_id == provider.id,
            _identities.c.issuer == provider.issuer,
            _identities.c.subject == subject,
        )
    ).one_or_none()
    return None if row is None else _identity(row)


def identities_of(connection: Connection, user: User) -> list[Identity]:
    query = select(_identities).where(within(_identities, user.tenant_id), _identities.c.person_id == user.id)
    return [_identity(row) for row in connection.execute(query.order_by(_identities.c.id))]


def link(connection: Connection, new: Identity) -> None:
    connection.execute(
        _identities.insert().values(
            id=new.id,
            tenant_id=new.tenant_id,
            person_id=new.user_id,
            provider_id=new.provider_id,
            issuer=new.issuer,
            subject=new.subject,
            linked_ms=new.linked_ms,
        )
    )


def used(connection: Connection, one: Identity, now_ms: int) -> None:
    mine = (within(_identities, one.tenant_id), _identities.c.id == one.id)
    connection.execute(update(_identities).where(*mine).values(used_ms=now_ms))


def unlink(connection: Connection, user: User, identity_id: int) -> bool:
    """False when he has no such one."""
    mine = (within(_identities, user.tenant_id), _identities.c.person_id == user.id, _identities.c.id == identity_id)
    return connection.execute(delete(_identities).where(*mine)).rowcount == 1


def unlink_all(connection: Connection, user: User) -> None:
    mine = (within(_identities, user.tenant_id), _identities.c.person_id == user.id)
    connection.execute(delete(_identities).where(*mine))


def forget(connection: Connection, provider: Provider) -> None:
    """Links nobody to it any more: its numbers mean nothing under another issuer."""
    mine = (within(_identities, provider.tenant_id), _identities.c.provider_id == provider.id)
    connection.execute(delete(_identities).where(*mine))
