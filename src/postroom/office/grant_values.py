"""What can be set on an account that logs in with OAuth2: reading it, and what has to go together.

An account of the installation may name a provider on this very machine without encryption; everybody else's URL is
https (see `wire.http`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from postroom.clock import iso
from postroom.model.account import Account, Login
from postroom.model.grant import OAuth2Flow, OAuth2Provider
from postroom.model.tenant import INSTALLATION
from postroom.office.fields import Reader, Reading, Unfit, line, one_of
from postroom.policy.providers import endpoints, needs_tenant
from postroom.secrets import Secret
from postroom.secrets.assertion import AppKey, BadKey, is_key, read_key
from postroom.sentence import Sentence
from postroom.wire.http import fault_of_url

__all__ = ["READERS", "fit_grant", "with_expiry", "with_login"]

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}\Z")
_NO_ONE_TENANT = ("common", "organizations", "consumers")
_MOST_URL = 2_000


def _tenant(value: object) -> str:
    text: str = line(253)(value)
    if text and not _TENANT.match(text):
        raise Unfit("is neither a directory's id nor its domain.", "Give it like contoso.onmicrosoft.com.")
    return text


def _day(value: object) -> str:
    text: str = line(40)(value)
    try:
        return date.fromisoformat(text[:10]).isoformat() if text else ""
    except ValueError:
        raise Unfit("is no day.", "Write it like 2027-05-31.") from None


READERS: dict[str, Reader] = {
    "oauth2_provider": one_of(OAuth2Provider),
    "oauth2_flow": one_of(OAuth2Flow, {"": OAuth2Flow.AUTHORIZATION_CODE}),
    "oauth2_tenant": _tenant,
    "oauth2_client_id": line(300),
    "oauth2_scope": line(1_000),
    "oauth2_authorize_url": line(_MOST_URL),
    "oauth2_token_url": line(_MOST_URL),
    "oauth2_secret_expires": _day,
}


def with_login(account: Account, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Who names a provider of tokens means to log in with them."""
    if values.get("oauth2_provider") and "login" not in values and account.login is Login.NONE:
        return {**values, "login": Login.OAUTH2}
    return values


def fit_grant(account: Account, secret: Secret | None, reading: Reading) -> None:
    """What does not go together is a fault that names the field to change."""
    if account.login is not Login.OAUTH2:
        if secret is not None and is_key(secret) and _has_lines(secret):
            problem = "has a line break in it; that is possible only for the key of an application (login oauth2)."
            reading.fault("secret", problem, "Type or paste it again, without the line's end.")
        return
    if account.secret_reference:
        mend = "Leave it empty, and type the application's secret or key."
        reading.fault("secret_reference", "is not possible with the login oauth2.", mend)
    if account.oauth2_provider is OAuth2Provider.NONE:
        words = ", ".join(word.value for word in OAuth2Provider if word.value)
        reading.fault(
            "oauth2_provider",
            "is missing, but the account is to log in with OAuth2.",
            Sentence("Choose: {words}.", words=words),
        )
        return
    _fit_flow(account, reading)
    _fit_urls(account, reading)
    if secret is not None:
        _fit_secret(account, secret, reading)


def _fit_flow(account: Account, reading: Reading) -> None:
    provider, flow = account.oauth2_provider, account.oauth2_flow
    if flow is OAuth2Flow.SERVICE_ACCOUNT and provider.is_microsoft:
        mend = "Choose client-credentials: an application in its own name."
        reading.fault("oauth2_flow", "service-account is Google's word; Microsoft has no such thing.", mend)
    if flow is OAuth2Flow.CLIENT_CREDENTIALS and provider is OAuth2Provider.GOOGLE:
        mend = "Choose service-account, or authorization-code with a person's consent."
        reading.fault("oauth2_flow", "client-credentials is not possible with Google.", mend)
    if not account.oauth2_client_id and flow is not OAuth2Flow.SERVICE_ACCOUNT:
        mend = "Register Postroom as an application at the provider, and give the client id it got there."
        if account.preset:  # which chose this login, for want of a password
            mend += " Or type a password, to log in with that."
        reading.fault("oauth2_client_id", "is missing.", mend)
    if needs_tenant(account) and (account.oauth2_tenant or _NO_ONE_TENANT[0]).lower() in _NO_ONE_TENANT:
        mend = "Give the id of your Microsoft Entra directory, or its domain like contoso.onmicrosoft.com."
        reading.fault("oauth2_tenant", "is missing: an application logs in to exactly one directory.", mend)


def _fit_urls(account: Account, reading: Reading) -> None:
    found = endpoints(account)
    wanted = {"oauth2_token_url": found.token_url}
    if account.oauth2_flow is OAuth2Flow.AUTHORIZATION_CODE:
        wanted["oauth2_authorize_url"] = found.authorize_url
    for name, url in wanted.items():
        if not url:
            reading.fault(name, "is missing.", "Its documentation calls it the token or the authorization endpoint.")
        elif wrong := fault_of_url(url, plain_on_loopback=account.tenant_id == INSTALLATION):
            reading.fault(
                name, Sentence("can't be used. {wrong}", wrong=wrong), "Copy it from the provider's documentation."
            )


def _fit_secret(account: Account, secret: Secret, reading: Reading) -> None:
    if not is_key(secret):
        if account.oauth2_flow is OAuth2Flow.SERVICE_ACCOUNT:
            mend = "Paste the whole JSON file that Google gave for the service account's key."
            reading.fault("secret", "is no key, but a service account logs in with one.", mend)
        return
    try:
        key = read_key(secret)
    except BadKey as bad:
        reading.fault("secret", bad.problem, bad.mend)
        return
    _fit_key(account, key, reading)


def _fit_key(account: Account, key: AppKey, reading: Reading) -> None:
    if key.from_google and account.oauth2_flow is not OAuth2Flow.SERVICE_ACCOUNT:
        mend = "Set oauth2_flow to service-account, or give the client secret."
        reading.fault("secret", "is the key of a service account, but oauth2_flow is another.", mend)
    if account.oauth2_flow is OAuth2Flow.SERVICE_ACCOUNT and not (key.issuer or account.oauth2_client_id):
        mend = "Paste the JSON file instead, or give the service account's address as oauth2_client_id."
        reading.fault("secret", "does not say whose key it is.", mend)
    if account.oauth2_provider.is_microsoft and "x5t#S256" not in key.header:
        mend = "Paste the certificate that you uploaded to Microsoft Entra together with its private key."
        reading.fault("secret", "is a private key without its certificate.", mend)


def _has_lines(secret: Secret) -> bool:
    return any(char in secret.reveal() for char in "\r\n")


def with_expiry(account: Account, values: Mapping[str, Any], secret: Secret | None) -> Account:
    """The day on which a new secret ends: as typed, else as its certificate says, else not known."""
    if secret is None or "oauth2_secret_expires" in values or account.login is not Login.OAUTH2:
        return account
    try:
        ends = read_key(secret).expires_ms if is_key(secret) else None
    except BadKey:  # told by `fit_grant`
        ends = None
    return replace(account, oauth2_secret_expires="" if ends is None else iso(ends)[:10])
