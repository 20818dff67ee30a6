"""Moving the default, and the mail that follows it.

Steps of a change, run inside its transaction: they write settings at once and move mail in batches, answering AGAIN
until all is moved. Mail that a person or another rule placed elsewhere stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from postroom.errors import Conflict
from postroom.model.account import Account
from postroom.model.tenant import INSTALLATION, Mode, Tenant
from postroom.office.changes import AGAIN, Again
from postroom.policy.inherit import chain, inherited
from postroom.policy.snapshot import NATIVE
from postroom.policy.way import Reason
from postroom.sentence import Sentence
from postroom.store import queue, tenants

__all__ = ["BATCH", "DefaultMove", "free_held", "refuse_unproven", "unproven"]

BATCH = 5_000
"""Recipients that one transaction moves at most."""


class DefaultMove:
    """Makes an account (or none: inherited again) a tenant's default. One object a change; `step` until it is None."""

    def __init__(self, tenant_id: int, account_id: int | None, now_ms: int, next_id: Callable[[], int]) -> None:
        self._tenant_id = tenant_id
        self._account_id = account_id
        self._now_ms = now_ms
        self._next_id = next_id
        self._left: set[int] = set()

    def step(self, connection: Connection) -> Again | None:
        every = {tenant.id: tenant for tenant in tenants.all_tenants(connection)}
        tenant = every[self._tenant_id]
        old = _effective(tenant, every)
        if tenant.settings.default_account_id != self._account_id:
            tenant = replace(tenant, settings=replace(tenant.settings, default_account_id=self._account_id))
            tenants.save(connection, tenant)
            every[tenant.id] = tenant
        new = _effective(tenant, every)
        if new is None:
            return None
        if old is not None and old != new:
            self._left.add(old)
        followers = _followers(tenant, every)
        for account_id in sorted(self._left - {new}):
            if queue.follow_default(connection, followers, account_id, new, BATCH) >= BATCH:
                return AGAIN
        more = _release(connection, followers, Reason.NO_ACCOUNT, new, self._now_ms, self._next_id)
        return AGAIN if more else None


def unproven(connection: Connection, tenant: Tenant, account: Account) -> bool:
    """Whether the account may not become the tenant's default yet: mail leaves through the installation's default so
    far, and nothing has proved that this very server takes it.
    """
    if tenant.id == INSTALLATION or tenant.settings.default_account_id is not None or account.tested_ms is not None:
        return False
    installation = tenants.get(connection, INSTALLATION)
    return installation is not None and installation.settings.default_account_id is not None


def refuse_unproven(connection: Connection, tenant: Tenant, account: Account) -> None:
    """Raises Conflict for such an account, with what to do about it."""
    if unproven(connection, tenant, account):
        raise Conflict(
            Sentence(
                "No test message has left through {account} yet, with this very server and login. Send one "
                "(`account test`): when the server takes it, the account becomes the default by itself. Or insist "
                "with `force`.",
                account=account.name,
            ),
            account=account.name,
        )


def free_held(connection: Connection, tenant: Tenant, now_ms: int, next_id: Callable[[], int]) -> Again | None:
    """Queues what was held only for settings that hold no more: a suspension that ended, the native mailer chosen.

    Run after each change of a tenant; what is held for another reason stays.
    """
    every = {one.id: one for one in tenants.all_tenants(connection)}
    heirs = [one.id for one in every.values() if tenant.id in {above.id for above in chain(every, one.id)}]
    active = [one for one in heirs if not any(above.suspended for above in chain(every, one))]
    if _release(connection, active, Reason.TENANT_SUSPENDED, None, now_ms, next_id):
        return AGAIN
    native = [one for one in active if inherited(chain(every, one)).mode.value is Mode.NATIVE]
    return AGAIN if _release(connection, native, Reason.NO_ACCOUNT, NATIVE, now_ms, next_id) else None


def _release(
    connection: Connection,
    whose: list[int],
    reason: str,
    account_id: int | None,
    now_ms: int,
    next_id: Callable[[], int],
) -> bool:
    """True when there is more."""
    if not whose:
        return False
    return queue.release_held(connection, whose, reason, now_ms, next_id, BATCH, account_id=account_id) >= BATCH


def _effective(tenant: Tenant, every: dict[int, Tenant]) -> int | None:
    """The account mail of this tenant goes through unless something else is said."""
    own = tenant.settings.default_account_id
    if own is not None or tenant.id == INSTALLATION:
        return own
    return every[INSTALLATION].settings.default_account_id


def _followers(tenant: Tenant, every: dict[int, Tenant]) -> list[int]:
    """The tenants whose default this is: the tenant itself, and for the installation all that inherit it."""
    if tenant.id != INSTALLATION:
        return [tenant.id]
    return [one.id for one in every.values() if one.id == INSTALLATION or one.settings.default_account_id is None]
