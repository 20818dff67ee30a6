"""What can be set on an account that logs in by Kerberos or NTLM, and what goes together there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from postroom.model.account import Account, CredentialSource, Login
from postroom.office.fields import Reader, Reading, Unfit, line, one_of
from postroom.secrets import Secret
from postroom.sentence import Sentence
from postroom.wire.integrated import missing

__all__ = ["LOGIN_WORDS", "READERS", "complete", "fit"]

LOGIN_WORDS = dict.fromkeys(("integrated", "gssapi", "negotiate"), Login.KERBEROS)
"""Other products' words for the login with the identity of the service itself."""

_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?"
_REALM = re.compile(_DOMAIN)
_SERVICE = re.compile(rf"(?P<service>[A-Za-z0-9_-]{{1,40}})[/@](?P<host>{_DOMAIN})(?P<realm>@{_DOMAIN})?")
_PATH = re.compile(r"/.*|(?:FILE|DIR|KCM|KEYRING|API):.+")
_WINDOWS = (Login.KERBEROS, Login.NTLM)
_ONLY_KERBEROS = ("service_principal", "credential_source", "credential_path")


def _realm(value: object) -> str:
    text: str = line(255)(value)
    if text and not _REALM.fullmatch(text):
        raise Unfit("is not the name of a realm or a domain.", "Write it like EXAMPLE.COM.")
    return text


def _service(value: object) -> str:
    text: str = line(400)(value)
    found = _SERVICE.fullmatch(text)
    if text and found is None:
        raise Unfit("is not the name of a service.", "Write it like smtp/mail.example.com, or with @REALM behind it.")
    return f"{found['service']}/{found['host']}{found['realm'] or ''}" if found else ""


def _path(value: object) -> str:
    text: str = line(1_000)(value)
    if text and not _PATH.fullmatch(text):
        raise Unfit("is not the whole path of a file.", "Write it like /etc/postroom/smtp.keytab.")
    return text


_SOURCES = {"ticket": CredentialSource.TICKET_CACHE, "ccache": CredentialSource.TICKET_CACHE}

READERS: Mapping[str, Reader] = {
    "realm": _realm,
    "service_principal": _service,
    "credential_source": one_of(CredentialSource, _SOURCES),
    "credential_path": _path,
}


def complete(old: Account, values: dict[str, Any], secret: Secret | None) -> None:
    """Adds to `values` what follows from them: without user and password, Kerberos means this machine's own tickets;
    another login takes back what only Kerberos knows."""
    login = values.get("login", old.login)
    if login is Login.KERBEROS and old.login is not login and not (values.get("user") or old.user or secret):
        values.setdefault("credential_source", CredentialSource.TICKET_CACHE)
    if values.get("credential_source") is CredentialSource.PASSWORD:
        values.setdefault("credential_path", "")
    if login is not Login.KERBEROS and old.login is Login.KERBEROS:
        values.setdefault("credential_source", CredentialSource.PASSWORD)
        values.setdefault("credential_path", "")
    if login not in _WINDOWS and old.login in _WINDOWS:
        values.setdefault("service_principal", "")
        values.setdefault("realm", "")


def fit(account: Account, given: Mapping[str, Any], secret: Secret | None, reading: Reading) -> None:
    """Faults for what does not go together. `given`: what was typed, whose faults are worth telling."""
    if "login" in given and (why := missing(account.login)):
        reading.fault("login", Sentence("can't be {login} here.", login=account.login.value), why)
    if account.login not in _WINDOWS:
        for field in ("realm", *_ONLY_KERBEROS):
            if given.get(field) not in (None, "", CredentialSource.PASSWORD):
                reading.fault(field, "means nothing to this login.", "Set login to kerberos, or leave it out.")
        return
    source = account.credential_source
    if account.login is Login.NTLM and (source is not CredentialSource.PASSWORD or account.credential_path):
        reading.fault("credential_source", "is for Kerberos; NTLM knows passwords only.", "Leave it out.")
    elif source is CredentialSource.KEYTAB and not account.credential_path:
        reading.fault("credential_path", "is missing.", "Give the path of the keytab.")
    elif source is CredentialSource.PASSWORD and account.credential_path:
        reading.fault("credential_path", "goes with a keytab or a ticket cache.", "Give credential_source as well.")
    if account.login is Login.KERBEROS and "\\" in account.user:
        reading.fault("user", "is written with a domain before it.", "Write anna or anna@EXAMPLE.COM, or use realm.")
    if account.by_own_identity and secret:
        reading.fault("secret", "is not used with a keytab or a ticket cache.", "Leave it out.")
