"""TLS contexts: which server is believed to be the right one.

Rules: TLS 1.2 at least, whatever the settings say. The host name is checked against the certificate's subjectAltName
only (RFC 9525: the common name counts for nothing). With an own CA nobody else's is believed. A pinned certificate is
believed by its SHA-256 alone, so that self-signed and expired ones can be pinned. Contexts are kept, and made anew when
the system's certificate store changed.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from postroom.model.account import Account, CertificateCheck

__all__ = ["AuthorityError", "TlsSettings", "context_for", "normal_pin"]


class AuthorityError(ValueError):
    """The own CA is not PEM. The text says so in plain words."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How an account wants its server checked. `authority`: PEM; `pin`: SHA-256 of the certificate (DER), hexadecimal.

    `minimum` is "1.2" or "1.3".
    """

    check: CertificateCheck = CertificateCheck.VERIFY
    authority: str = ""
    pin: str = ""
    minimum: str = "1.2"

    @classmethod
    def of(cls, account: Account, minimum: str = "1.2") -> TlsSettings:
        pin = normal_pin(account.certificate_pin)
        return cls(account.certificate_check, account.certificate_authority, pin, minimum)

    @property
    def pin_to_check(self) -> str:
        """What the fingerprint is compared with, "" where it does not count. Pinned without a pin matches nothing."""
        return (self.pin or "none") if self.check is CertificateCheck.PINNED else ""


def normal_pin(text: str) -> str:
    """`AA:BB …` or `sha256:aabb…` as plain lower-case hexadecimal."""
    return re.sub(r"[^0-9a-f]", "", text.lower().removeprefix("sha256"))


def context_for(settings: TlsSettings) -> ssl.SSLContext:
    """The context for these settings. Raises AuthorityError when the own CA is no certificate."""
    return _context(settings, _store_state())


@lru_cache(maxsize=64)
def _context(settings: TlsSettings, _store: tuple[tuple[str, int], ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if settings.minimum == "1.3" else ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    if settings.check in (CertificateCheck.IGNORE, CertificateCheck.PINNED):
        context.check_hostname = False  # the pin is compared after the handshake, before anything is said
        context.verify_mode = ssl.CERT_NONE
    elif settings.check is CertificateCheck.OWN_CA:
        _trust_only(context, settings.authority)
    else:
        context.load_default_certs()
    return context


def _trust_only(context: ssl.SSLContext, authority: str) -> None:
    try:
        context.load_verify_locations(cadata=authority)
    except (ssl.SSLError, ValueError):
        raise AuthorityError("The own CA is not a certificate in PEM.") from None
    # an intermediate given as the own CA is meant to be believed without the root above it
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _store_state() -> tuple[tuple[str, int], ...]:
    """Changes when the system's certificate store changes; two calls to `stat`."""
    paths = ssl.get_default_verify_paths()
    return tuple((path, _modified(path)) for path in (paths.cafile, paths.capath) if path)


def _modified(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0
