"""Certificates and keys as people upload them: read, checked, and kept in one spelling.

Rules it keeps: PEM only, and of a file only what is a certificate; a private key never ends up in a field that is shown
(P7); what is expired, or is no authority, is refused with the words that help. Whether a key belongs to a certificate
is told by the key alone, so the order in which certificates stand in a file does not matter.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from postroom.clock import now_ms
from postroom.model.account import Account, CertificateCheck
from postroom.office.fields import Reading, Unfit
from postroom.secrets import Secret
from postroom.sentence import Sentence

__all__ = [
    "KEY_WORDS",
    "apply_pin",
    "authority",
    "certificates_in",
    "chain",
    "fit_client_key",
    "pin",
    "read_client_key",
]

KEY_WORDS = ("client_key", "client_key_passphrase")
"""What is typed beside an account's fields and never shown again, as its password."""

_MOST_OCTETS = 64 * 1024
_MOST_KEY_OCTETS = 8 * 1024
"""A key is checked arithmetically when it is read, which takes long for one of absurd length."""
_MOST_CERTIFICATES = 20
_MOST_ITERATIONS = 2_000_000
"""Of the function that makes a key of a passphrase: about a second. All others wait meanwhile."""
_CERTIFICATE = re.compile(
    r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----", re.DOTALL
)
_KEY = re.compile(
    r"-----BEGIN (ENCRYPTED |RSA |EC |)PRIVATE KEY-----(.*?)-----END \1PRIVATE KEY-----", re.DOTALL | re.ASCII
)
_MEND = "Give it in PEM: text that begins with -----BEGIN CERTIFICATE-----."


def certificates_in(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates of stored PEM; none where there are none. Never raises."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem.encode())) if pem else ()
    except ValueError:
        return ()


def _read(value: object, *, key_may_be_there: bool = False) -> list[x509.Certificate]:
    if value is None:
        return []
    if not isinstance(value, str):
        raise Unfit("is not text.", _MEND)
    if not value.strip():
        return []
    if len(value) > _MOST_OCTETS:
        raise Unfit(
            Sentence("is larger than {most_octets} KiB.", most_octets=_MOST_OCTETS // 1024),
            "Give only the certificates that are needed.",
        )
    if "PRIVATE KEY-----" in value and not key_may_be_there:
        raise Unfit("holds a private key, which belongs on its own server only.", "Give the certificate alone.")
    blocks = _CERTIFICATE.findall(value)
    if not blocks:
        raise Unfit("is no certificate in PEM.", _MEND)
    if len(blocks) > _MOST_CERTIFICATES:
        raise Unfit(
            Sentence("holds more than {most_certificates} certificates.", most_certificates=_MOST_CERTIFICATES),
            "Give only those that are needed.",
        )
    try:
        found = [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
        for one in found:
            _ = one.subject, one.issuer, one.not_valid_after_utc, one.extensions, one.public_key()
    except Exception:  # these are a stranger's octets, and the parser's errors are of many kinds
        raise Unfit("holds a certificate that can't be read.", "Copy it again, whole.") from None
    return found


def _pem(certificates: list[x509.Certificate]) -> str:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in dict.fromkeys(certificates))


def authority(value: object) -> str:
    """The own CA, one or several certificates; empty is none."""
    found = _read(value)
    for one in found:
        if not _is_authority(one):
            raise Unfit(
                Sentence("holds the certificate of a server ({called}), not of a CA.", called=_called(one)),
                "Give the CA's own certificate, or trust this one alone: certificate_trusted.",
            )
        if one.not_valid_after_utc < _now():
            raise Unfit(
                Sentence("holds a CA ({called}) that expired on {day}.", called=_called(one), day=_day(one)),
                "Give the one that follows it.",
            )
    return _pem(found)


def chain(value: object) -> str:
    """Certificates as they are, such as a client's with those above it; a private key beside them is not kept here."""
    return _pem(_read(value, key_may_be_there=True))


def pin(value: object) -> str:
    """A SHA-256 fingerprint as plain hexadecimal; empty is none."""
    if value is None or value == "":
        return ""
    text = re.sub(r"[\s:]", "", value.lower().strip().removeprefix("sha256")) if isinstance(value, str) else ""
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise Unfit(
            "is no SHA-256 fingerprint of a certificate.",
            "It has 64 digits and letters a to f; `postroom account certificate` shows it.",
        )
    return text


def apply_pin(account: Account, given: Mapping[str, Any], reading: Reading) -> Account:
    """The account with pin, trusted certificate and check kept together; `given` is what was typed."""
    trusted = certificates_in(account.certificate_trusted)
    if "certificate_trusted" in given and trusted:
        fingerprint = _fingerprint(trusted[0])
        if given.get("certificate_pin") not in (None, "", fingerprint):
            reading.fault("certificate_pin", "is not the fingerprint of certificate_trusted.", "Give one of them.")
        account = replace(account, certificate_pin=fingerprint, certificate_trusted=_pem([trusted[0]]))
    elif trusted and _fingerprint(trusted[0]) != account.certificate_pin:
        account = replace(account, certificate_trusted="")
    if "certificate_check" not in given and given.get("certificate_authority"):
        account = replace(account, certificate_check=CertificateCheck.OWN_CA)
    elif "certificate_check" not in given and (given.get("certificate_pin") or given.get("certificate_trusted")):
        account = replace(account, certificate_check=CertificateCheck.PINNED)
    if account.certificate_check is CertificateCheck.OWN_CA and not account.certificate_authority:
        reading.fault("certificate_authority", "is missing.", "Give the CA's certificate in PEM.")
    if account.certificate_check is CertificateCheck.PINNED and not account.certificate_pin:
        reading.fault(
            "certificate_pin", "is missing.", "`postroom account certificate` shows what the server has, and trusts it."
        )
    return account


def read_client_key(given: Mapping[str, object], reading: Reading) -> Secret | None:
    """The private key typed, opened with its passphrase if it has one, as PEM for the seal. None: as it was."""
    typed = {name.strip().lower().replace("-", "_").replace(" ", "_"): value for name, value in given.items()}
    field, text = "client_key", _text(typed.get("client_key"))
    if not text:
        field, text = "client_certificate", _key_within(_text(typed.get("client_certificate")))
    if not text:
        return None
    if len(_key_within(text)) > _MOST_KEY_OCTETS or not _KEY.search(text):
        reading.fault(field, "is no private key in PEM.", "It begins with -----BEGIN PRIVATE KEY-----.")
        return None
    if not _is_quickly_opened(_key_within(text)):
        reading.fault(field, "is protected in a way that takes too long to open.", "Give it with fewer iterations.")
        return None
    passphrase = _text(typed.get("client_key_passphrase"))
    return _opened(_key_within(text), passphrase, field, reading)


def _key_within(text: str) -> str:
    found = _KEY.search(text)
    return found[0] if found else ""


def _is_quickly_opened(pem: str) -> bool:
    """Whether no number that says how a key is protected (RFC 8018, A.2; RFC 7914, 7) is out of all proportion."""
    found = _KEY.search(pem)
    if found is None or found[1] != "ENCRYPTED ":
        return True
    try:
        octets = base64.b64decode("".join(found[2].split()), validate=True)
    except ValueError:
        return True  # what is no base64 is not opened at all
    return all(number <= _MOST_ITERATIONS for number in _numbers(octets, 0)) and _SCRYPT not in octets


_SCRYPT = bytes.fromhex("060b2b06010401da470f040b")
"""Takes memory besides time, as much as the file asks for; nobody's tools use it unasked."""


def _numbers(octets: bytes, depth: int) -> Iterator[int]:
    """Every INTEGER in DER (X.690); what is none ends it."""
    at = 0
    while at + 2 <= len(octets) and depth < _DEEPEST:
        tag, length, at = octets[at], octets[at + 1], at + 2
        if length & 0x80:
            more = length & 0x7F
            length, at = int.from_bytes(octets[at : at + more]), at + more
        value, at = octets[at : at + length], at + length
        if tag == 0x02:
            yield int.from_bytes(value)
        elif tag & 0x20:
            yield from _numbers(value, depth + 1)


_DEEPEST = 10


def _text(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    return value if isinstance(value, str) else ""


def _opened(pem: str, passphrase: str, field: str, reading: Reading) -> Secret | None:
    try:
        key = load_pem_private_key(pem.encode(), passphrase.encode() if passphrase and "ENCRYPTED" in pem else None)
        return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    except TypeError:
        reading.fault(field, "is protected by a passphrase.", "Give client_key_passphrase as well.")
    except (ValueError, UnsupportedAlgorithm):
        if passphrase and "ENCRYPTED" in pem:
            reading.fault("client_key_passphrase", "does not open the private key.", "Type it again.")
        else:
            reading.fault(field, "is a private key that can't be read.", "Copy it again, whole.")
    return None


def fit_client_key(account: Account, key: Secret | None, reading: Reading) -> Account:
    """The account with the certificate that belongs to this key in front. What does not fit is a fault."""
    if key is None:
        return account
    every = list(certificates_in(account.client_certificate))
    if not every:
        reading.fault(
            "client_certificate", "is missing, but its key was given.", "Give the certificate in PEM as well."
        )
        return account
    ours = [one for one in every if _public(one.public_key()) == _public_of(key)]
    if not ours:
        reading.fault(
            "client_key", "does not belong to the client certificate.", "Give the two that were made together."
        )
        return account
    if ours[0].not_valid_after_utc < _now():
        reading.fault(
            "client_certificate", Sentence("expired on {day}.", day=_day(ours[0])), "Give the new one, with its key."
        )
    return replace(account, client_certificate=_pem([ours[0], *every]))


def _public(key: Any) -> bytes:
    octets: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return octets


def _public_of(key: Secret) -> bytes:
    return _public(load_pem_private_key(key.reveal().encode(), None).public_key())


def _is_authority(one: x509.Certificate) -> bool:
    """By its basic constraints (RFC 5280, 4.2.1.9). Those of version 1 have none: what names itself is taken."""
    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return one.version is x509.Version.v1 and one.subject == one.issuer


def _called(one: x509.Certificate) -> str:
    text = one.subject.rfc4514_string()
    return "".join(char for char in text if char.isprintable())[:100] or "without a name"


def _fingerprint(one: x509.Certificate) -> str:
    return hashlib.sha256(one.public_bytes(Encoding.DER)).hexdigest()


def _now() -> datetime:
    return datetime.fromtimestamp(now_ms() / 1000, UTC)


def _day(one: x509.Certificate) -> str:
    return f"{one.not_valid_after_utc:%Y-%m-%d}"
