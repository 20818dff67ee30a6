"""SCRAM from the server's side, written from RFC 5802 with nothing but hashes: a peer that shares no code with ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

__all__ = ["ByTheBook"]


class ByTheBook:
    """One SCRAM exchange from the server's side (RFC 5802, 5 to 7), with nothing but hashes.

    `binding`: what this side sees of the link, for those mechanisms that bind. `known`: the types it understands.
    """

    def __init__(
        self, name: str, binding: bytes, known: Sequence[str], offers_plus: bool, password: str = "pencil"
    ) -> None:
        self._bound = name.endswith("-PLUS")
        self._hash = "sha256" if "256" in name else "sha1"
        self._binding, self._known, self._offers_plus = binding, known, offers_plus
        self._salted = hashlib.pbkdf2_hmac(self._hash, password.encode(), b"salt of 16 bytes", 4096)
        self.flag = ""

    def first(self, message: bytes) -> bytes:
        self.flag, _authzid, self._bare = message.decode().split(",", 2)
        if self.flag.startswith("p=") != self._bound:
            return b"e=other-error"
        if self.flag == "y" and self._offers_plus:
            return b"e=server-does-support-channel-binding"
        if self._bound and self.flag[2:] not in self._known:
            return b"e=unsupported-channel-binding-type"
        nonce = dict(part.split("=", 1) for part in self._bare.split(","))["r"]
        self._first = f"r={nonce}ours,s={base64.b64encode(b'salt of 16 bytes').decode()},i=4096"
        return self._first.encode()

    def final(self, message: bytes) -> bytes:
        without, _, proof = message.decode().rpartition(",p=")
        given = base64.b64decode(without.split(",")[0].removeprefix("c="))
        if given != f"{self.flag},,".encode() + (self._binding if self._bound else b""):
            return b"e=channel-bindings-dont-match"
        said = f"{self._bare},{self._first},{without}".encode()
        key = self._mac(self._salted, b"Client Key")
        signature = self._mac(hashlib.new(self._hash, key).digest(), said)
        if base64.b64decode(proof) != bytes(a ^ b for a, b in zip(key, signature, strict=True)):
            return b"e=invalid-proof"
        return b"v=" + base64.b64encode(self._mac(self._mac(self._salted, b"Server Key"), said))

    def _mac(self, key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, self._hash).digest()
