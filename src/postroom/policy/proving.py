"""Which sender is to be proven over which account, what an answer proves, and when it is asked again.

Rules it keeps:
- Only what is certain counts. The server took a whole message of this sender: proven. It refused the sender himself, in
  the words by which his mail would be held: refused. Anything else (no connection, a full mailbox, "later", an envelope
  that was taken and not sent) proves nothing, and what was known before stays.
- A proof is of the settings it was made with (`basis`): after a change of server, login or password it is untested.
- Probed are the ways that mail takes by itself: each sender over his own account or the default one, and over the
  account that stands in for it. Somebody may ask for any other.

Pure; time and chance are arguments, times are ms UTC.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from postroom.model.account import Account, AccountState
from postroom.model.attempt import Action, Result, Verdict
from postroom.model.proof import Pair, ProofState
from postroom.model.tenant import Mode
from postroom.policy.snapshot import NATIVE, Snapshot, own_address

__all__ = [
    "DAY_MS",
    "SETTLE_MS",
    "Answer",
    "account_of",
    "again_ms",
    "answer_of",
    "basis_of",
    "first_due_ms",
    "in_use",
    "may_be_probed",
    "pairs_of",
    "used",
    "wanted",
]

DAY_MS = 86_400_000
SETTLE_MS = 60_000
"""After a change, so that a form that is saved three times is probed once."""
_SPREAD_MS = 600_000
_LATER_MS = (15 * 60_000, 3_600_000, 4 * 3_600_000, 12 * 3_600_000, DAY_MS)

_REFUSED_MS = 3_600_000

_BASIS = (
    *("host", "port", "encryption", "login", "user", "realm", "service_principal", "credential_source"),
    *("credential_path", "secret_reference", "oauth2_provider", "oauth2_flow", "oauth2_tenant", "oauth2_client_id"),
    *("oauth2_scope", "oauth2_token_url", "connector_id", "ehlo_name", "rewrite_from", "secret_set_ms", "granted_ms"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one answer proves: `state` is None when nothing, and `words` then say why."""

    state: ProofState | None
    words: str
    diagnosis: str = ""


def basis_of(account: Account) -> str:
    """What of the account a proof rests on, as a short text that differs when any of it does."""
    facts = "\0".join(str(getattr(account, name)) for name in _BASIS)
    return hashlib.sha256(facts.encode("utf-8", "replace")).hexdigest()[:32]


def answer_of(result: Result, verdict: Verdict, *, whole: bool) -> Answer:
    """`whole`: a message with its content was sent, and not only its envelope."""
    words = result.words[:1_000]
    if result.delivered and whole:
        return Answer(ProofState.PROVEN, words, "")
    if verdict.action is Action.HOLD_SENDER:
        return Answer(ProofState.REFUSED, words, verdict.diagnosis)
    if result.delivered:
        return Answer(None, "The server took the sender's name. Whether it lets a whole message pass, only a message "
                      "shows: give the account a probe address.")  # fmt: skip
    return Answer(None, f"{verdict.title} {words}".strip(), verdict.diagnosis)


# -- which ------------------------------------------------------------------------------------------------------------


def wanted(snapshot: Snapshot) -> dict[Pair, Account]:
    """The pairs that are probed by themselves, now."""
    return {pair: account for pair, account in in_use(snapshot) if may_be_probed(account)}


def in_use(snapshot: Snapshot) -> Iterator[tuple[Pair, Account]]:
    """The ways that anybody's mail takes by itself, as far as mail of theirs is to leave at all."""
    if snapshot.clone is not None:
        return
    for tenant in snapshot.tenants.values():
        if tenant.suspended or tenant.deleted_ms is not None:
            continue
        if snapshot.settings(tenant.id).mode.value is Mode.SMTP:
            yield from used(snapshot, tenant.id)


def used(snapshot: Snapshot, tenant_id: int) -> Iterator[tuple[Pair, Account]]:
    """The ways that a tenant's mail takes by itself, whether it may leave now or not."""
    for address, account_id in _senders(snapshot, tenant_id):
        account = account_of(snapshot, tenant_id, account_id)
        if account is None:
            continue
        yield Pair(tenant_id, address, account.id), account
        deputy = snapshot.may_use(tenant_id, account.fallback_account_id)
        if deputy is not None:
            yield Pair(tenant_id, address, deputy.id), deputy


def _senders(snapshot: Snapshot, tenant_id: int) -> Iterator[tuple[str, int | None]]:
    """The addresses of a tenant's mail, each with the account it leaves through (None: the default one)."""
    seen = set()
    for sender in snapshot.senders.values():
        address = snapshot.addresses.get(sender.id)
        if sender.tenant_id == tenant_id and address is not None:
            seen.add(address.spec)
            yield address.spec, sender.account_id
    for account in snapshot.accounts.values():
        own = own_address(account)
        if account.tenant_id == tenant_id and own is not None and own.spec not in seen:
            seen.add(own.spec)
            yield own.spec, account.id


def pairs_of(snapshot: Snapshot, tenant_id: int) -> list[Pair]:
    """The whole matrix of a tenant: each of its addresses over each account that it could leave through."""
    usable = [account for account in snapshot.accounts.values() if account.tenant_id == tenant_id]
    default = account_of(snapshot, tenant_id, None)
    if default is not None and default not in usable:
        usable.append(default)
    addresses = [address for address, _ in _senders(snapshot, tenant_id)]
    return [Pair(tenant_id, address, account.id) for address in addresses for account in usable]


def account_of(snapshot: Snapshot, tenant_id: int, account_id: int | None) -> Account | None:
    """The account that mail leaves through when its sender has this one; None when there is none that can be used."""
    number = snapshot.account_for(tenant_id) if account_id is None else account_id
    return None if number == NATIVE else snapshot.may_use(tenant_id, number)


def may_be_probed(account: Account) -> bool:
    """Whether a connection is worth making now, and the sender's name would stand in it."""
    ready = account.enabled and account.state is AccountState.READY and not account.rewrite_from
    if account.login == "oauth2" and account.oauth2_flow.needs_consent:
        return ready and account.granted_ms is not None
    return ready and (account.has_secret or not account.needs_secret)


# -- when -------------------------------------------------------------------------------------------------------------


def first_due_ms(pair: Pair, now_ms: int, *, many: bool, settle_ms: int = SETTLE_MS) -> int:
    """After a change: soon; many pairs spread over some minutes, each always by as much."""
    spread = zlib.crc32(f"{pair.address}\0{pair.account_id}".encode("utf-8", "replace")) % _SPREAD_MS if many else 0
    return now_ms + settle_ms + spread


def again_ms(answer: Answer, tries: int, now_ms: int, chance: float) -> int:
    """A proof is good for a day. A refused sender is asked about every hour, for his mail waits until it is mended;
    what was not certain, later and later. `tries` so far in vain; `chance` in [0, 1) spreads it by ten per cent."""
    certain = {ProofState.PROVEN: DAY_MS, ProofState.REFUSED: _REFUSED_MS}
    wait = certain[answer.state] if answer.state in certain else _LATER_MS[min(max(tries, 0), len(_LATER_MS) - 1)]
    return now_ms + int(wait * (0.95 + 0.1 * chance))
