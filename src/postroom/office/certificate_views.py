"""An account's certificates as people see them, and what there is to say about them ahead of time."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from postroom.clock import iso, now_ms
from postroom.model.account import Account, CertificateCheck
from postroom.office.certificate_values import certificates_in
from postroom.wire.certificate import Certificate, read

__all__ = ["AccountCertificates", "certificate_warnings", "certificates_of"]

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


def certificate_warnings(account: Account) -> list[str]:
    """What expires soon or has expired, and what a server may refuse."""
    found = certificates_of(account)
    warnings = []
    if account.certificate_check is CertificateCheck.OWN_CA:
        said = [_expiry(one, "The own CA", "certificate_authority") for one in found.authority]
        warnings += [sentence for sentence in said if sentence]
    if found.client and (sentence := _expiry(found.client[0], "The client certificate", "client_certificate")):
        warnings.append(sentence)
    if found.client and not _for_clients(certificates_in(account.client_certificate)[0]):
        warnings.append(
            "The client certificate says that it is for servers only; many servers refuse it. Get one for clients "
            "(client_certificate)."
        )
    return warnings


def _expiry(one: Certificate, what: str, to_change: str) -> str:
    left = one.not_after_ms - now_ms()
    if left > AHEAD_MS:
        return ""
    ends = "expired" if left < 0 else "expires"
    return f"{what} ({one.subject}) {ends} on {iso(one.not_after_ms)[:10]}. Enter the new one ({to_change})."


def _described(pem: str) -> tuple[Certificate, ...]:
    read_ones = [read(one.public_bytes(Encoding.DER)) for one in certificates_in(pem)]
    return tuple(one for one in read_ones if one is not None)


def _for_clients(certificate: x509.Certificate) -> bool:
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return True
    return bool(_USES & set(uses))
