"""Signed tags in addresses that mail comes back to, by the keys of the ring.

Each key gives each tenant a secret of its own for this and nothing else. Tags are made by the current key; those that
older keys of the ring made still lead back, as mail comes back late.
"""

from __future__ import annotations

from functools import lru_cache

from postroom.addresses import Address
from postroom.model.account import AddressTag
from postroom.policy.address_tag import BOUNCE, EVERYBODY, REPLY, Tag, make_tag, read_tag, tagged, tagged_spec
from postroom.secrets.key import Key
from postroom.secrets.ring import KeyRing

__all__ = ["Tagging"]


class Tagging:
    """Makes and reads tags; safe to use from several threads."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def return_path(self, tenant_id: int, message_id: int, n: int, spec: str, how: AddressTag) -> str:
        """What MAIL names for this recipient, or "" where it is not tagged."""
        if how is AddressTag.OFF or not spec:
            return ""
        return tagged_spec(spec, how, self._made(tenant_id, Tag(BOUNCE, message_id, n)))

    def reply_address(
        self, tenant_id: int, message_id: int, recipients: int, address: Address, how: AddressTag
    ) -> Address:
        """What Reply-To names: all of a message's recipients read the same octets."""
        n = 0 if recipients == 1 else EVERYBODY
        return tagged(address, how, self._made(tenant_id, Tag(REPLY, message_id, n)))

    def read(self, tenant_id: int, text: str) -> Tag | None:
        """The tag, if this installation made it for this tenant."""
        for key in reversed(self._ring.keys):
            found = read_tag(_secret(key, tenant_id), tenant_id, text)
            if found is not None:
                return found
        return None

    def _made(self, tenant_id: int, tag: Tag) -> str:
        return make_tag(_secret(self._ring.current, tenant_id), tenant_id, tag)


@lru_cache(maxsize=1024)
def _secret(key: Key, tenant_id: int) -> bytes:
    return key.derived(b"postroom address tags of tenant %d" % tenant_id)
