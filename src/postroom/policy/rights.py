"""Rights of people and keys: the ready roles, what a set of roles may do, and who may give which right to whom.

Rules it keeps: nobody gives what he does not have, neither to a user nor to a key; nobody changes, deactivates or lets
in again somebody who may do more than he himself. The one exception is the right to send, which belongs to
applications and to no role: who manages applications gives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from postroom.model.application import Scope
from postroom.model.person import Role

__all__ = ["READY", "SENTENCES", "beyond", "rights_of"]

SENTENCES: Mapping[Scope, str] = MappingProxyType(
    {
        Scope.SEND: "Hand over messages.",
        Scope.READ: "See messages, their course and the queue, without contents.",
        Scope.CONTENT: "See the contents of messages.",
        Scope.ACT: "Act on messages: release, resend, cancel, hold.",
        Scope.SETTINGS_READ: "See settings, accounts, senders, applications and keys.",
        Scope.SETTINGS_WRITE: "Manage mail settings, accounts and senders.",
        Scope.APPLICATIONS: "Manage applications and their keys.",
        Scope.RECIPIENTS: "See and set what recipients choose, and who is suppressed.",
        Scope.USERS: "Manage users and roles.",
        Scope.TENANTS: "Manage tenants.",
        Scope.AUDIT: "See the audit trail.",
        Scope.ADMIN: "Everything.",
    }
)
"""Permission → what it lets do, in words."""


def _ready(name: str, sentence: str, *scopes: Scope) -> Role:
    return Role(name, frozenset(scopes), sentence=sentence)


READY: Mapping[str, Role] = MappingProxyType(
    {
        role.name: role
        for role in (
            _ready("administrator", "May do everything.", Scope.ADMIN),
            _ready(
                "mail-administrator",
                "Manages how mail leaves and who may hand it over, and sees what became of it; no contents, no users.",
                Scope.SETTINGS_READ,
                Scope.SETTINGS_WRITE,
                Scope.APPLICATIONS,
                Scope.RECIPIENTS,
                Scope.READ,
            ),
            _ready(
                "support",
                "Sees messages and their contents, and acts on them.",
                Scope.READ,
                Scope.CONTENT,
                Scope.ACT,
                Scope.RECIPIENTS,
            ),
            _ready("reader", "Sees messages and what became of them, without their contents.", Scope.READ),
            _ready("auditor", "Sees settings and the audit trail.", Scope.SETTINGS_READ, Scope.AUDIT),
        )
    }
)
"""The roles that are there from the start, by name."""


def rights_of(roles: Iterable[str], own: Mapping[str, Role]) -> frozenset[Scope]:
    """What these roles may do together. `own`: the tenant's own roles by id; one that is gone gives nothing."""
    found: frozenset[Scope] = frozenset()
    for name in roles:
        role = READY.get(name) or own.get(name)
        if role is not None:
            found |= role.scopes
    return found


def beyond(held: frozenset[Scope], wanted: Iterable[Scope], *, sending: bool = False) -> frozenset[Scope]:
    """Which of the wanted rights are more than `held`. With `sending`, the right to send may be given all the same."""
    if Scope.ADMIN in held:
        return frozenset()
    return frozenset(wanted) - held - ({Scope.SEND} if sending else frozenset())
