"""What can be set on a mailbox: what it shares with accounts in the very words of these, and what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from postroom.model.account import Account, Encryption, Login
from postroom.model.mailbox import ACCESS, Afterwards, Mailbox, default_mailbox_port
from postroom.office import account_values, certificate_values
from postroom.office.fields import Reader, Reading, Unfit, address, count, flag, line, name, one_of
from postroom.office.grant_values import fit_grant, with_expiry
from postroom.policy.providers import mailbox_scope
from postroom.policy.sourced import address_of
from postroom.secrets import Secret
from postroom.sentence import Sentence

__all__ = ["LOGINS", "apply", "read"]

LOGINS = (
    Login.PASSWORD, Login.PLAIN, Login.LOGIN, Login.CRAM_MD5, Login.SCRAM_SHA_1, Login.SCRAM_SHA_256, Login.OAUTH2,
)  # fmt: skip
"""How a mailbox is logged in at."""
_SHARED = frozenset({*ACCESS, "host", "port"}) - {
    "has_secret", "secret_set_ms", "granted_ms", "created_ms", "version",
}  # fmt: skip
_ALIASES = {"imap_host": "host", "imap_port": "port", "imap_server": "host", "e_mail": "address", "email": "address"}


def _folder(value: object) -> str:
    text: str = line(250)(value)
    if any(char in text for char in "*%"):
        raise Unfit("holds * or %, which mean several folders.", "Name one folder, like INBOX or Bounces.")
    return text


_OWN: dict[str, Reader] = {
    "name": name,
    "address": address,
    "folder": _folder,
    "afterwards": one_of(Afterwards, {"": Afterwards.SEEN, "read": Afterwards.SEEN, "nothing": Afterwards.LEAVE}),
    "move_to": _folder,
    "poll_seconds": count(30, 86_400),
    "only_new": flag,
}


def read(given: Mapping[str, object], reading: Reading) -> dict[str, Any]:
    """The values by our names. Only what was given is in it; faults go to `reading`.

    `connector_id` is left as it was given (an id or a name).
    """
    shared: dict[str, object] = {}
    for typed, value in given.items():
        plain = typed.strip().lower().replace("-", "_").replace(" ", "_")
        plain = _ALIASES.get(plain, plain)
        if plain in _OWN:
            reading.take(plain, _OWN[plain], value)
        elif account_values.is_secret_word(plain):
            continue
        elif account_values.field_named(plain) in _SHARED:
            shared[plain] = value
        else:
            reading.unknown(typed, [*_OWN, *_SHARED, "secret"])
    account_values.read(shared, reading)
    return reading.values


def apply(mailbox: Mailbox, values: Mapping[str, Any], secret: Secret | None, reading: Reading) -> Mailbox:
    """The mailbox with these values, what goes together kept together. What does not fit is a fault."""
    given = _with_port(mailbox, values)
    if given.get("oauth2_provider") and "login" not in given:
        given["login"] = Login.OAUTH2
    if given.get("move_to") and "afterwards" not in given:
        given["afterwards"] = Afterwards.MOVE
    changed = replace(mailbox, **given)
    changed = replace(changed, folder=changed.folder or "INBOX", name=changed.name or changed.user or changed.host)
    if not changed.address and "address" not in given:
        changed = replace(changed, address=_address_in(changed.user))
    access = certificate_values.apply_pin(_scoped(mailbox, changed), given, reading)
    access = with_expiry(access, given, secret)
    _fit(changed, reading)
    fit_grant(access, secret, reading)
    return replace(changed, **{name: getattr(access, name) for name in ACCESS})


def _with_port(mailbox: Mailbox, values: Mapping[str, Any]) -> dict[str, Any]:
    """The port goes with the encryption, and the other way round where only a port is given."""
    given = dict(values)
    if "encryption" not in given and not mailbox.host and given.get("port") == default_mailbox_port(Encryption.NONE):
        given["encryption"] = Encryption.STARTTLS
    if "port" not in given and mailbox.port in (0, default_mailbox_port(mailbox.encryption)):
        given["port"] = default_mailbox_port(given.get("encryption", mailbox.encryption))
    return given


def _scoped(old: Mailbox, new: Mailbox) -> Account:
    """What access tokens are asked for: reading mail, unless something else was typed."""
    access = new.access
    if new.login is not Login.OAUTH2:
        return access
    if new.oauth2_scope in ("", mailbox_scope(old.access)):
        return replace(access, oauth2_scope=mailbox_scope(access))
    return access


def _address_in(user: str) -> str:
    found = address_of(user)
    return "" if found is None or found.name else found.spec


def _fit(mailbox: Mailbox, reading: Reading) -> None:
    known = {fault.field for fault in reading.faults}
    if not mailbox.host and "host" not in known:
        reading.fault("host", "is missing.", "Give the name of the IMAP server, like imap.example.com.")
    if mailbox.login not in LOGINS:
        words = ", ".join(one.value for one in LOGINS)
        reading.fault("login", "is not possible for a mailbox.", Sentence("Choose one of {words}.", words=words))
    if not mailbox.user and "user" not in known:
        reading.fault("user", "is missing.", "Give the user name that the mailbox is opened with.")
    if mailbox.afterwards is Afterwards.MOVE:
        if not mailbox.move_to:
            reading.fault("move_to", "is missing.", "Name the folder that mail is moved to once it is taken in.")
        elif mailbox.move_to.casefold() == mailbox.folder.casefold():
            reading.fault("move_to", "is the folder that is read.", "Name another one.")
