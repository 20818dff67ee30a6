"""The certificates that servers really have, good and bad: an authority of one's own that signs anything.

`Authority` signs leaves and other authorities; `bundle` writes key and chain as `ssl.SSLContext.load_cert_chain` takes
them. Everything is generated, nothing is recorded.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

__all__ = ["DAY", "Authority", "Issued", "key_pem", "short_key", "signed_with_sha1"]

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = datetime.timedelta(days=1)
_SHA256_WITH_RSA, _SHA1_WITH_RSA = (bytes.fromhex(f"06092a864886f70d0101{end}") for end in ("0b", "05"))
_CLIENT, _SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def _new_key() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def short_key() -> PrivateKey:
    """RSA with 1024 bits."""
    return rsa.generate_private_key(65_537, 1_024)


def key_pem(key: PrivateKey, passphrase: str = "") -> str:
    how: KeySerializationEncryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()


def signed_with_sha1(host: str) -> tuple[Issued, str]:
    """A certificate for this host as authorities made them before 2015, and the PEM of that authority.

    The library signs none any more, so the signature of a good one is replaced: in both places where the algorithm is
    named, and at the end (RFC 5280, 4.1; RFC 8017, A.2.4).
    """
    signer = rsa.generate_private_key(65_537, 2_048)
    old = Authority("Old Habits", signer)
    good = old.issue(host)
    tbs = good.certificate.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    signature = signer.sign(tbs, padding.PKCS1v15(), hashes.SHA1())
    whole = good.certificate.public_bytes(Encoding.DER).replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    certificate = x509.load_der_x509_certificate(whole[: -len(signature)] + signature)
    return Issued(certificate, good.key), old.pem


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key, and what a server sends above it."""

    certificate: x509.Certificate
    key: PrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def chain(self) -> str:
        return self.pem + "".join(one.public_bytes(Encoding.PEM).decode() for one in self.above)

    def bundle(self, folder: Path) -> Path:
        """Key and chain in one file."""
        path = folder / f"{self.certificate.serial_number:x}.pem"
        path.write_text(key_pem(self.key) + self.chain)
        path.chmod(0o600)
        return path


class Authority:
    """Signs. `above`: the authorities between it and a root, itself first, as a server would send them."""

    _numbers = itertools.count(1)

    def __init__(
        self, name: str = "", key: PrivateKey | None = None, certificate: x509.Certificate | None = None
    ) -> None:
        self.name = name or f"Example CA {next(self._numbers)}"
        self.key = key or _new_key()
        self.above: tuple[x509.Certificate, ...] = ()
        self.certificate = certificate or _sign(self.name, self.key, self.name, self.key, authority=True)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def authority(
        self, name: str = "", key: PrivateKey | None = None, *, since: float = -90, until: float = 90
    ) -> Authority:
        """Another one, signed by this one; valid from and to so many days from now."""
        made = Authority.__new__(Authority)
        made.name, made.key = name or f"Example CA {next(self._numbers)}", key or _new_key()
        made.certificate = _sign(made.name, made.key, self.name, self.key, authority=True, since=since, until=until)
        made.above = (made.certificate, *self.above)
        return made

    def issue(
        self,
        *names: str,
        common_name: str = "",
        since: float = -90,
        until: float = 90,
        key: PrivateKey | None = None,
        use: Sequence[ObjectIdentifier] = (_SERVER, _CLIENT),
    ) -> Issued:
        """A certificate for these hosts and addresses."""
        own = key or _new_key()
        certificate = _sign(
            common_name, own, self.name, self.key,
            names=names, since=since, until=until, use=use,
        )  # fmt: skip
        return Issued(certificate, own, self.above)


def _sign(
    common_name: str,
    key: PrivateKey,
    issuer: str,
    issuer_key: PrivateKey,
    *,
    authority: bool = False,
    names: Sequence[str] = (),
    since: float = -90,
    until: float = 90,
    use: Sequence[ObjectIdentifier] = (),
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since * DAY)
        .not_valid_after(now + until * DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), critical=False)
    if use:
        builder = builder.add_extension(x509.ExtendedKeyUsage(use), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
