"""What the office shows. No view holds a secret, and the one that hands out a new key shows it in no `repr` (P7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from postroom.clock import now_ms
from postroom.model.account import Account, AccountState
from postroom.model.application import Key
from postroom.model.sender import Sender
from postroom.office.certificate_views import AccountCertificates
from postroom.office.checks.accounts import of_account
from postroom.policy.checks import catalogue, told
from postroom.store.paces import UNTRIED, Pace

__all__ = ["AccountHealth", "AccountView", "NewKey", "SenderView", "account_needs", "account_warnings"]


class AccountHealth(StrEnum):
    """How an account stands, in one word; of several things the one that stops most."""

    READY = "ready"
    SLOWED = "slowed"
    UNREACHABLE = "unreachable"
    INCOMPLETE = "incomplete"
    PAUSED = "paused"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as people see it.

    `pace`: what its server has taught, and since when it can't be reached; `needs`: plain sentences for what is missing
    before mail can leave; `warnings`: what works but is unwise and stays visible; `is_default`: for its own tenant;
    `secret_dropped`: this very change made the stored secret useless; `certificates`: what its PEM fields say;
    `secret_set_by`: who typed the secret that is kept.
    """

    account: Account
    is_default: bool
    needs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    secret_dropped: bool = False
    pace: Pace = UNTRIED
    certificates: AccountCertificates = field(default_factory=AccountCertificates)
    secret_set_by: str = ""

    @property
    def health(self) -> AccountHealth:
        if not self.account.enabled:
            return AccountHealth.OFF
        if self.account.state is AccountState.PAUSED:
            return AccountHealth.PAUSED
        if self.pace.trouble:
            return AccountHealth.UNREACHABLE
        if self.needs:
            return AccountHealth.INCOMPLETE
        return AccountHealth.SLOWED if self.pace.learnt.holds(now_ms()) else AccountHealth.READY

    @property
    def has_secret(self) -> bool:
        return self.account.has_secret


@dataclass(frozen=True, slots=True)
class SenderView:
    sender: Sender
    is_default: bool


@dataclass(frozen=True, slots=True)
class NewKey:
    """The only time a key's text is known. Show it once; it can't be asked for again."""

    text: str = field(repr=False)
    key: Key


def account_needs(account: Account, *, dropped: bool = False, trouble: str = "") -> tuple[str, ...]:
    """What is missing before mail can leave through the account; `dropped` and `trouble` as in `checks.accounts`."""
    found = of_account(account, now_ms(), dropped=dropped, trouble=trouble)
    return tuple(told(one).sentence for one in found if catalogue()[one.check].stops)


def account_warnings(account: Account, *, trouble: str = "") -> tuple[str, ...]:
    """What works, but lets somebody on the way read or change the mail or the password, or ends soon."""
    found = of_account(account, now_ms(), trouble=trouble)
    return tuple(told(one).sentence for one in found if not catalogue()[one.check].stops)
