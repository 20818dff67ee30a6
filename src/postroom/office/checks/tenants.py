"""Tenants and connectors: settings that keep mail from leaving or send it elsewhere, ways that do not work."""

from __future__ import annotations

from collections.abc import Iterator

from postroom.ids import encode
from postroom.model.problem import Finding
from postroom.model.tenant import INSTALLATION, Mode, Tenant
from postroom.office.checks.circumstances import Circumstances
from postroom.policy.snapshot import Snapshot

__all__ = ["look", "look_at_connectors"]

_MODES = {Mode.SILENT: "mode-silent", Mode.DISABLED: "mode-disabled"}


def look(at: Circumstances) -> Iterator[Finding]:
    """What a tenant inherits is told of the one that set it."""
    for number in at.tenants:
        tenant = at.snapshot.tenants[number]
        if tenant.suspended:
            continue
        if _lacks_account(at.snapshot, number) and not (
            number != INSTALLATION and _lacks_account(at.snapshot, INSTALLATION)
        ):
            yield Finding("no-default-account", number)
        yield from _own(tenant)


def _lacks_account(snapshot: Snapshot, tenant_id: int) -> bool:
    return snapshot.settings(tenant_id).mode.value is Mode.SMTP and snapshot.account_for(tenant_id) is None


def _own(tenant: Tenant) -> Iterator[Finding]:
    own = tenant.settings
    if own.mode in _MODES:
        yield Finding(_MODES[own.mode], tenant.id)
    if own.guard_redirect:
        yield Finding("guard-redirects", tenant.id, values={"redirect": own.guard_redirect})
    if own.guard_allow is not None:
        yield Finding("guard-allows", tenant.id, values={"allowed": ", ".join(own.guard_allow) or "-"})


def look_at_connectors(at: Circumstances) -> Iterator[Finding]:
    there = set(at.tenants)
    for connector in at.snapshot.connectors.values():
        if connector.tenant_id not in there:
            continue
        needs, trouble = at.ways(at.connection, connector)
        subject, tenant_id = encode("x", connector.id), connector.tenant_id
        if needs:
            yield Finding("connector-incomplete", tenant_id, subject, {"name": connector.name, "why": needs})
        elif trouble:
            yield Finding("connector-trouble", tenant_id, subject, {"name": connector.name, "why": trouble})
