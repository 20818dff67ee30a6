"""Certificates on disk for the servers of the tests: good ones, and the ones that must be refused.

Every file is a PEM with key and chain, as `ssl.SSLContext.load_cert_chain` takes it; `ca` is what a client trusts.
"""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Certificates"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """One CA and what it signed, a stranger's CA, and a certificate that nobody signed."""

    ca: Path
    good: Path
    """For localhost and 127.0.0.1."""
    wrong_host: Path
    """Valid, but for `elsewhere.test` only."""
    expired: Path
    not_yet_valid: Path
    other_ca: Path
    stranger: Path
    """For localhost, signed by `other_ca`."""
    self_signed: Path

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        """Makes all of them in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        ours, theirs = trustme.CA(), trustme.CA()
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        ours.cert_pem.write_to_path(str(folder / "ca.pem"))
        theirs.cert_pem.write_to_path(str(folder / "other-ca.pem"))
        return cls(
            ca=folder / "ca.pem",
            good=_issued(ours, folder / "good.pem"),
            wrong_host=_issued(ours, folder / "wrong-host.pem", names=("elsewhere.test",)),
            expired=_issued(ours, folder / "expired.pem", before=now - 30 * day, after=now - day),
            not_yet_valid=_issued(ours, folder / "not-yet-valid.pem", before=now + day, after=now + 30 * day),
            other_ca=folder / "other-ca.pem",
            stranger=_issued(theirs, folder / "stranger.pem"),
            self_signed=_self_signed(folder / "self-signed.pem", now),
        )

    def server_context(self, certificate: Path | None = None) -> ssl.SSLContext:
        """A server's context with the given certificate, by default the good one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate or self.good)
        return context

    def client_context(self) -> ssl.SSLContext:
        """A client's context that trusts `ca` and nothing else."""
        return ssl.create_default_context(cafile=str(self.ca))


def _issued(
    ca: trustme.CA,
    path: Path,
    names: tuple[str, ...] = ("localhost", "127.0.0.1"),
    before: datetime.datetime | None = None,
    after: datetime.datetime | None = None,
) -> Path:
    issued = ca.issue_cert(*names, not_before=before, not_after=after)
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    path.chmod(0o600)
    return path


def _self_signed(path: Path, now: datetime.datetime) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    path.chmod(0o600)
    return path
