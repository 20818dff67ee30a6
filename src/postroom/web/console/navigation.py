"""What stands in the console's navigation, and for whom: a page that may not be seen is not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from postroom.web.console.standing import mark
from postroom.web.console.words import N_

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["Entry", "Group", "Placed", "navigation"]


class Entry(NamedTuple):
    """`needs`: the right to see it. `own`: it belongs to the installation and is not shown within a tenant. `also`:
    what stands under its tabs.
    """

    path: str
    text: str
    icon: str
    needs: Scope | None = None
    own: bool = False
    also: tuple[str, ...] = ()


class Group(NamedTuple):
    title: str
    entries: tuple[Entry, ...]


class Placed(NamedTuple):
    """An entry as this page shows it. `mark`: bad or warn where something needs somebody, else ""."""

    url: str
    text: str
    icon: str
    current: bool
    mark: str = ""


GROUPS = (
    Group(
        "",
        (
            Entry("/", N_("Overview"), "overview"),
            Entry("/checks", N_("Settings check"), "checks", Scope.SETTINGS_READ),
        ),
    ),
    Group(
        N_("Mail"),
        (
            Entry("/log", N_("Mailing log"), "log", Scope.READ, also=("/jobs", "/filters")),
            Entry("/silent", N_("Silent mailbox"), "silent", Scope.READ),
            Entry("/queue", N_("Queue"), "queue", Scope.READ),
            Entry("/incoming", N_("Incoming"), "incoming", Scope.READ),
        ),
    ),
    Group(
        N_("Recipients"),
        (
            Entry("/kinds", N_("Kinds of mail"), "kinds", Scope.SETTINGS_READ),
            Entry("/templates", N_("Templates"), "templates", Scope.SETTINGS_READ, also=("/layouts",)),
            Entry("/recipients", N_("Recipients"), "recipients", Scope.RECIPIENTS, also=("/suppressions",)),
        ),
    ),
    Group(
        N_("Set-up"),
        (
            Entry("/outgoing", N_("Outgoing mail"), "outgoing", Scope.SETTINGS_READ, also=("/settings-file",)),
            Entry("/accounts", N_("Accounts"), "accounts", Scope.SETTINGS_READ),
            Entry("/senders", N_("Senders"), "senders", Scope.SETTINGS_READ, also=("/proofs", "/dkim")),
            Entry("/connectors", N_("Connectors"), "connectors", Scope.SETTINGS_READ),
            Entry("/mailboxes", N_("Mailboxes"), "mailboxes", Scope.SETTINGS_READ),
            Entry("/test", N_("Test"), "test", Scope.SETTINGS_WRITE),
        ),
    ),
    Group(
        N_("Programs and people"),
        (
            Entry("/applications", N_("Applications"), "applications", Scope.SETTINGS_READ),
            Entry("/webhooks", N_("Webhooks"), "webhooks", Scope.SETTINGS_READ),
            Entry("/tenants", N_("Tenants"), "tenants", Scope.TENANTS, own=True),
            Entry("/users", N_("Users"), "users", Scope.USERS, also=("/roles", "/providers")),
            Entry("/audit", N_("Audit trail"), "audit", Scope.AUDIT),
        ),
    ),
)


def navigation(visit: Visit) -> list[tuple[str, list[Placed]]]:
    """The groups of this visit, without what may not be seen and what is not there."""
    offered = visit.request.scope["postroom.paths"]
    shown = []
    for group in GROUPS:
        entries = [one for one in group.entries if one.path in offered and _may_see(visit, one)]
        placed = [_placed(visit, one) for one in entries]
        if placed:
            shown.append((visit.say(group.title) if group.title else "", placed))
    return shown


def _placed(visit: Visit, entry: Entry) -> Placed:
    marked = mark(visit) if entry.path == "/checks" else ""
    return Placed(visit.url(entry.path), visit.say(entry.text), entry.icon, _is_at(visit, entry), marked)


def _may_see(visit: Visit, entry: Entry) -> bool:
    if entry.own and not visit.tenant_id == visit.actor.tenant_id == INSTALLATION:
        return False
    return entry.needs is None or visit.may(entry.needs)


def _is_at(visit: Visit, entry: Entry) -> bool:
    path = visit.path
    return path == "/" == entry.path or any(
        path == one or path.startswith(f"{one}/") for one in (entry.path, *entry.also) if one != "/"
    )
