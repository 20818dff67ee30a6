"""Whether another account takes over from one that can't send, and which.

It does only for what is the whole account's trouble: a server's answer paused it (a refused login, a used-up quota), or
no connection has come about for a while. Who pauses an account by hand, or switches it off, wants its mail to wait.

The account stays what it is: paused or unreachable, and shown so. Which mail may go is not decided here but where it
lies (`store.diversion`): only what certainly has not left. Pure: what is known of trouble and the time are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from postroom.model.account import Account, AccountState
from postroom.model.state import State
from postroom.policy.route import recheck
from postroom.policy.snapshot import Snapshot
from postroom.policy.way import Change, Reason

__all__ = ["VERDICT", "Diversion", "Trouble", "broken", "chain_of", "diversions", "recheck_diverted"]

VERDICT = "verdict"
"""Who paused an account that a server's answer paused (`Account.paused_by`)."""


class Trouble(NamedTuple):
    """Since when no connection to an account's server comes about (ms UTC), and why."""

    since_ms: int
    why: str


class Diversion(NamedTuple):
    """Waiting mail of `source` leaves through `target`. `only_of`: only what came from this account as its fallback."""

    source: Account
    target: Account
    why: str
    only_of: int | None = None


def broken(account: Account, trouble: Trouble | None, now_ms: int, after_ms: int) -> str:
    """Why the account as a whole can't send, in a sentence; "" when it can, or is meant to wait."""
    if not account.enabled:
        return ""
    if account.state is AccountState.PAUSED:
        return account.paused_reason or "It is paused." if account.paused_by == VERDICT else ""
    if trouble is not None and now_ms - trouble.since_ms >= after_ms:
        return trouble.why or "Its server can't be reached."
    return ""


def chain_of(accounts: Mapping[int, Account], account: Account) -> list[Account]:
    """The account's fallback, that one's and so on; a circle, which set-up refuses, ends where it would begin again."""
    found: list[Account] = []
    following = account.fallback_account_id
    while following is not None and following != account.id:
        one = accounts.get(following)
        if one is None or one in found:
            break
        found.append(one)
        following = one.fallback_account_id
    return found


def diversions(snapshot: Snapshot, troubles: Mapping[int, Trouble], now_ms: int, after_ms: int) -> list[Diversion]:
    """Which accounts' waiting mail is to leave through which others now."""
    found: list[Diversion] = []
    backed = [account for account in snapshot.accounts.values() if account.fallback_account_id is not None]
    for account in backed:
        chain = chain_of(snapshot.accounts, account)
        why = broken(account, troubles.get(account.id), now_ms, after_ms)
        if why:
            target = next((one for one in chain if _carries(snapshot, account, one, troubles)), None)
            if target is not None:
                found.append(Diversion(account, target, why))
        elif _sends(account, troubles):
            # What its fallback could not send either comes home.
            for one in chain:
                if trouble := broken(one, troubles.get(one.id), now_ms, after_ms):
                    found.append(Diversion(one, account, trouble, account.id))
    return found


def _sends(account: Account, troubles: Mapping[int, Trouble]) -> bool:
    return account.enabled and account.state is AccountState.READY and account.id not in troubles


def _carries(snapshot: Snapshot, account: Account, one: Account, troubles: Mapping[int, Trouble]) -> bool:
    """Whether this one may and can send for the account (P8: never another tenant's)."""
    return _sends(one, troubles) and snapshot.may_use(account.tenant_id, one.id) is not None


def recheck_diverted(
    snapshot: Snapshot, tenant_id: int, account_id: int, fallback_of: int | None, sender_id: int | None, routed: str
) -> Change | None:
    """As `route.recheck`, for mail that may lie with another account than its own. It is judged as its own account's;
    where that says "elsewhere", and it is there already, it may leave."""
    if fallback_of is None:
        return recheck(snapshot, tenant_id, account_id, sender_id, routed)
    change = recheck(snapshot, tenant_id, fallback_of, sender_id, routed)
    if change is not None:
        return None if change.state is State.QUEUED and change.account_id == account_id else change
    if snapshot.may_use(tenant_id, account_id) is None:
        return Change(State.QUEUED, Reason.NO_ACCOUNT, fallback_of)
    return None
