"""What the office shows. No view holds a secret, and the one that hands out a new key shows it in no `repr` (P7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from postroom.clock import now_ms
from postroom.model.account import Account, AccountState, CertificateCheck, Encryption, Login
from postroom.model.application import Key
from postroom.model.grant import OAuth2Flow
from postroom.model.sender import Sender
from postroom.office.certificate_views import AccountCertificates, certificate_warnings
from postroom.policy import presets
from postroom.policy.fallback import VERDICT
from postroom.policy.renewal import WARN_DAYS, days_left
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
    """What is missing before mail can leave through the account."""
    needs = []
    if account.login is Login.OAUTH2:
        needs += _grant_needs(account)
    elif account.needs_secret and not account.has_secret and account.secret_reference:
        needs.append(
            "Its secret_reference has to be given once more, by an administrator who may use it: it was given for "
            "another server or user, and leads nowhere until then."
        )
    elif account.needs_secret and not account.has_secret:
        if dropped:
            needs.append("It needs its password: the stored one was typed for another server or user. Type it again.")
        else:
            needs.append("It needs its password. Type it, or set login to none.")
    if account.client_certificate and not account.has_client_key:
        needs.append("It needs the private key of its client certificate. Enter both again (client_key).")
    if not account.enabled:
        needs.append("It is switched off; its mail waits until it is switched on.")
    if account.state is AccountState.PAUSED:
        needs.append(f"It is paused; its mail waits until it is resumed. {account.paused_reason}".rstrip())
    elif trouble:
        needs.append(f"It can't be reached at present. {trouble}")
    return tuple(needs)


def _grant_needs(account: Account) -> list[str]:
    """What an account needs before there is a token for it."""
    if account.oauth2_flow.needs_consent:
        if account.granted_ms is not None:
            return []
        return [
            "It is not connected: somebody who may speak for the mailbox has to consent once "
            f"(`postroom account connect {account.name}`). A consent for another server, user or application is void."
        ]
    if account.has_secret:
        return []
    what = "the key of the service account" if account.oauth2_flow is OAuth2Flow.SERVICE_ACCOUNT else "the secret"
    return [f"It needs {what} of the application that was registered at the provider. Type it as its secret."]


def account_warnings(account: Account, *, trouble: str = "") -> tuple[str, ...]:
    """What works, but lets somebody on the way read or change the mail or the password."""
    warnings = []
    if account.encryption is Encryption.NONE:
        warnings.append("Mail leaves unencrypted: anybody on the way can read it.")
        if account.login is not Login.NONE and account.allow_clear_login:
            warnings.append("The password leaves unencrypted as well.")
    elif account.certificate_check is CertificateCheck.IGNORE:
        warnings.append(
            "Certificate errors are ignored (certificate_check): another server could pass for this one and read or "
            "change all mail."
        )
        if account.login is not Login.NONE and account.allow_clear_login:
            warnings.append("It could read the password as well.")
        elif account.login is not Login.NONE:
            warnings.append("So the password is sent only by a login that does not show it (SCRAM, CRAM-MD5).")
    if account.fallback_account_id is not None and (trouble or account.paused_by == VERDICT):
        warnings.append("Its fallback account sends its mail meanwhile; this one stays broken until it is mended.")
    left = days_left(account, now_ms()) if account.login is Login.OAUTH2 else None
    if left is not None and left <= WARN_DAYS:
        when = f"in {left} days" if left > 1 else "tomorrow" if left == 1 else "today" if left == 0 else "and has ended"
        warnings.append(
            f"The application's secret or certificate ends on {account.oauth2_secret_expires}, {when}: make a new one "
            "at the provider and type it as the account's secret."
        )
    preset = presets.of_account(account)
    if preset is not None and preset.password_hint and account.login not in (Login.NONE, Login.OAUTH2):
        warnings.append(preset.password_hint)
    return (*warnings, *certificate_warnings(account))
