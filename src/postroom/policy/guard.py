"""The non-production guard: what keeps the mail of a test system from real people.

Two settings, together or alone. The *allow-list* names addresses, or whole domains as `@example.org`: these get their
mail. Everybody else's goes to the *redirect* address, once a message however many there were; without one it is
silenced: kept, readable, and released by a person if it was wanted after all. What a person releases, or sends to an
address he typed, passes: the guard is against programs that do not know where they run.

Pure. The bytes of a message are not changed, so a tester sees what the real recipients would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from postroom.addresses import Address, BadAddress
from postroom.model.message import RecipientRole
from postroom.policy.snapshot import Snapshot
from postroom.policy.way import Routed

__all__ = ["Guard", "Guarded", "guard_of"]

Recipients = list[tuple[RecipientRole, Address]]
_PASSES = frozenset({Routed.RELEASED, Routed.TEST})


class Guarded(NamedTuple):
    """Who gets the message now; `kept` are the numbers of those whose copy stays here; `instead_of` were redirected."""

    recipients: Recipients
    kept: frozenset[int] = frozenset()
    instead_of: tuple[str, ...] = ()


class Guard:
    """One tenant's guard. `allows` is quick: it is asked again for each message before it leaves."""

    def __init__(self, redirect: str | None, allow: Sequence[str]) -> None:
        self._redirect = _parsed(redirect)
        self._domains = frozenset(entry[1:].lower() for entry in allow if entry.startswith("@"))
        parsed = [_parsed(entry) for entry in allow if not entry.startswith("@")]
        self._addresses = frozenset(address.key for address in parsed if address is not None)

    def allows(self, address: Address) -> bool:
        if self._redirect is not None and address.key == self._redirect.key:
            return True
        return address.domain in self._domains or address.key in self._addresses

    def apply(self, recipients: Recipients) -> Guarded:
        stopped = [n for n, (_, address) in enumerate(recipients) if not self.allows(address)]
        if not stopped:
            return Guarded(recipients)
        if self._redirect is None:
            return Guarded(recipients, frozenset(stopped))
        allowed = [entry for n, entry in enumerate(recipients) if n not in set(stopped)]
        if all(address.key != self._redirect.key for _, address in allowed):
            allowed.append((RecipientRole.TO, self._redirect))
        return Guarded(allowed, frozenset(), tuple(recipients[n][1].spec for n in stopped))


def guard_of(snapshot: Snapshot, tenant_id: int, routed: str) -> Guard | None:
    """The guard that stands before mail of this tenant; None when there is none, or when a person sent it himself."""
    settings = snapshot.settings(tenant_id)
    redirect, allow = settings.guard_redirect.value, settings.guard_allow.value
    if routed in _PASSES or (not redirect and allow is None):
        return None
    found: Guard = snapshot.remembered(("guard", tenant_id), lambda: Guard(redirect, allow or ()))
    return found


def _parsed(text: str | None) -> Address | None:
    if not text:
        return None
    try:
        return Address.parse(text)
    except BadAddress:
        return None
