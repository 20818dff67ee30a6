"""Who signs a message (DKIM): the keys of whoever owns its From address, for the domain that From has when it leaves.

Rules kept here:

- Only the owner's keys sign. A tenant may add any address as its sender, also one of the installation's domain; it
  gets that domain's signature only where the address itself is the installation's (its sender, its account's own).
- The domain of the signature is that of From, or one above it for which the owner has shown a record: both are aligned
  (RFC 9989, 4.4). The nearest one signs, with all its active keys: one RSA and one Ed25519, as a rule.
- A key signs while it is active: its record has been seen in the DNS (see `settled`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum

from postroom.addresses import Address
from postroom.model.account import Account
from postroom.model.dkim import DkimAlgorithm, DkimKey, DkimState
from postroom.policy.snapshot import Snapshot, own_address
from postroom.policy.way import Route

__all__ = ["PATIENCE_MS", "STAY_MS", "Sight", "matching", "owner_of", "settled", "signers", "unsigned_fields"]

PATIENCE_MS = 3_600_000
"""How long a key signs on although its record is gone: resolvers remember it about as long."""
STAY_MS = 7 * 24 * 3_600_000
"""How long a retired key's record should stay: mail that it signed is tried for five days, and read later."""

_ORDER = (DkimAlgorithm.RSA, DkimAlgorithm.ED25519)
_REPLACED = {"amazonaws.com": frozenset({"date", "message-id"})}
"""Fields that servers of these domains replace: docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-manual
(as of 2026-11) says not to sign them."""


class Sight(Enum):
    """What a look for a key's record showed."""

    RIGHT = "right"
    WRONG = "wrong"
    """There is none, or another one: certain."""
    UNKNOWN = "unknown"
    """No name server said anything."""


def signers(snapshot: Snapshot, way: Route) -> tuple[DkimKey, ...]:
    """The keys that sign what goes this way; none where nobody can."""
    if not snapshot.dkim_keys:
        return ()
    owner = owner_of(snapshot, way)
    if owner is None:
        return ()
    key = ("signers", owner, way.sender.domain)
    found: tuple[DkimKey, ...] = snapshot.remembered(
        key, lambda: matching((one for one in snapshot.dkim_keys.values() if one.tenant_id == owner), way.sender.domain)
    )
    return found


def owner_of(snapshot: Snapshot, way: Route) -> int | None:
    """The tenant whose address From is."""
    account = way.effective.account.value
    if way.effective.wanted is not None:
        return None if account is None else account.tenant_id
    if way.sender_id is not None:
        row = snapshot.senders.get(way.sender_id)
        return None if row is None else row.tenant_id
    if account is not None and _is_own(account, way.sender):
        return account.tenant_id
    return None if snapshot.account_at(way.tenant_id, way.sender) is None else way.tenant_id


def _is_own(account: Account, sender: Address) -> bool:
    own = own_address(account)
    return own is not None and own.key == sender.key


def matching(keys: Iterable[DkimKey], domain: str) -> tuple[DkimKey, ...]:
    """Of one owner's keys those that sign for a domain: the newest active one of each algorithm."""
    active = [key for key in keys if key.signs]
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        name = ".".join(labels[start:])
        mine = [key for key in active if key.domain == name]
        newest = {key.algorithm: key for key in sorted(mine, key=lambda key: (key.activated_ms or 0, key.id))}
        if newest:
            return tuple(newest[algorithm] for algorithm in _ORDER if algorithm in newest)
    return ()


def unsigned_fields(account: Account | None) -> frozenset[str]:
    """Fields that this account's server replaces, so that signing them would break the signature."""
    host = "" if account is None else account.host
    return next((names for domain, names in _REPLACED.items() if host.endswith(f".{domain}")), frozenset())


def settled(key: DkimKey, sight: Sight, now_ms: int) -> DkimKey:
    """The key after a look for its record. An unanswered question changes nothing.

    A record that is there makes the key sign. One that is gone does not stop it at once, because a name server may be
    wrong for a moment; it does once it has been gone for `PATIENCE_MS`.
    """
    if sight is Sight.UNKNOWN or key.state is DkimState.RETIRED:
        return key
    if sight is Sight.RIGHT:
        begun = now_ms if key.activated_ms is None else key.activated_ms
        return replace(key, state=DkimState.ACTIVE, absent_since_ms=None, activated_ms=begun)
    if key.state is not DkimState.ACTIVE:
        return key
    if key.absent_since_ms is None:
        return replace(key, absent_since_ms=now_ms)
    if now_ms - key.absent_since_ms < PATIENCE_MS:
        return key
    return replace(key, state=DkimState.MISSING)
