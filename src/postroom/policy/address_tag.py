"""Addresses that lead back to one recipient of one message, signed: whoever makes one up is not believed.

A tag goes into a local part, `post+TAG@example.com` or, at providers without plus-addressing, into the whole of it.
Local parts lose their case on many ways, so a tag is base 32 in one case: a letter for what it is for, the message's
number, the recipient's number, and 80 bits of an HMAC over all of it with the tenant and the purpose. That is 37
characters of the 64 that RFC 5321, 4.5.3.1.1 allows. An address that a tag does not fit into stays as it is: cut, it
would be somebody else's.
"""

from __future__ import annotations

import hmac
import re
import struct
from base64 import b32decode, b32encode
from typing import NamedTuple

from postroom.addresses import Address, BadAddress
from postroom.model.account import AddressTag

__all__ = [
    "BOUNCE",
    "EVERYBODY",
    "REPLY",
    "Tag",
    "find_tags",
    "fits",
    "make_tag",
    "message_in",
    "read_tag",
    "tagged",
    "tagged_spec",
]

BOUNCE = "b"
"""Where reports go: the return path (VERP)."""
REPLY = "r"
"""Where a person's answer goes: Reply-To."""
EVERYBODY = 2**32 - 1
"""In the place of a recipient's number: all of a message's recipients were told the same address."""

_MAC = 10
_LENGTH = 37
_LOCAL = 64
_PACKED = struct.Struct(">QI")
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*/=?^_`{|}~.-]+")
_TAG = re.compile(r"(?<![a-z2-7])[br][a-z2-7]{36}(?![a-z2-7])")


class Tag(NamedTuple):
    """`n` is the recipient's number within the message, or EVERYBODY."""

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
    octets = _octets(text)
    packed, mac = octets[: _PACKED.size], octets[_PACKED.size :]
    if not hmac.compare_digest(mac, _mac(secret, tenant_id, text[0], packed)):
        return None
    return Tag(text[0], *_PACKED.unpack(packed))


def message_in(text: str) -> int | None:
    """The message that a tag speaks of, whoever made it: to find out whose key can prove it."""
    return None if _TAG.fullmatch(text) is None else int(_PACKED.unpack(_octets(text)[: _PACKED.size])[0])


def find_tags(text: str) -> tuple[str, ...]:
    """What looks like a tag in the addresses of a field. Whether we made it is `read_tag`'s to say."""
    return tuple(dict.fromkeys(_TAG.findall(text.lower()[:10_000])))


def fits(address: Address, how: AddressTag) -> bool:
    """Whether a tag goes into this address in this way."""
    if how is AddressTag.PLUS:
        base = address.local.partition("+")[0]
        return bool(base) and len(base) + 1 + _LENGTH <= _LOCAL and _PLAIN.fullmatch(base) is not None
    return how is AddressTag.WHOLE


def tagged(address: Address, how: AddressTag, tag: str) -> Address:
    """`post@x.org` → `post+TAG@x.org` or `TAG@x.org`; what already has a plus loses what stands behind it."""
    if not fits(address, how):
        return address
    local = tag if how is AddressTag.WHOLE else f"{address.local.partition('+')[0]}+{tag}"
    return Address(local, address.domain, address.name)


def tagged_spec(spec: str, how: AddressTag, tag: str) -> str:
    """The same for an address as the envelope has it; "" stays nobody."""
    try:
        return tagged(Address.parse(spec), how, tag).spec
    except BadAddress:
        return spec


def _octets(text: str) -> bytes:
    return b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))


def _mac(secret: bytes, tenant_id: int, purpose: str, packed: bytes) -> bytes:
    said = b"postroom address tag\0" + struct.pack(">Q", tenant_id) + purpose.encode("ascii") + packed
    return hmac.digest(secret, said, "sha256")[:_MAC]
