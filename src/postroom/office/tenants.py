"""The office's verbs for the installation's and the tenants' own settings."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault, NotFound
from postroom.model.account import Account
from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION, Tenant, TenantSettings
from postroom.office import fields
from postroom.office.changes import Again, Changes, Ref, number_of, require, tenant_for
from postroom.office.fields import Reading
from postroom.office.routing import DefaultMove, free_held, refuse_unproven
from postroom.office.tenant_values import read
from postroom.store import accounts, senders, tenants

__all__ = ["TenantVerbs"]

_OF_TENANT = frozenset({"name", "suspended"})


class TenantVerbs(Changes):
    def tenants(self, actor: Actor) -> Future[list[Tenant]]:
        """All tenants for those whose rights are installation-wide, his own for everybody else."""
        require(actor, Scope.SETTINGS_READ)
        if actor.tenant_id == INSTALLATION and (actor.everywhere or actor.may(Scope.TENANTS)):
            return self._store.read(tenants.all_tenants)
        return self._store.read(lambda c: [self._existing(c, actor.tenant_id)])

    def tenant(self, actor: Actor, tenant_id: int | None = None) -> Future[Tenant]:
        """What is set for the tenant itself; `snapshot.settings` has the effective values and where they come from.
        Also one that is deleted while its log is kept.
        """
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> Tenant:
            return tenants.get(connection, number) or self._existing(connection, number)

        return self._store.read(work)

    def create_tenant(self, actor: Actor, name: str) -> Future[Tenant]:
        """For those who manage all tenants. The new one inherits everything. Conflict when the name is taken."""
        require(actor, Scope.TENANTS)
        if actor.tenant_id != INSTALLATION:
            raise NotFound("There are no tenants below this one.")
        reading = Reading()
        reading.take("name", fields.name, name)
        wanted: str = reading.close()["name"]
        moment, number = now_ms(), self._store.ids.next()

        def work(connection: Connection) -> Tenant:
            if tenants.by_name(connection, wanted) is not None:
                raise Conflict("There is a tenant of this name already.")
            tenant = Tenant(number, INSTALLATION, wanted, TenantSettings(), created_ms=moment)
            tenants.create(connection, tenant)
            return tenant

        return self._change(work, actor)

    def change_tenant(
        self, actor: Actor, changes: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[Tenant]:
        """Sets fields of TenantSettings, `name` and `suspended`; None means inherited again.

        `default_account_id` and `default_sender_id` take an id, a name or an address, and waiting mail follows the
        default account. Raises BadInput with every fault, also for values that are not available yet.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        reading = Reading()
        values = read(changes, reading)
        self._check_rights(actor, number, values, reading)
        moving: list[DefaultMove] = []
        moment = now_ms()

        def work(connection: Connection) -> Tenant | Again:
            tenant = self._existing(connection, number)
            settled = self._resolved(connection, number, values, reading)
            if "default_account_id" in settled:
                chosen = settled["default_account_id"]
                account = None if chosen is None or moving else accounts.get(connection, number, chosen)
                if account is not None:
                    refuse_unproven(connection, tenant, account)
                if not moving:
                    moving.append(DefaultMove(number, settled["default_account_id"], moment, self._store.ids.next))
                again = moving[0].step(connection)
                if again is not None:
                    return again
            plain = {field: value for field, value in settled.items() if field not in _OF_TENANT}
            named = {field: value for field, value in settled.items() if field in _OF_TENANT}
            _check_name(connection, tenant, named)
            tenants.save(connection, replace(tenant, **named, settings=replace(tenant.settings, **plain)))
            changed = self._existing(connection, number)
            return free_held(connection, changed, moment, self._store.ids.next) or changed

        return self._change(work, actor)

    @staticmethod
    def _check_rights(actor: Actor, number: int, values: Mapping[str, Any], reading: Reading) -> None:
        if "suspended" not in values:
            return
        if number == INSTALLATION:
            reading.fault("suspended", "can't be set for the installation itself.", "Set its mode to disabled.")
        elif actor.tenant_id != INSTALLATION or not actor.may(Scope.TENANTS):
            reading.fault("suspended", "is set by the installation's administrator only.", "Ask there.")

    @staticmethod
    def _resolved(connection: Connection, tenant_id: int, values: Mapping[str, Any], early: Reading) -> dict[str, Any]:
        """References as numbers. Raises BadInput with the faults found before and here."""
        reading = Reading()
        reading.faults.extend(early.faults)
        settled = dict(values)
        account_ref, sender_ref = values.get("default_account_id"), values.get("default_sender_id")
        if account_ref is not None:
            account_id = find_account_number(connection, tenant_id, account_ref)
            if account_id is None:
                reading.fault("default_account_id", "names no account of this tenant.", "Give its id or its name.")
            settled["default_account_id"] = account_id
        if sender_ref is not None:
            sender_id = find_sender_number(connection, tenant_id, sender_ref)
            if sender_id is None:
                reading.fault("default_sender_id", "names no sender of this tenant.", "Give its id or its address.")
            settled["default_sender_id"] = sender_id
        if reading.faults:
            raise BadInput(reading.faults)
        return settled


def _check_name(connection: Connection, tenant: Tenant, named: Mapping[str, Any]) -> None:
    other = tenants.by_name(connection, named["name"]) if "name" in named else None
    if other is not None and other.id != tenant.id:
        raise BadInput([Fault("name", "is the name of another tenant.", "Choose another name.")])


def find_account_number(connection: Connection, tenant_id: int, ref: Ref) -> int | None:
    """The number of the tenant's account that is meant, by id or name."""
    number = number_of("a", ref)
    found = accounts.get(connection, tenant_id, number) if number is not None else None
    if found is None and isinstance(ref, str):
        found = account_named(connection, tenant_id, ref)
    return None if found is None else found.id


def account_named(connection: Connection, tenant_id: int, name: str) -> Account | None:
    """By its name, in whatever case it is written: no two accounts of a tenant differ in case only."""
    wanted = name.strip().casefold()
    return next((one for one in accounts.of_tenant(connection, tenant_id) if one.name.casefold() == wanted), None)


def find_sender_number(connection: Connection, tenant_id: int, ref: Ref) -> int | None:
    """The number of the tenant's sender that is meant, by id or address."""
    number = number_of("s", ref)
    found = senders.get(connection, tenant_id, number) if number is not None else None
    if found is None and isinstance(ref, str):
        found = senders.by_address(connection, tenant_id, ref)
    return None if found is None else found.id
