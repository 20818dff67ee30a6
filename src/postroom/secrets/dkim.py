"""Private keys of DKIM: made here or read from what somebody pastes, and turned into something that signs.

Kept as PKCS #8 in PEM, sealed like every secret; an opened one is a `Signer`, which shows and gives away nothing of it
(P7). No error holds any of the key.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import NoReturn, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from postroom.model.dkim import DkimAlgorithm, DkimKey
from postroom.secrets.assertion import BadKey
from postroom.secrets.seal import SealedTo
from postroom.secrets.secret import Secret
from postroom.sentence import Sentence

__all__ = ["RSA_BITS", "Pair", "Signer", "made", "read_pair", "sealed_to", "signer"]

RSA_BITS = (2048, 3072, 4096)
_ED25519_BITS = 256
_SEED_OCTETS = 32
_Private = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@final
class Pair:
    """A new key: the private half to be sealed, the public half for the record."""

    __slots__ = ("algorithm", "bits", "private", "public_key")

    def __init__(self, key: _Private) -> None:
        self.algorithm = DkimAlgorithm.RSA if isinstance(key, rsa.RSAPrivateKey) else DkimAlgorithm.ED25519
        self.bits = key.key_size if isinstance(key, rsa.RSAPrivateKey) else _ED25519_BITS
        self.public_key = _public(key)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.private = Secret(pem.decode("ascii"))

    def __repr__(self) -> str:
        return f"<Pair {self.algorithm} of {self.bits} bits>"


@final
class Signer:
    """An opened private key. `sign` makes a signature as its algorithm wants it; safe in any thread."""

    __slots__ = ("_sign",)

    def __init__(self, sign: Callable[[bytes], bytes]) -> None:
        self._sign = sign

    def sign(self, octets: bytes) -> bytes:
        return self._sign(octets)

    def __repr__(self) -> str:
        return "<Signer>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Signer is not pickled")


def made(algorithm: DkimAlgorithm, bits: int) -> Pair:
    """A new pair. `bits`: one of `RSA_BITS`; says nothing for Ed25519. An RSA key may take a second."""
    if algorithm is DkimAlgorithm.ED25519:
        return Pair(ed25519.Ed25519PrivateKey.generate())
    return Pair(rsa.generate_private_key(public_exponent=65_537, key_size=bits))


def read_pair(secret: Secret) -> Pair:
    """The pair of a pasted private key: PEM, or for Ed25519 also its 32 octets in base64. Raises BadKey."""
    text = secret.reveal().strip()
    key = _from_pem(text) if text.startswith("-----") else _from_seed(text)
    if isinstance(key, ed25519.Ed25519PrivateKey) or (isinstance(key, rsa.RSAPrivateKey) and key.key_size in RSA_BITS):
        return Pair(key)
    listed = ", ".join(map(str, RSA_BITS))
    raise BadKey(
        Sentence("is neither an RSA key of {listed} bits nor an Ed25519 key.", listed=listed),
        "Let Postroom make a new one.",
    )


def _from_pem(text: str) -> object:
    mend = (
        "Paste the private key as PEM: it begins with -----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----."
    )
    if "PRIVATE KEY-----" not in text:
        raise BadKey("is not a private key.", mend)
    try:
        return load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise BadKey("is protected by a passphrase.", "Take the passphrase off: openssl pkey -in key.pem.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey("can't be read.", mend) from None


def _from_seed(text: str) -> ed25519.Ed25519PrivateKey:
    try:
        seed = base64.b64decode(text, validate=True)
    except ValueError:
        seed = b""
    if len(seed) != _SEED_OCTETS:
        raise BadKey("is not a private key.", "Paste it as PEM: it begins with -----BEGIN PRIVATE KEY-----.")
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed)


def _public(key: _Private) -> str:
    """What stands in `p=`: SubjectPublicKeyInfo for RSA (RFC 6376, 3.6.1), the 32 octets for Ed25519 (RFC 8463, 4)."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(octets).decode("ascii")


def signer(private: Secret) -> Signer:
    """What signs with a key of ours."""
    key = load_pem_private_key(private.reveal().encode("ascii"), password=None)
    if isinstance(key, rsa.RSAPrivateKey):
        sign_rsa = key.sign
        return Signer(lambda octets: sign_rsa(octets, padding.PKCS1v15(), hashes.SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return Signer(key.sign)
    raise ValueError("not a key that DKIM knows")


def sealed_to(key: DkimKey) -> SealedTo:
    """What a private key is sealed to: its domain and selector, and the public half that its record shows."""
    return SealedTo(
        tenant_id=key.tenant_id,
        account_id=key.id,
        host=key.domain,
        port=0,
        encryption=f"dkim {key.algorithm}",
        user=key.selector,
        token_url=key.public_key,
    )
