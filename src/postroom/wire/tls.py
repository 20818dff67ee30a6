"""TLS contexts: which server is believed to be the right one.

Rules: TLS 1.2 at least, unless the operator's setting says less. The host name is checked against the certificate's
subjectAltName only (RFC 9525: the common name counts for nothing). With an own CA nobody else's is believed. A pinned
certificate is believed by its SHA-256 alone, so that self-signed and expired ones can be pinned. Contexts are kept, and
made anew when the system's certificate store changed. The key of a client certificate is on no disk: OpenSSL reads it
from memory.
"""

from __future__ import annotations

import os
import re
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile

from postroom.model.account import Account, CertificateCheck
from postroom.secrets import Secret
from postroom.wire.handshake import Expected

__all__ = ["AuthorityError", "ClientCertificate", "TlsSettings", "context_for", "normal_pin"]

_OLDEST = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_BROKEN = frozenset({"1.0", "1.1"})


class AuthorityError(ValueError):
    """The own CA, or the client certificate, can't be used. The text says so in plain words."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What is shown to a server that asks for it. `chain`: PEM, our own first; `key`: its private key, PEM."""

    chain: str
    key: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How an account wants its server checked. `authority`: PEM; `pin`: SHA-256 of the certificate (DER), hexadecimal.

    `minimum` is "1.0" to "1.3"; anything else is 1.2. `client`: what we show of ourselves.
    """

    check: CertificateCheck = CertificateCheck.VERIFY
    authority: str = ""
    pin: str = ""
    minimum: str = "1.2"
    client: ClientCertificate | None = None

    @classmethod
    def of(cls, account: Account, minimum: str = "1.2", client_key: Secret | None = None) -> TlsSettings:
        """`client_key`: the private key of the account's client certificate, where it has one."""
        pin = normal_pin(account.certificate_pin)
        client = ClientCertificate(account.client_certificate, client_key) if client_key else None
        return cls(account.certificate_check, account.certificate_authority, pin, minimum, client)

    @property
    def expected(self) -> Expected:
        """What the handshake has to show besides what the context asks for."""
        return Expected(self.pin_to_check, self.check is CertificateCheck.OWN_CA, self.client is not None)

    @property
    def verified(self) -> bool:
        """Whether a link that came about with these leads to the right server for certain."""
        return self.check is not CertificateCheck.IGNORE

    @property
    def pin_to_check(self) -> str:
        """What the fingerprint is compared with, "" where it does not count. Pinned without a pin matches nothing."""
        return (self.pin or "none") if self.check is CertificateCheck.PINNED else ""


def normal_pin(text: str) -> str:
    """`AA:BB …` or `sha256:aabb…` as plain lower-case hexadecimal."""
    return re.sub(r"[^0-9a-f]", "", text.lower().removeprefix("sha256"))


def context_for(settings: TlsSettings) -> ssl.SSLContext:
    """The context for these settings. Raises AuthorityError when the own CA or the client certificate is none."""
    of_all = settings.authority if settings.check is CertificateCheck.OWN_CA else ""
    return _context(replace(settings, pin="", authority=of_all), _store_state())  # what makes no difference to it


@lru_cache(maxsize=64)
def _context(settings: TlsSettings, _store: tuple[tuple[str, int], ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _set_oldest(context, settings.minimum)
    context.hostname_checks_common_name = False
    if settings.check in (CertificateCheck.IGNORE, CertificateCheck.PINNED):
        context.check_hostname = False  # the pin is compared after the handshake, before anything is said
        context.verify_mode = ssl.CERT_NONE
    elif settings.check is CertificateCheck.OWN_CA:
        _trust_only(context, settings.authority)
    else:
        context.load_default_certs()
    if settings.client is not None:
        _show(context, settings.client)
    return context


def _set_oldest(context: ssl.SSLContext, minimum: str) -> None:
    """OpenSSL knows the old versions only where everything old is allowed, short keys and SHA-1 as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's, for the versions that RFC 8996 ends
        context.minimum_version = _OLDEST.get(minimum, ssl.TLSVersion.TLSv1_2)
    if minimum in _BROKEN:
        context.set_ciphers("DEFAULT@SECLEVEL=0")


def _show(context: ssl.SSLContext, client: ClientCertificate) -> None:
    try:
        with _as_file(f"{client.chain}\n{client.key.reveal()}") as path:
            context.load_cert_chain(path, password=_no_password)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise AuthorityError("The client certificate and its private key can't be used together.") from None


def _no_password() -> str:
    """Without this, OpenSSL would ask for it at the terminal."""
    raise ValueError("the private key is protected by a password")


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A path that OpenSSL can read: of memory where the system can do that, else of a file that is gone at once."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").exists():
        descriptor = os.memfd_create("client-certificate")
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    with NamedTemporaryFile() as file:  # mode 0600
        file.write(text.encode())
        file.flush()
        yield file.name


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
