"""Who is written to about problems, and whether anything can take the letter."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from postroom.model.application import Scope
from postroom.model.person import User
from postroom.model.problem import Finding
from postroom.model.tenant import INSTALLATION, Mode
from postroom.office.checks.circumstances import Circumstances
from postroom.office.roles import own_roles
from postroom.policy.rights import rights_of
from postroom.policy.snapshot import Snapshot
from postroom.store import problems, users

__all__ = ["addresses_of", "look"]

_LEAVES = frozenset({Mode.SMTP, Mode.NATIVE})


def addresses_of(connection: Connection, snapshot: Snapshot, tenant_id: int) -> list[str]:
    """Those that were set, else the users who may manage mail settings; of a tenant with none, the installation's."""
    chosen = snapshot.settings(tenant_id).alarm_to.value
    if chosen:
        return list(chosen)
    found = [one.email for one in _managers(connection, tenant_id)]
    if found or tenant_id == INSTALLATION:
        return sorted(set(found))
    return addresses_of(connection, snapshot, INSTALLATION)


def _managers(connection: Connection, tenant_id: int) -> list[User]:
    own = own_roles(connection, tenant_id)
    known = [one for one in users.of_tenant(connection, tenant_id) if one.email and one.deactivated_ms is None]
    return [one for one in known if {Scope.ADMIN, Scope.SETTINGS_WRITE} & rights_of(one.roles, own)]


def look(at: Circumstances) -> Iterator[Finding]:
    """Where nothing leaves, letters about problems are not expected either."""
    leaves = at.snapshot.settings(INSTALLATION).mode.value in _LEAVES
    if leaves and not addresses_of(at.connection, at.snapshot, INSTALLATION):
        yield Finding("alarm-has-no-reader", INSTALLATION)
    there = set(at.tenants)
    for alarm in problems.troubled_alarms(at.connection):
        if alarm.tenant_id in there:
            yield Finding(alarm.trouble, alarm.tenant_id)
