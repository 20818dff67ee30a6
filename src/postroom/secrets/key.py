"""One key of the ring. Its material shows nowhere: not in a repr, not among the locals of a traceback, not pickled."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from functools import lru_cache
from typing import NoReturn, Self, final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from postroom.clock import now_ms

__all__ = ["KEY_ID_SIZE", "Key"]

KEY_SIZE = 32
KEY_ID_SIZE = 8


@final
class Key:
    """`id` is derived from the key, so it is the same everywhere. `created_ms` is 0 where nobody noted it."""

    __slots__ = ("_material", "created_ms", "id")

    def __init__(self, material: bytes, created_ms: int = 0) -> None:
        self.id = hashlib.sha256(b"postroom key id" + material).digest()[:KEY_ID_SIZE]
        self.created_ms = created_ms
        self._material = material

    @classmethod
    def new(cls) -> Self:
        return cls(os.urandom(KEY_SIZE), now_ms())

    @classmethod
    def from_text(cls, text: str, created_ms: int = 0) -> Self:
        """From base64, of either alphabet. Raises ValueError, without the text, when it is not 32 octets."""
        try:
            material = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            material = b""
        if len(material) != KEY_SIZE:
            raise ValueError("not 32 octets in base64")
        return cls(material, created_ms)

    @property
    def name(self) -> str:
        """The id as people write it."""
        return self.id.hex()

    def text(self) -> str:
        """The key in base64, for the file of the ring and for nothing else."""
        return base64.b64encode(self._material).decode()

    def for_tenant(self, tenant_id: int) -> AESGCM:
        """The tenant's data key, derived (HKDF-SHA-256, RFC 5869; `info` names the tenant) and ready to use."""
        return _data_key(self, tenant_id)

    def derived(self, info: bytes) -> bytes:
        """32 octets for one purpose, which `info` names (HKDF-SHA-256, RFC 5869); they tell nothing of the key."""
        return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=None, info=info).derive(self._material)

    def __repr__(self) -> str:
        return f"<Key {self.name}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Key is not pickled")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


@lru_cache(maxsize=1024)
def _data_key(key: Key, tenant_id: int) -> AESGCM:
    return AESGCM(key.derived(b"postroom tenant %d" % tenant_id))
