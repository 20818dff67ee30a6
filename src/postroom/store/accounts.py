"""SMTP accounts. Whether one has a secret is told from the credential's row; the secret itself is never read here.

Pausing and resuming are conditional statements: a late verdict about settings that were changed meanwhile pauses
nothing, and what a person paused no verdict or timer resumes.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, FromClause, Row, Select, and_, delete, or_, select, update

from postroom.model.account import (
    Account,
    AccountState,
    AddressTag,
    CertificateCheck,
    CredentialSource,
    Encryption,
    Limits,
    Login,
)
from postroom.model.grant import OAuth2Flow, OAuth2Provider
from postroom.policy.fallback import VERDICT
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "PERSON",
    "VERDICT",
    "all_accounts",
    "by_name",
    "create",
    "falling_back_on",
    "from_row",
    "get",
    "of_tenant",
    "pause",
    "pause_by_verdict",
    "remove",
    "resume",
    "resume_due",
    "resume_mended",
    "save",
    "tested",
]

PERSON = "person"

_table = tables.account
_secret = tables.credential
_key = tables.client_key
_grant = tables.oauth2_grant
_RENAMED = {"user": "user_name"}
_ELSEWHERE = frozenset({"limits", "has_secret", "secret_set_ms", "granted_ms", "has_client_key"})
_STATE = frozenset({"state", "paused_reason", "paused_by", "paused_ms", "resume_ms"})
_FIXED = frozenset({"id", "tenant_id", "created_ms", "version"})
_PLAIN = tuple(field.name for field in fields(Account) if field.name not in _ELSEWHERE)
_LIMITS = tuple(field.name for field in fields(Limits))
_ENUMS: dict[str, Any] = {
    "encryption": Encryption,
    "login": Login,
    "credential_source": CredentialSource,
    "oauth2_provider": OAuth2Provider,
    "oauth2_flow": OAuth2Flow,
    "certificate_check": CertificateCheck,
    "state": AccountState,
    "return_path_tag": AddressTag,
    "reply_to_tag": AddressTag,
}
_FLAGS = frozenset(field.name for field in fields(Account) if field.type == "bool")


def from_row(row: Row[Any]) -> Account:
    stored = row._mapping
    values: dict[str, Any] = {name: stored[_RENAMED.get(name, name)] for name in _PLAIN}
    for name, words in _ENUMS.items():
        values[name] = words(values[name])
    for name in _FLAGS - _ELSEWHERE:
        values[name] = bool(values[name])
    values["limits"] = Limits(**{name: stored[f"limit_{name}"] for name in _LIMITS})
    values["secret_set_ms"] = stored["secret_set_ms"]
    values["granted_ms"] = stored["granted_ms"]
    values["has_secret"] = stored["secret_set_ms"] is not None
    values["has_client_key"] = stored["client_key_set_ms"] is not None
    return Account(**values)


def _stored(account: Account, without: frozenset[str]) -> dict[str, Any]:
    values = {_RENAMED.get(name, name): getattr(account, name) for name in _PLAIN if name not in without}
    for name in _ENUMS:
        if name in values:
            values[name] = values[name].value
    return values | {f"limit_{name}": getattr(account.limits, name) for name in _LIMITS}


_COLUMNS = (
    _table, _secret.c.set_ms.label("secret_set_ms"), _key.c.set_ms.label("client_key_set_ms"), _grant.c.granted_ms,
)  # fmt: skip


def _query(tenant_id: int) -> Select[Any]:
    joined = _table.outerjoin(_secret, and_(_secret.c.account_id == _table.c.id, within(_secret, tenant_id)))
    joined = joined.outerjoin(_key, and_(_key.c.account_id == _table.c.id, within(_key, tenant_id)))
    joined = joined.outerjoin(_grant, and_(_grant.c.account_id == _table.c.id, within(_grant, tenant_id)))
    return select(*_COLUMNS).select_from(joined).where(within(_table, tenant_id))


def get(connection: Connection, tenant_id: int, account_id: int) -> Account | None:
    row = connection.execute(_query(tenant_id).where(_table.c.id == account_id)).one_or_none()
    return None if row is None else from_row(row)


def by_name(connection: Connection, tenant_id: int, name: str) -> Account | None:
    row = connection.execute(_query(tenant_id).where(_table.c.name == name)).one_or_none()
    return None if row is None else from_row(row)


def of_tenant(connection: Connection, tenant_id: int) -> list[Account]:
    return [from_row(row) for row in connection.execute(_query(tenant_id).order_by(_table.c.id))]


def _joined() -> FromClause:
    """Every tenant's accounts with what else is known of each."""
    joined: FromClause = _table
    for other in (_secret, _key, _grant):
        joined = joined.outerjoin(other, other.c.account_id == _table.c.id)
    return joined


def all_accounts(connection: Connection) -> list[Account]:
    query = select(*_COLUMNS).select_from(_joined()).order_by(_table.c.id)
    return [from_row(row) for row in connection.execute(across(query, "the snapshot holds all tenants' settings"))]


def falling_back_on(connection: Connection, account_id: int) -> list[Account]:
    """The accounts, of whatever tenant, whose fallback this one is."""
    query = select(*_COLUMNS).select_from(_joined())
    query = query.where(_table.c.fallback_account_id == account_id).order_by(_table.c.id)
    return [from_row(row) for row in connection.execute(across(query, "the installation's may be anybody's fallback"))]


def create(connection: Connection, account: Account) -> None:
    connection.execute(_table.insert().values(**_stored(account, frozenset())))


def save(connection: Connection, account: Account) -> None:
    """Writes what people set; whether it is paused stays as it is. The version grows by one."""
    connection.execute(
        update(_table)
        .where(within(_table, account.tenant_id), _table.c.id == account.id)
        .values(**_stored(account, _STATE | _FIXED), version=_table.c.version + 1)
    )


def tested(connection: Connection, tenant_id: int, account_id: int, now_ms: int) -> None:
    """A test message left through it. No setting, so no new version."""
    mine = (within(_table, tenant_id), _table.c.id == account_id)
    connection.execute(update(_table).where(*mine).values(tested_ms=now_ms))


def remove(connection: Connection, tenant_id: int, account_id: int) -> None:
    """Deletes the account with its secrets, its lanes and its pace. What still refers to it is the caller's care."""
    connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == account_id))
    for table in (
        tables.credential, tables.client_key, tables.lane, tables.pace, tables.oauth2_grant, tables.oauth2_start,
    ):  # fmt: skip
        connection.execute(delete(table).where(within(table, tenant_id), table.c.account_id == account_id))


_RESUMED: dict[str, Any] = {
    "state": AccountState.READY.value,
    "paused_reason": "",
    "paused_by": "",
    "paused_ms": None,
    "resume_ms": None,
}


def _paused(reason: str, by: str, now_ms: int, resume_ms: int | None) -> dict[str, Any]:
    return {
        "state": AccountState.PAUSED.value,
        "paused_reason": reason,
        "paused_by": by,
        "paused_ms": now_ms,
        "resume_ms": resume_ms,
    }


def pause(connection: Connection, tenant_id: int, account_id: int, reason: str, now_ms: int) -> bool:
    """By a person: only a person resumes it."""
    done = connection.execute(
        update(_table)
        .where(within(_table, tenant_id), _table.c.id == account_id)
        .values(**_paused(reason, PERSON, now_ms, None))
    )
    return done.rowcount == 1


def pause_by_verdict(connection: Connection, account: Account, reason: str, now_ms: int, resume_ms: int | None) -> bool:
    """By what a server said to this version of the account. False when it was changed or paused meanwhile."""
    done = connection.execute(
        update(_table)
        .where(
            within(_table, account.tenant_id),
            _table.c.id == account.id,
            _table.c.version == account.version,
            _table.c.state == AccountState.READY.value,
        )
        .values(**_paused(reason, VERDICT, now_ms, resume_ms))
    )
    return done.rowcount == 1


def resume(connection: Connection, tenant_id: int, account_id: int) -> bool:
    """False when it was not paused."""
    done = connection.execute(
        update(_table)
        .where(within(_table, tenant_id), _table.c.id == account_id, _table.c.state == AccountState.PAUSED.value)
        .values(**_RESUMED)
    )
    return done.rowcount == 1


def resume_mended(connection: Connection, tenant_id: int, account_id: int) -> bool:
    """After its settings were changed: what a verdict paused gets another try, what a person paused stays paused."""
    done = connection.execute(
        update(_table)
        .where(within(_table, tenant_id), _table.c.id == account_id, _table.c.paused_by == VERDICT)
        .values(**_RESUMED)
    )
    return done.rowcount == 1


def resume_due(connection: Connection, now_ms: int) -> list[int]:
    """Resumes the accounts whose pause was for a time that is over; returns their ids."""
    due = or_(_table.c.resume_ms <= now_ms)
    query = select(_table.c.id).where(_table.c.state == AccountState.PAUSED.value, due)
    ids = [row.id for row in connection.execute(across(query, "a pause ends by the clock, whoever's account it is"))]
    if ids:
        statement = update(_table).where(_table.c.id.in_(ids), due).values(**_RESUMED)
        connection.execute(across(statement, "the accounts just found"))
    return ids
