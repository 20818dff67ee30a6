"""Webhooks, their sealed secrets, how far each has come, and whose turn it is to deliver (a lease with a fence)."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, delete, exists, select, update

from postroom.model.webhook import Progress, Webhook, WebhookState
from postroom.store import feed, tables
from postroom.store.lanes import database_ms
from postroom.store.scope import across, within

__all__ = [
    "SealedSecrets",
    "advance",
    "all_progress",
    "all_sealed",
    "all_webhooks",
    "by_name",
    "create",
    "due",
    "end_leases",
    "fail",
    "get",
    "lease",
    "of_tenant",
    "progress",
    "put_secret",
    "release",
    "remove",
    "reseal",
    "save",
    "secrets_of",
    "wind",
]

_table, _secret, _progress = tables.webhook, tables.webhook_secret, tables.webhook_progress
_feed = tables.feed
_WHY = "the snapshot and the deliveries see all tenants' webhooks"
_FIELDS = tuple(field.name for field in fields(Progress))


class SealedSecrets(NamedTuple):
    """`former` signs as well until `former_until_ms`, after a rotation."""

    webhook_id: int
    tenant_id: int
    sealed: bytes
    former: bytes | None
    former_until_ms: int | None

    def __repr__(self) -> str:
        return f"SealedSecrets(webhook_id={self.webhook_id})"


def _query() -> Select[Any]:
    joined = _table.outerjoin(
        _secret, and_(_secret.c.webhook_id == _table.c.id, _secret.c.tenant_id == _table.c.tenant_id)
    )
    return select(_table, _secret.c.set_ms.label("secret_set_ms")).select_from(joined).order_by(_table.c.id)


def _from_row(row: Row[Any]) -> Webhook:
    return Webhook(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        url=row.url,
        types=tuple(json.loads(row.types)) if row.types else (),
        authority=row.authority,
        state=WebhookState(row.state),
        paused_reason=row.paused_reason,
        paused_by=row.paused_by,
        paused_ms=row.paused_ms,
        has_secret=row.secret_set_ms is not None,
        secret_set_ms=row.secret_set_ms,
        created_ms=row.created_ms,
        version=row.version,
    )


def _stored(webhook: Webhook) -> dict[str, Any]:
    return {
        "name": webhook.name,
        "url": webhook.url,
        "types": json.dumps(webhook.types) if webhook.types else "",
        "authority": webhook.authority,
        "state": webhook.state.value,
        "paused_reason": webhook.paused_reason,
        "paused_by": webhook.paused_by,
        "paused_ms": webhook.paused_ms,
    }


def get(connection: Connection, tenant_id: int, webhook_id: int) -> Webhook | None:
    row = connection.execute(_query().where(within(_table, tenant_id), _table.c.id == webhook_id)).one_or_none()
    return None if row is None else _from_row(row)


def of_tenant(connection: Connection, tenant_id: int) -> list[Webhook]:
    return [_from_row(row) for row in connection.execute(_query().where(within(_table, tenant_id)))]


def by_name(connection: Connection, tenant_id: int, name: str) -> Webhook | None:
    """In whatever case it is written."""
    wanted = name.strip().casefold()
    return next((one for one in of_tenant(connection, tenant_id) if one.name.casefold() == wanted), None)


def all_webhooks(connection: Connection) -> list[Webhook]:
    return [_from_row(row) for row in connection.execute(across(_query(), _WHY))]


def create(connection: Connection, webhook: Webhook, now_ms: int) -> None:
    """It begins with what happens from now on."""
    fixed = {"id": webhook.id, "tenant_id": webhook.tenant_id, "created_ms": webhook.created_ms}
    connection.execute(_table.insert().values(**fixed, version=webhook.version, **_stored(webhook)))
    feed.follow(connection, webhook.tenant_id, now_ms)
    while feed.publish(connection):
        pass  # what happened before has its place, which is before where this one begins
    values = {"webhook_id": webhook.id, "tenant_id": webhook.tenant_id, "position": feed.head(connection)}
    connection.execute(_progress.insert().values(**values))


def save(connection: Connection, webhook: Webhook) -> None:
    """Writes what is set, and whether it is paused. The version grows by one."""
    mine = (within(_table, webhook.tenant_id), _table.c.id == webhook.id)
    connection.execute(update(_table).where(*mine).values(**_stored(webhook), version=_table.c.version + 1))


def remove(connection: Connection, tenant_id: int, webhook_id: int) -> None:
    connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == webhook_id))
    for table in (_secret, _progress, tables.webhook_delivery):
        connection.execute(delete(table).where(within(table, tenant_id), table.c.webhook_id == webhook_id))


# Secrets


def put_secret(
    connection: Connection, webhook: Webhook, sealed: bytes, now_ms: int, by: str, former_until_ms: int | None
) -> None:
    """Replaces the secret; with `former_until_ms` the one before goes on until then."""
    old = secrets_of(connection, webhook.tenant_id, webhook.id)
    former = None if old is None or former_until_ms is None else old.sealed
    mine = (within(_secret, webhook.tenant_id), _secret.c.webhook_id == webhook.id)
    connection.execute(delete(_secret).where(*mine))
    values = {"sealed": sealed, "set_ms": now_ms, "set_by": by, "former": former}
    values["former_until_ms"] = None if former is None else former_until_ms
    connection.execute(_secret.insert().values(webhook_id=webhook.id, tenant_id=webhook.tenant_id, **values))


def secrets_of(connection: Connection, tenant_id: int, webhook_id: int) -> SealedSecrets | None:
    query = select(_secret).where(within(_secret, tenant_id), _secret.c.webhook_id == webhook_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _sealed(row)


def all_sealed(connection: Connection) -> list[SealedSecrets]:
    return [_sealed(row) for row in connection.execute(across(select(_secret), _WHY))]


def _sealed(row: Row[Any]) -> SealedSecrets:
    former = None if row.former is None else bytes(row.former)
    return SealedSecrets(row.webhook_id, row.tenant_id, bytes(row.sealed), former, row.former_until_ms)


def reseal(connection: Connection, old: SealedSecrets, sealed: bytes, former: bytes | None) -> None:
    mine = (within(_secret, old.tenant_id), _secret.c.webhook_id == old.webhook_id)
    connection.execute(update(_secret).where(*mine).values(sealed=sealed, former=former))


# How far it has come


def progress(connection: Connection, tenant_id: int, webhook_id: int) -> Progress:
    query = select(_progress).where(within(_progress, tenant_id), _progress.c.webhook_id == webhook_id)
    row = connection.execute(query).one_or_none()
    return Progress(webhook_id, tenant_id) if row is None else _progress_of(row)


def all_progress(connection: Connection) -> list[Progress]:
    return [_progress_of(row) for row in connection.execute(across(select(_progress), _WHY))]


def _progress_of(row: Row[Any]) -> Progress:
    return Progress(**{name: row._mapping[name] for name in _FIELDS})


def due(connection: Connection, now_ms: int) -> list[Progress]:
    """Webhooks that have something before them, may be tried now, and are in nobody's hand."""
    query = (
        select(_progress)
        .join(_table, and_(_table.c.id == _progress.c.webhook_id, _table.c.tenant_id == _progress.c.tenant_id))
        .where(
            _table.c.state == WebhookState.ACTIVE.value,
            _progress.c.due_ms <= now_ms,
            _progress.c.leased_until_ms <= database_ms(connection),
            exists(
                select(_feed.c.event_id).where(
                    _feed.c.tenant_id == _progress.c.tenant_id,
                    _feed.c.position.is_not(None),
                    _feed.c.position > _progress.c.position,
                )
            ),
        )
        .order_by(_progress.c.answered_ms, _progress.c.webhook_id)
    )
    return [_progress_of(row) for row in connection.execute(across(query, _WHY))]


def lease(connection: Connection, tenant_id: int, webhook_id: int, lease_ms: int, fence: int) -> Progress | None:
    """Takes it for `lease_ms`; None while another holds it, or when it is gone."""
    now = database_ms(connection)
    mine = (within(_progress, tenant_id), _progress.c.webhook_id == webhook_id)
    taken = connection.execute(
        update(_progress)
        .where(*mine, _progress.c.leased_until_ms <= now)
        .values(fence=fence, leased_until_ms=now + lease_ms)
    )
    return progress(connection, tenant_id, webhook_id) if taken.rowcount == 1 else None


def advance(connection: Connection, held: Progress, position: int, status: int, now_ms: int, lease_ms: int) -> bool:
    """Everything up to there is delivered; the lease is prolonged. `status` 0: nothing was sent, it was not wanted.

    False: the lease is lost, somebody else goes on from where he thinks right.
    """
    values: dict[str, Any] = {"position": position, "leased_until_ms": database_ms(connection) + lease_ms}
    if status:
        values |= {"tries": 0, "failing_ms": None, "answered_ms": now_ms, "status": status, "fault": ""}
    return _held(connection, held, **values)


def fail(connection: Connection, held: Progress, status: int, fault: str, now_ms: int, due_ms: int) -> bool:
    """The next one was not taken; the lease ends. False as for `advance`."""
    since = now_ms if held.failing_ms is None else held.failing_ms
    values = {"tries": held.tries + 1, "failing_ms": since, "answered_ms": now_ms, "status": status, "fault": fault}
    return _held(connection, held, **values, due_ms=due_ms, leased_until_ms=0)


def release(connection: Connection, held: Progress) -> None:
    _held(connection, held, leased_until_ms=0)


def wind(connection: Connection, webhook: Webhook, position: int | None) -> None:
    """From there on it is delivered (again), now: what went wrong is forgotten, whoever has it in hand loses it.

    None: from where it was.
    """
    known = progress(connection, webhook.tenant_id, webhook.id)
    wound = replace(known, position=known.position if position is None else position)
    mine = (within(_progress, webhook.tenant_id), _progress.c.webhook_id == webhook.id)
    values = {"position": wound.position, "tries": 0, "failing_ms": None, "due_ms": 0, "fence": 0, "leased_until_ms": 0}
    connection.execute(update(_progress).where(*mine).values(**values))


def end_leases(connection: Connection) -> None:
    """Only for a database that one process owns, at its start."""
    connection.execute(across(update(_progress).values(leased_until_ms=0), _WHY))


def _held(connection: Connection, held: Progress, **values: Any) -> bool:
    mine = (within(_progress, held.tenant_id), _progress.c.webhook_id == held.webhook_id)
    return (
        connection.execute(update(_progress).where(*mine, _progress.c.fence == held.fence).values(**values)).rowcount
        == 1
    )
