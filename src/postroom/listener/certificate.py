"""The server's certificate, the operator's or a self-signed one that is made once and kept; and the TLS it serves.

Rules kept here: TLS 1.2 at least, no compression, no renegotiation, the server's order of ciphers (forward secrecy and
AEAD only). A private key that we make is readable by nobody else from its first moment. A certificate that was renewed
on disk is used for new connections without a restart; one that can't be read then changes nothing.
"""

from __future__ import annotations

import datetime
import os
import ssl
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from postroom.errors import BadSettings, Fault

__all__ = ["Certificate", "make_self_signed"]

_YEARS = 10
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class Certificate:
    """`chain` and `key` are PEM files. `context` is for new connections; `refresh` looks whether the files changed.

    Raises BadSettings when they can't be used.
    """

    def __init__(self, chain: Path, key: Path, minimum: str) -> None:
        self._chain = chain
        self._key = key
        self._minimum = minimum
        self._stamp = self._stamps()
        try:
            self.context = self._load()
        except (OSError, ValueError) as error:
            raise BadSettings([Fault("smtp_certificate", *_what_is_wrong(error, chain, key))]) from None

    def refresh(self) -> str:
        """Loads the files anew when they changed. Returns why they can't be used, "" when all is well."""
        stamp = self._stamps()
        if stamp == self._stamp:
            return ""
        self._stamp = stamp
        try:
            self.context = self._load()
        except (OSError, ValueError) as error:
            return " ".join(_what_is_wrong(error, self._chain, self._key))
        return ""

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3 if self._minimum == "1.3" else ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.load_cert_chain(self._chain, self._key, password=_no_password)
        return context

    def _stamps(self) -> tuple[tuple[int, int], ...]:
        stamps = []
        for path in (self._chain, self._key):
            try:
                found = path.stat()
            except OSError:
                stamps.append((0, 0))
            else:
                stamps.append((found.st_mtime_ns, found.st_ino))
        return tuple(stamps)


def _no_password() -> str:
    """Without this, OpenSSL would ask for it at the terminal."""
    raise ValueError("the private key is protected by a password")


def _what_is_wrong(error: Exception, chain: Path, key: Path) -> tuple[str, str]:
    if isinstance(error, ssl.SSLError):
        detail = "the key does not belong to the certificate" if "MISMATCH" in str(error) else "they are not PEM"
    elif isinstance(error, OSError):
        detail = os.strerror(error.errno) if error.errno else str(error)
    else:
        detail = str(error)
    where = str(chain) if chain == key else f"{chain} with {key}"
    return f"{where} can't be used: {detail}.", "Give a certificate with its chain and its unprotected key, in PEM."


def make_self_signed(path: Path, host: str) -> None:
    """Makes a key and a certificate for `host` and this machine's own names, in one file that only its owner reads."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret + certificate.public_bytes(serialization.Encoding.PEM))
    fresh.replace(path)


def _usage() -> x509.KeyUsage:
    """Signing, also of itself: whoever trusts it trusts it as its own authority, and strict clients want that said."""
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(host: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ip_address(own)) for own in ("127.0.0.1", "::1")]
    plain = host.strip("[]").removeprefix("IPv6:")
    try:
        literal = x509.IPAddress(ip_address(plain))
    except ValueError:
        return [x509.DNSName(host), *names] if host.isascii() and host != "localhost" else names
    return names if literal in names else [literal, *names]
