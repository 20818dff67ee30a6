"""Certificates in words: what one says, and why one was refused.

Names and dates come from a server and are data: they are escaped, and few of them are repeated.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from postroom.clock import now_ms
from postroom.smtp.reply import printable

__all__ = ["Certificate", "TlsInfo", "not_the_trusted", "read", "server_end_point", "why_refused"]

_SHOWN_NAMES = 5
_EXPIRED, _NOT_YET, _SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 10, 9, 18, 19
_WRONG_HOST, _WRONG_ADDRESS = 62, 64
_UNKNOWN_ISSUER = frozenset({2, 20, 21, 27, 33})
_WEAK = frozenset({66, 67, 68})


@dataclass(frozen=True, slots=True)
class Certificate:
    """What people need to know of a certificate. Times are ms UTC, the fingerprint is the SHA-256 of its DER form."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before_ms: int
    not_after_ms: int
    fingerprint: str
    self_signed: bool = False


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """A TLS connection, described. `certificate` is None when the server's could not be read."""

    protocol: str
    cipher: str
    bits: int
    certificate: Certificate | None

    def __str__(self) -> str:
        return f"{self.protocol} {self.cipher}"


def server_end_point(der: bytes) -> bytes:
    """The channel binding `tls-server-end-point` (RFC 5929, 4.1): the certificate's hash, by the algorithm of its
    signature, SHA-256 instead of MD5 and SHA-1. Empty for signatures that use no single hash."""
    try:
        algorithm = x509.load_der_x509_certificate(der).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return b""
    if algorithm is None:
        return b""
    return hashlib.new("sha256" if algorithm.name in ("md5", "sha1") else algorithm.name, der).digest()


def read(der: bytes) -> Certificate | None:
    """A certificate from its DER form; None when it is too odd to be read."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        return Certificate(
            subject=_name(parsed.subject),
            issuer=_name(parsed.issuer),
            names=_names(parsed),
            not_before_ms=_ms(parsed.not_valid_before_utc),
            not_after_ms=_ms(parsed.not_valid_after_utc),
            fingerprint=hashlib.sha256(der).hexdigest(),
            self_signed=parsed.subject == parsed.issuer,
        )
    except Exception:  # these are a stranger's octets, and the parser's errors are of many kinds
        return None


def not_the_trusted(fingerprint: str) -> str:
    """The sentence for a server whose certificate is not the pinned one."""
    return f"The server shows another certificate than the trusted one: {fingerprint}."


def why_refused(error: ssl.SSLCertVerificationError, chain: Sequence[bytes], host: str, *, own_ca: bool = False) -> str:
    """A plain sentence for a certificate that was refused. `chain` is what the server sent, leaf first, DER; `own_ca`:
    only a CA of the account's own is believed."""
    certificates = [certificate for der in chain if (certificate := read(der)) is not None]
    leaf = certificates[0] if certificates else None
    code = error.verify_code
    if code in (_EXPIRED, _NOT_YET):
        return _out_of_time(code == _EXPIRED, certificates)
    if code in (_WRONG_HOST, _WRONG_ADDRESS):
        return f"The server's certificate is not for {host}{_said_names(leaf)}."
    if code == _SELF_SIGNED:
        return "The server's certificate is self-signed: nobody vouches for it."
    if code == _SELF_SIGNED_IN_CHAIN or code in _UNKNOWN_ISSUER:
        return _unknown_issuer(certificates, own_ca)
    if code in _WEAK:
        return f"The server's certificate is too weak ({error.verify_message}); it needs a new one."
    return f"The server's certificate was refused: {printable(error.verify_message)}."


def _unknown_issuer(chain: Sequence[Certificate], own_ca: bool) -> str:
    """Who issued it, and whether the server sent anything above its own certificate: the two mends differ."""
    if own_ca:
        known = f"comes from a CA that is not the account's own{_said_issuer(chain)}"
    else:
        known = f"comes from a CA that this machine does not know{_said_issuer(chain)}"
    alone = len(chain) == 1 and not chain[0].self_signed
    perhaps = ", or the server does not send the certificates in between" if alone else ""
    return f"The server's certificate {known}{perhaps}."


def _out_of_time(expired: bool, chain: Sequence[Certificate]) -> str:
    """Which certificate of the chain it is about: not always the server's own."""
    now = now_ms()
    for place, one in enumerate(chain):
        if one.not_after_ms < now if expired else one.not_before_ms > now:
            which = "The server's certificate" if place == 0 else f"A certificate above the server's ({one.subject})"
            if expired:
                return f"{which} expired on {_day(one.not_after_ms)}."
            return f"{which} is valid only from {_day(one.not_before_ms)} (or this machine's clock is wrong)."
    return "The server's certificate has expired." if expired else "The server's certificate is not valid yet."


def _said_names(leaf: Certificate | None) -> str:
    if leaf is None:
        return ""
    if not leaf.names:
        return " and names no host at all" + (f" but {leaf.subject} in its common name" if leaf.subject else "")
    more = len(leaf.names) - _SHOWN_NAMES
    return f" but for {', '.join(leaf.names[:_SHOWN_NAMES])}" + (f" and {more} more" if more > 0 else "")


def _said_issuer(chain: Sequence[Certificate]) -> str:
    return f" ({chain[-1].issuer})" if chain and chain[-1].issuer else ""


def _name(name: x509.Name) -> str:
    """The common name; where there is none, the whole name in the usual notation (RFC 4514)."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = common[0].value if common else name.rfc4514_string()
    return printable(text if isinstance(text, str) else text.decode("utf-8", "replace"))[:200]


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts = names.get_values_for_type(x509.DNSName)
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return tuple(printable(name)[:253] for name in [*hosts, *addresses])


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _day(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"
