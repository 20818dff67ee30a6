"""An account's certificates as people see them."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from postroom.model.account import Account
from postroom.office.certificate_values import certificates_in
from postroom.wire.certificate import Certificate, read

__all__ = ["AHEAD_MS", "AccountCertificates", "certificates_of", "for_clients"]

AHEAD_MS = 30 * 24 * 3600 * 1000
"""How long before a certificate of ours expires people are warned."""

_USES = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


@dataclass(frozen=True, slots=True)
class AccountCertificates:
    """`authority`: the own CA; `trusted`: the pinned certificate, where it is known; `client`: what we show, our own
    first."""

    authority: tuple[Certificate, ...] = ()
    trusted: Certificate | None = None
    client: tuple[Certificate, ...] = field(default=())


def certificates_of(account: Account) -> AccountCertificates:
    trusted = _described(account.certificate_trusted)
    return AccountCertificates(
        authority=_described(account.certificate_authority),
        trusted=trusted[0] if trusted else None,
        client=_described(account.client_certificate),
    )


def for_clients(chain: str) -> bool:
    """Whether the first of these certificates (PEM) may be shown by a client."""
    try:
        uses = certificates_in(chain)[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return True
    return bool(_USES & set(uses))


def _described(pem: str) -> tuple[Certificate, ...]:
    read_ones = [read(one.public_bytes(Encoding.DER)) for one in certificates_in(pem)]
    return tuple(one for one in read_ones if one is not None)
