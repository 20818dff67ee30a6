"""A security key in software: makes passkeys and answers with them as a browser hands it on, and lies when told to.

ES256, attestation "none", from `cryptography` and CBOR alone, so that it shares no code with what checks it (W3C
WebAuthn level 3, sections 6.1, 6.5 and 5.8.1).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["Authenticator", "Credential", "Lies", "text_of"]

_PRESENT, _VERIFIED, _BACKUP_POSSIBLE, _BACKED_UP, _ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def text_of(octets: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def octets_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Credential:
    key: ec.EllipticCurvePrivateKey
    id: bytes
    handle: bytes
    count: int = 0


@dataclass(frozen=True)
class Lies:
    """What is not as an honest key and browser would have it; None: it is."""

    origin: str | None = None
    rp_id: str | None = None
    challenge: str | None = None
    kind: str | None = None
    handle: bytes | None = None
    without_handle: bool = False
    verified: bool = True
    cross_origin: bool = False
    count: int | None = None
    signed: bytes | None = None
    """Replaces the signature."""


HONEST = Lies()


@dataclass
class Authenticator:
    """One key at one browser, whose page has this origin. `counts`: whether it counts its uses, as hardware does."""

    origin: str
    counts: bool = True
    credentials: list[Credential] = field(default_factory=list)

    def create(self, options: Mapping[str, Any], lies: Lies = HONEST) -> dict[str, Any]:
        """What `navigator.credentials.create(…).toJSON()` gives."""
        known = {one["id"] for one in options.get("excludeCredentials", ())}
        assert not known & {text_of(one.id) for one in self.credentials}, "a key makes no second passkey"
        assert options["authenticatorSelection"]["userVerification"] == "required"
        assert options["authenticatorSelection"]["residentKey"] == "required"
        assert -7 in {one["alg"] for one in options["pubKeyCredParams"]}
        new = Credential(ec.generate_private_key(ec.SECP256R1()), os.urandom(32), octets_of(options["user"]["id"]))
        self.credentials.append(new)
        point = new.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        attested = bytes(16) + len(new.id).to_bytes(2, "big") + new.id + cbor2.dumps(public)
        data = self._data(options["rp"]["id"], _ATTESTED, new, lies) + attested
        statement = {"fmt": "none", "attStmt": {}, "authData": data}
        client = self._client("webauthn.create", options["challenge"], lies)
        response = {
            "clientDataJSON": text_of(client),
            "attestationObject": text_of(cbor2.dumps(statement)),
            "transports": ["internal", "usb"],
        }
        return self._answer(new, response)

    def get(
        self, options: Mapping[str, Any], lies: Lies = HONEST, credential: Credential | None = None
    ) -> dict[str, Any]:
        """What `navigator.credentials.get(…).toJSON()` gives; with the newest passkey, or this one."""
        assert options["userVerification"] == "required"
        used = credential or self.credentials[-1]
        used.count += 1 if self.counts else 0
        data = self._data(options["rpId"], 0, used, lies)
        client = self._client("webauthn.get", options["challenge"], lies)
        signature = used.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": text_of(client),
            "authenticatorData": text_of(data),
            "signature": text_of(lies.signed or signature),
            "userHandle": text_of(lies.handle or used.handle),
        }
        if lies.without_handle:
            del response["userHandle"]
        return self._answer(used, response)

    def _data(self, rp_id: str, flags: int, credential: Credential, lies: Lies) -> bytes:
        flags |= _PRESENT | _BACKUP_POSSIBLE | _BACKED_UP | (_VERIFIED if lies.verified else 0)
        count = credential.count if lies.count is None else lies.count
        return hashlib.sha256((lies.rp_id or rp_id).encode()).digest() + bytes([flags]) + count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, lies: Lies) -> bytes:
        said = {
            "type": lies.kind or kind,
            "challenge": lies.challenge or challenge,
            "origin": lies.origin or self.origin,
            "crossOrigin": lies.cross_origin,
        }
        return json.dumps(said).encode()

    @staticmethod
    def _answer(credential: Credential, response: Mapping[str, Any]) -> dict[str, Any]:
        number = text_of(credential.id)
        return {
            "id": number,
            "rawId": number,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": dict(response),
        }
