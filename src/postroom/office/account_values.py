"""What can be set on an account: reading it from what was typed, in our words or in those of other products.

Everything wrong is found at once and told with the name of the field as it was typed. A value whose means come with a
later release is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from postroom.model.account import Account, AddressTag, CertificateCheck, Encryption, Login, default_port
from postroom.office import certificate_values, kerberos_values
from postroom.office.fields import (
    NOT_YET,
    Reader,
    Reading,
    Unfit,
    address,
    addresses,
    block,
    count,
    ehlo_name,
    flag,
    host,
    line,
    name,
    one_of,
    optional,
    reference,
)
from postroom.office.grant_values import READERS as GRANT_READERS
from postroom.office.grant_values import fit_grant, with_expiry, with_login
from postroom.policy import presets
from postroom.policy.address_tag import fits
from postroom.policy.sourced import addresses_of
from postroom.secrets import Secret
from postroom.secrets.assertion import is_key
from postroom.secrets.reference import BadReference, parse_reference
from postroom.sentence import Sentence

__all__ = ["FOOTER_OCTETS", "apply", "field_named", "is_secret_word", "read", "read_secret"]

FOOTER_OCTETS = 64 * 1024
_MOST_SECRET = 8 * 1024
_MOST_SIZE = 1 << 40

_ENCRYPTIONS: dict[str, Encryption] = {
    "ssl": Encryption.TLS,
    "ssl/tls": Encryption.TLS,
    "smtps": Encryption.TLS,
    "implicit": Encryption.TLS,
    "tls/ssl": Encryption.TLS,
    "implicit-tls": Encryption.TLS,
    "ssl-on-connect": Encryption.TLS,
    "tls-on-connect": Encryption.TLS,
    "start-tls": Encryption.STARTTLS,
    "start tls": Encryption.STARTTLS,
    "explicit": Encryption.STARTTLS,
    "explicit-tls": Encryption.STARTTLS,
    "off": Encryption.NONE,
    "no": Encryption.NONE,
    "plain": Encryption.NONE,
    "clear": Encryption.NONE,
    "unencrypted": Encryption.NONE,
    "": Encryption.NONE,
}
_TYPES: dict[str, Encryption] = {**_ENCRYPTIONS, "tls": Encryption.STARTTLS}
"""senhasegura's field "type": where a form offers SSL beside TLS, TLS means that the connection begins in clear."""


def _later(value: object) -> None:
    if value not in (None, "", False):
        raise Unfit(NOT_YET, "Leave it empty.")


def _empty(value: object) -> str:
    _later(value)
    return ""


def _secret_reference(value: object) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        raise Unfit("is not text.")
    try:
        return str(parse_reference(value)) if value.strip() else ""
    except BadReference as bad:
        raise Unfit(bad.problem, bad.mend) from None


def _preset(value: object) -> str:
    text: str = line(100)(value)
    if not text:
        return ""
    try:
        preset, region = presets.find(text)
    except presets.UnknownPreset as unknown:
        raise Unfit(unknown.problem, unknown.mend) from None
    return f"{preset.id}:{region}" if region else preset.id


def _reference(value: object) -> int | str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise Unfit("is neither an id nor a name.", "Give the connector's id or its name.")
    return value


_READERS: dict[str, Reader] = {
    "name": name,
    "preset": _preset,
    "host": host,
    "port": optional(count(1, 65_535)),
    "encryption": one_of(Encryption, _ENCRYPTIONS),
    "login": one_of(Login, kerberos_values.LOGIN_WORDS),
    "user": line(320),
    **kerberos_values.READERS,
    "secret_reference": _secret_reference,
    **GRANT_READERS,
    "certificate_check": one_of(CertificateCheck),
    "certificate_authority": certificate_values.authority,
    "certificate_pin": certificate_values.pin,
    "certificate_trusted": certificate_values.chain,
    "client_certificate": certificate_values.chain,
    "allow_clear_login": flag,
    "connector_id": _reference,
    "enabled": flag,
    "sender_address": address,
    "sender_name": line(256),
    "reply_to": addresses,
    "return_path": address,
    "return_path_tag": one_of(AddressTag),
    "reply_to_tag": one_of(AddressTag),
    "confirmation_address": address,
    "probe_address": address,
    "request_receipt": flag,
    "force_settings": flag,
    "footer_enabled": flag,
    "footer_text": optional(block(FOOTER_OCTETS)),
    "footer_html": optional(block(FOOTER_OCTETS)),
    "ehlo_name": ehlo_name,
    "fallback_account_id": reference,
    "rewrite_from": flag,
    "limits.connections": count(1, 1_000),
    "limits.per_minute": optional(count(1, 10_000_000)),
    "limits.per_day": optional(count(1, 1_000_000_000)),
    "limits.recipients": count(1, 100_000),
    "limits.size": optional(count(1_024, _MOST_SIZE)),
}
_SAFE = "safe_connection"
"""Said by other products' forms: some encryption, or none. Which one, another of their fields says, or the port."""
_NOT_FIELDS: frozenset[str] = frozenset()


def _as_encryption(when_true: Encryption) -> Callable[[object], Encryption | None]:
    return lambda value: when_true if flag(value) else None


def _same(field: str) -> tuple[str, Callable[[object], Any] | None]:
    return field, None


_ALIASES: dict[str, tuple[str, Callable[[object], Any] | None]] = {
    "smtp.server": _same("host"),
    "smtp.port": _same("port"),
    "smtp.username": _same("user"),
    "smtp.sendername": _same("sender_name"),
    "smtp.senderaddress": _same("sender_address"),
    "connector": _same("connector_id"),
    "network_connector": _same("connector_id"),
    "server": _same("host"),
    "smtp_host": _same("host"),
    "smtp_port": _same("port"),
    "username": _same("user"),
    "user_name": _same("user"),
    "sender": _same("sender_address"),
    "sender_email": _same("sender_address"),
    "reply_email": _same("reply_to"),
    "confirmation_mail": _same("confirmation_address"),
    "send_read_confirmation": _same("request_receipt"),
    "force_settings_use": _same("force_settings"),
    "enable_footnote": _same("footer_enabled"),
    "footnote": _same("footer_text"),
    "fallback_account": _same("fallback_account_id"),
    "fallback": _same("fallback_account_id"),
    "ssl": ("encryption", _as_encryption(Encryption.TLS)),
    "use_ssl": ("encryption", _as_encryption(Encryption.TLS)),
    "secure": ("encryption", _as_encryption(Encryption.TLS)),
    "starttls": ("encryption", _as_encryption(Encryption.STARTTLS)),
    "use_tls": ("encryption", _as_encryption(Encryption.STARTTLS)),
    "tls": ("encryption", _as_encryption(Encryption.STARTTLS)),
    "spn": _same("service_principal"),
    "ssl_tls": ("encryption", _as_encryption(Encryption.TLS)),
    "use_safe_connection": (_SAFE, flag),
    "safe_connection": (_SAFE, flag),
    "secure_connection": (_SAFE, flag),
    "use_secure_connection": (_SAFE, flag),
    "type": ("encryption", one_of(Encryption, _TYPES)),
    "connection_type": ("encryption", one_of(Encryption, _TYPES)),
    "safe_connection_type": ("encryption", one_of(Encryption, _TYPES)),
    "client_id": _same("oauth2_client_id"),
    "token_url": _same("oauth2_token_url"),
    "use_authentication": ("login", lambda value: Login.PASSWORD if flag(value) else Login.NONE),
    "ignore_certificate_errors": (
        "certificate_check",
        lambda value: CertificateCheck.IGNORE if flag(value) else CertificateCheck.VERIFY,
    ),
}
"""Words of other products (lower case, `_` for spaces and hyphens): our field, and how their value becomes ours."""

_SECRET_WORDS = ("secret", "password", "client_secret", "smtp.password", "smtp_password")


def read(given: Mapping[str, object], reading: Reading) -> dict[str, Any]:
    """The values by our names (`limits.…` flat). Only what was given is in it; faults go to `reading`.

    `connector_id` is left as it was given (an id or a name).
    """
    origins: dict[str, str] = {}
    for typed, value in _flat(given).items():
        field, reader = _find(typed, reading)
        if reader is None:
            continue
        try:
            result = reader(value)
        except Unfit as unfit:
            reading.fault(typed, unfit.problem, unfit.mend)
            continue
        if result is None and field == "encryption":
            result = _switched_off(given)
        if result is None and field in ("encryption", "port"):
            continue
        if field in origins and reading.values[field] != result:
            reading.fault(typed, Sentence("contradicts {origins}.", origins=origins[field]), "Give only one of them.")
        origins[field] = typed
        reading.values[field] = result
    if reading.values.get(_SAFE) is False and reading.values.get("encryption") is not None:
        del reading.values["encryption"]  # a form keeps the type it would be, if it were
    return reading.values


def _flat(given: Mapping[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for typed, value in given.items():
        if typed.strip().lower() == "limits" and isinstance(value, Mapping):
            flat |= {f"limits.{inner}": one for inner, one in value.items()}
        elif typed.strip().lower() not in _SECRET_WORDS and _plain(typed) not in certificate_values.KEY_WORDS:
            flat[typed] = value
    return flat


def _find(typed: str, reading: Reading) -> tuple[str, Reader | None]:
    plain = _plain(typed)
    if plain in _NOT_FIELDS or plain.removesuffix("_id") in _NOT_FIELDS:
        return plain, _READERS.get(plain, _later)
    if plain in _READERS:
        return plain, _READERS[plain]
    if plain in _ALIASES:
        field, convert = _ALIASES[plain]
        return field, convert or _READERS[field]
    reading.unknown(typed, [*_READERS, "secret"])
    return plain, None


def field_named(typed: str) -> str:
    """The field of ours that is meant, in our word or in another product's; "" for none."""
    plain = _plain(typed)
    return plain if plain in _READERS else _ALIASES.get(plain, ("", None))[0]


def is_secret_word(typed: str) -> bool:
    """Whether a secret is typed under this word."""
    return typed.strip().lower() in _SECRET_WORDS


def _plain(typed: str) -> str:
    return typed.strip().lower().replace("-", "_").replace(" ", "_")


def _switched_off(given: Mapping[str, object]) -> Encryption | None:
    """`ssl = no` means no encryption, unless another switch is on or a word says which."""
    switches = [word for word in given if _ALIASES.get(word.strip().lower(), ("", None))[0] == "encryption"]
    if "encryption" in given or any(_is_on(given[word]) for word in switches):
        return None
    return Encryption.NONE


def _is_on(value: object) -> bool:
    try:
        return flag(value)
    except Unfit:
        return False


def read_secret(given: Mapping[str, object], secret: str | Secret | None, reading: Reading) -> Secret | None:
    """The secret typed, from where it belongs or from the values. Blank means: as it was."""
    for typed, value in given.items():
        if typed.strip().lower() in _SECRET_WORDS and value not in (None, ""):
            if not isinstance(value, (str, Secret)):
                reading.fault(typed, "is not text.")
            elif not secret:
                secret = value
    if not secret:
        return None
    try:
        held = Secret(secret)
    except ValueError:
        reading.fault("secret", "has characters that can't be written as UTF-8.", "Type it again.")
        return None
    if any(char in held.reveal() for char in ("\0" if is_key(held) else "\0\r\n")):
        reading.fault("secret", "holds a line break or a NUL.", "Type or paste it again, without the line's end.")
    if len(held.reveal().encode()) > _MOST_SECRET:
        reading.fault(
            "secret",
            Sentence("is longer than {most_secret} octets.", most_secret=_MOST_SECRET),
            "Check what was pasted.",
        )
    return held


def apply(account: Account, values: Mapping[str, Any], secret: Secret | None, reading: Reading) -> Account:
    """The account with these values, what goes together kept together: the port with the encryption, the login with
    a user, a new preset with all that it fills. What does not fit is a fault."""
    values = _filled(account, with_login(account, _with_encryption(account, values)), secret)
    plain = {field: value for field, value in values.items() if not field.startswith("limits.")}
    limits = {field.removeprefix("limits."): value for field, value in values.items() if field.startswith("limits.")}
    if "port" not in plain and account.port in (0, default_port(account.encryption)):
        plain["port"] = default_port(plain.get("encryption", account.encryption))
    if "encryption" not in plain and account.port == 0 and plain["port"] == default_port(Encryption.TLS):
        plain["encryption"] = Encryption.TLS
    if "login" not in plain and account.login is Login.NONE and (plain.get("user") or secret):
        plain["login"] = Login.PASSWORD
    kerberos_values.complete(account, plain, secret)
    changed = replace(account, **plain, limits=replace(account.limits, **limits))
    changed = certificate_values.apply_pin(changed, plain, reading)
    changed = with_expiry(changed, values, secret)
    _fit(changed, reading)
    kerberos_values.fit(changed, values, secret, reading)
    fit_grant(changed, secret, reading)
    return changed


def _filled(account: Account, values: Mapping[str, Any], secret: Secret | None) -> Mapping[str, Any]:
    """With what a new preset fills where nothing was given. Its port goes with its own encryption only, its provider of
    tokens with its own login."""
    wanted = values.get("preset")
    if not wanted or wanted == account.preset:
        return values
    preset, region = presets.find(wanted)
    filled = preset.values(region, by_password=_by_password(account, values, secret))
    if values.get("encryption", filled["encryption"]) is not filled["encryption"]:
        del filled["port"]
    if values.get("login") is Login.NONE:
        filled.pop("user", None)
    if values.get("login", Login.OAUTH2) is not Login.OAUTH2:
        filled.pop("oauth2_provider", None)
    return {**filled, **values}


def _by_password(account: Account, values: Mapping[str, Any], secret: Secret | None) -> bool:
    """Whether a password is there, or comes now; beside an application's fields it is the application's secret."""
    if any(value for name, value in values.items() if name.startswith("oauth2_")):
        return False
    typed = secret is not None and not is_key(secret)
    return typed or bool(values.get("secret_reference")) or account.login not in (Login.NONE, Login.OAUTH2)


def _what_user(account: Account) -> str:
    """What the user name is, where the preset knows it."""
    preset = presets.of_account(account)
    return (
        "Give the user name, or set login to none."
        if preset is None
        else Sentence("It is {user_words}.", user_words=preset.user_words)
    )


def _with_encryption(account: Account, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What "safe connection" alone means: what is there already, else what the port, or a preset, is for."""
    left = {field: value for field, value in values.items() if field != _SAFE}
    if _SAFE not in values or "encryption" in values:
        return left
    if not values[_SAFE]:
        return {**left, "encryption": Encryption.NONE}
    if values.get("preset") or (account.encryption is not Encryption.NONE and account.port != 0):
        return left
    implicit = values.get("port") == default_port(Encryption.TLS)
    return {**left, "encryption": Encryption.TLS if implicit else Encryption.STARTTLS}


def _fit(account: Account, reading: Reading) -> None:
    if not account.host and not any(fault.field == "host" for fault in reading.faults):
        reading.fault("host", "is missing.", "Give the name of the SMTP server, like smtp.example.com.")
    if account.takes_secret and not account.user:
        reading.fault("user", "is missing, but the account is to log in.", _what_user(account))
    if account.rewrite_from and not account.sender_address:
        reading.fault("rewrite_from", "needs an address to write there.", "Give sender_address as well.")
    for field, how in (("return_path", account.return_path_tag), ("reply_to", account.reply_to_tag)):
        own = next(iter(addresses_of(getattr(account, field) or account.sender_address)), None)
        if own is not None and how is not AddressTag.OFF and not fits(own, how):
            problem = Sentence(
                "does not fit behind {local}: 26 characters before the @ leave room for it.", local=own.local
            )
            reading.fault(f"{field}_tag", problem, "Use a shorter address of plain letters, or `whole`.")
