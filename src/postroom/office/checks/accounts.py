"""Accounts: what stops their mail, what is unwise about them, what of theirs ends soon.

`of_account` is pure but for the time; the views of accounts tell the same findings as sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postroom.clock import iso
from postroom.ids import encode
from postroom.model.account import Account, AccountState, CertificateCheck, Encryption, Login
from postroom.model.grant import OAuth2Flow
from postroom.model.problem import Finding, Weight
from postroom.office.certificate_views import AHEAD_MS, certificates_of, for_clients
from postroom.office.checks.circumstances import DAY_MS, Circumstances
from postroom.policy import presets
from postroom.policy.fallback import VERDICT
from postroom.policy.renewal import WARN_DAYS, days_left
from postroom.store import paces
from postroom.wire.certificate import Certificate

__all__ = ["look", "of_account"]

_URGENT_DAYS = 3
Found = Callable[..., Finding]


def look(at: Circumstances) -> Iterator[Finding]:
    troubles = paces.troubles(at.connection)
    gone = {one.id for one in at.snapshot.tenants.values() if one.deleted_ms is not None}
    for account in at.snapshot.accounts.values():
        if account.tenant_id in gone:
            continue
        trouble = troubles[account.id].trouble if account.id in troubles else ""
        yield from of_account(account, at.now_ms, trouble=trouble)
        if why := at.opens(account):
            yield Finding("secret-unreadable", account.tenant_id, encode("a", account.id), _named(account, why=why))


def of_account(account: Account, now_ms: int, *, dropped: bool = False, trouble: str = "") -> list[Finding]:
    """`dropped`: a change just now has made its secret useless; `trouble`: why it can't be reached at present."""

    def found(check: str, weight: Weight | None = None, **values: str) -> Finding:
        return Finding(check, account.tenant_id, encode("a", account.id), _named(account, **values), weight)

    findings = [*_secrets(account, dropped, found), *_states(account, trouble, found)]
    return [*findings, *_openness(account, found), *_later(account, trouble, now_ms, found)]


def _named(account: Account, **values: str) -> dict[str, str]:
    return {"name": account.name, **values}


def _secrets(account: Account, dropped: bool, found: Found) -> Iterator[Finding]:
    if account.login is Login.OAUTH2:
        if account.oauth2_flow.needs_consent:
            if account.granted_ms is None:
                yield found("account-not-connected")
        elif not account.has_secret:
            service = account.oauth2_flow is OAuth2Flow.SERVICE_ACCOUNT
            yield found("account-service-key-missing" if service else "account-application-secret-missing")
    elif account.needs_secret and not account.has_secret:
        if account.secret_reference:
            yield found("account-reference-void")
        else:
            yield found("account-password-dropped" if dropped else "account-password-missing")
    if account.client_certificate and not account.has_client_key:
        yield found("account-client-key-missing")


def _states(account: Account, trouble: str, found: Found) -> Iterator[Finding]:
    if not account.enabled:
        yield found("account-off")
    if account.state is AccountState.PAUSED:
        yield found("account-paused", why=account.paused_reason)
    elif trouble:
        yield found("account-unreachable", why=trouble)


def _openness(account: Account, found: Found) -> Iterator[Finding]:
    """What lets somebody on the way read or change the mail or the password."""
    logs_in = account.login is not Login.NONE
    if account.encryption is Encryption.NONE:
        yield found("account-unencrypted")
        if logs_in and account.allow_clear_login:
            yield found("account-password-in-clear")
    elif account.certificate_check is CertificateCheck.IGNORE:
        yield found("certificate-errors-ignored")
        if logs_in:
            yield found("password-for-impostors" if account.allow_clear_login else "password-held-back")


def _later(account: Account, trouble: str, now_ms: int, found: Found) -> Iterator[Finding]:
    if account.fallback_account_id is not None and (trouble or account.paused_by == VERDICT):
        yield found("account-on-fallback")
    left = days_left(account, now_ms) if account.login is Login.OAUTH2 else None
    if left is not None and left <= WARN_DAYS:
        weight = Weight.PROBLEM if left <= _URGENT_DAYS else None
        yield found("application-secret-ends", weight, day=account.oauth2_secret_expires)
    preset = presets.of_account(account)
    if preset is not None and preset.password_hint and account.login not in (Login.NONE, Login.OAUTH2):
        yield found("provider-hint", hint=preset.password_hint)
    yield from _certificates(account, now_ms, found)


def _certificates(account: Account, now_ms: int, found: Found) -> Iterator[Finding]:
    kept = certificates_of(account)
    ending: list[tuple[str, Certificate]] = []
    if account.certificate_check is CertificateCheck.OWN_CA:
        ending += [("certificate-authority-ends", one) for one in kept.authority]
    if account.certificate_check is CertificateCheck.PINNED and kept.trusted is not None:
        ending.append(("pinned-certificate-ends", kept.trusted))
    if kept.client:
        ending.append(("client-certificate-ends", kept.client[0]))
    for check, one in ending:
        left_ms = one.not_after_ms - now_ms
        if left_ms <= AHEAD_MS:
            weight = Weight.PROBLEM if left_ms <= _URGENT_DAYS * DAY_MS else None
            yield found(check, weight, certificate=one.subject, day=iso(one.not_after_ms)[:10])
    if kept.client and not for_clients(account.client_certificate):
        yield found("client-certificate-for-servers")
