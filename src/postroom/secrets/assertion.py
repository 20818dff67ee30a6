"""An application's key: how it proves itself to an identity provider without a secret that both know.

What people have is a PEM with a private key and its certificate (Microsoft and most others), or the JSON that Google
gives for a service account. Both become an `AppKey`, which signs assertions (JWT, RFC 7519 and 7523). No error and no
`repr` holds any of the key. Time and chance are arguments.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from postroom.secrets.secret import Secret

__all__ = ["AppKey", "BadKey", "is_key", "read_key", "signed"]

LIFETIME_SECONDS = 600
"""How long an assertion is good: Microsoft and Google allow ten minutes and an hour."""
_EARLY_SECONDS = 30
"""An assertion is dated back a little, for clocks that go slow over there."""
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_LEAST_RSA_BITS = 2048


class BadKey(ValueError):
    """A key that can't be used. The text is a sentence that follows the field's name; the second part mends it."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.mend = mend


@dataclass(frozen=True, slots=True)
class AppKey:
    """`issuer`: whose key it says it is ("" where the account's client id says it); `header`: what tells the provider
    which key it is; `expires_ms`: the end of its certificate, if it has one."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = field(repr=False)
    header: Mapping[str, str]
    issuer: str = ""
    expires_ms: int | None = None
    from_google: bool = False


def is_key(secret: Secret) -> bool:
    """Whether a typed secret is meant as a key, and not as a password or client secret."""
    text = secret.reveal().lstrip()
    return text.startswith(("-----BEGIN", "{"))


def read_key(secret: Secret) -> AppKey:
    """Raises BadKey."""
    text = secret.reveal().strip()
    return _from_google(text) if text.startswith("{") else _from_pem(text)


def signed(key: AppKey, claims: Mapping[str, object], rsa_algorithm: str, now_ms: int, nonce: str) -> str:
    """A JWT with these claims, good from now on. `rsa_algorithm`: "RS256" or "PS256"; a key on P-256 signs ES256."""
    now = now_ms // 1000
    algorithm = rsa_algorithm if isinstance(key.key, rsa.RSAPrivateKey) else "ES256"
    dated = {**claims, "iat": now - _EARLY_SECONDS, "nbf": now - _EARLY_SECONDS, "exp": now + LIFETIME_SECONDS}
    header = {"alg": algorithm, "typ": "JWT", **key.header}
    body = f"{_part(header)}.{_part({**dated, 'jti': nonce})}"
    return f"{body}.{_coded(_signature(key, algorithm, body.encode()))}"


def _signature(key: AppKey, algorithm: str, data: bytes) -> bytes:
    if isinstance(key.key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if algorithm == "PS256":
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return key.key.sign(data, pss, hashes.SHA256())
    return key.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def _part(value: Mapping[str, object]) -> str:
    return _coded(json.dumps(value, separators=(",", ":")).encode())


def _coded(data: bytes) -> str:
    """base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _from_google(text: str) -> AppKey:
    mend = "Paste the whole JSON file that Google gave for the service account's key."
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise BadKey("begins like the JSON of a key but can't be read.", mend) from None
    pem, mail = told.get("private_key"), told.get("client_email")  # a JSON that begins with { is an object
    if not isinstance(pem, str) or not isinstance(mail, str) or not mail or not mail.isprintable():
        raise BadKey("has no private_key and client_email in it, so it is no key of a service account.", mend)
    name = told.get("private_key_id")
    header = {"kid": name} if isinstance(name, str) and name else {}
    return AppKey(_private_key(pem), header, mail, from_google=True)


def _from_pem(text: str) -> AppKey:
    key = _private_key(text)
    for block in _CERTIFICATE.findall(text):
        try:
            certificate = x509.load_pem_x509_certificate(block.encode())
            mine = certificate.public_key() == key.public_key()
        except (ValueError, UnsupportedAlgorithm):
            raise BadKey("has a certificate in it that can't be read.", "Paste it again, as PEM.") from None
        if mine:
            thumbprint = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
            ends = int(certificate.not_valid_after_utc.timestamp() * 1000)
            return AppKey(key, {"x5t#S256": _coded(thumbprint)}, expires_ms=ends)
    if "BEGIN CERTIFICATE" in text:
        mend = "Paste the certificate that was made from this very key."
        raise BadKey("has a certificate in it that does not belong to the private key.", mend)
    return AppKey(key, {})


def _private_key(pem: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    mend = "Paste the private key as PEM: it begins with -----BEGIN PRIVATE KEY-----."
    if "PRIVATE KEY-----" not in pem:
        raise BadKey("has no private key in it.", mend)
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise BadKey("is protected by a passphrase.", "Take the passphrase off: openssl pkey -in key.pem.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey("has a private key in it that can't be read.", mend) from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _LEAST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise BadKey("is neither an RSA key of 2048 bits or more nor one on the curve P-256.", "Make a new key.")
