"""Addresses that lead back to one recipient of one message, signed: whoever makes one up is not believed.

A tag goes into a local part, `post+TAG@example.com` or, at providers without plus-addressing, into the whole of it.
Local parts lose their case on many ways, so a tag is base 32 in one case: a letter for what it is for, the message's
number, the recipient's number, and 80 bits of an HMAC over all of it with the tenant and the purpose. That is 37
characters of the 64 that RFC 5321, 4.5.3.1.1 allows.
"""

from __future__ import annotations

import hmac
import re
import struct
from base64 import b32decode, b32encode
from typing import NamedTuple

__all__ = ["BOUNCE", "REPLY", "Tag", "find_tags", "make_tag", "read_tag", "with_tag"]

BOUNCE = "b"
"""Where reports go: the return path (VERP)."""
REPLY = "r"
"""Where a person's answer goes: Reply-To."""

_MAC = 10
_PACKED = struct.Struct(">QI")
_TAG = re.compile(r"(?<![a-z2-7])[br][a-z2-7]{36}(?![a-z2-7])")


class Tag(NamedTuple):
    """`n` is the recipient's number within the message."""

    purpose: str
    message_id: int
    n: int


def make_tag(secret: bytes, tenant_id: int, tag: Tag) -> str:
    packed = _PACKED.pack(tag.message_id, tag.n)
    return (
        tag.purpose
        + b32encode(packed + _mac(secret, tenant_id, tag.purpose, packed)).decode("ascii").rstrip("=").lower()
    )


def read_tag(secret: bytes, tenant_id: int, text: str) -> Tag | None:
    """The tag, if we made it for this tenant; None for anything else."""
    if _TAG.fullmatch(text) is None:
        return None
    octets = b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))
    packed, mac = octets[: _PACKED.size], octets[_PACKED.size :]
    if not hmac.compare_digest(mac, _mac(secret, tenant_id, text[0], packed)):
        return None
    return Tag(text[0], *_PACKED.unpack(packed))


def find_tags(text: str) -> tuple[str, ...]:
    """What looks like a tag in the addresses of a field. Whether we made it is `read_tag`'s to say."""
    return tuple(dict.fromkeys(_TAG.findall(text.lower()[:10_000])))


def with_tag(local: str, tag: str) -> str:
    """`post` and a tag → `post+TAG`; what already has a plus loses what stands behind it."""
    base = local.partition("+")[0]
    return f"{base[: 63 - len(tag)]}+{tag}"


def _mac(secret: bytes, tenant_id: int, purpose: str, packed: bytes) -> bytes:
    said = b"postroom address tag\0" + struct.pack(">Q", tenant_id) + purpose.encode("ascii") + packed
    return hmac.digest(secret, said, "sha256")[:_MAC]
