"""Links that stand for a right: what is in them is sealed, so that nobody can read, guess or forge one.

The envelope is that of all secrets (see `seal`), bound to the link's purpose: one made for a file opens no
preferences. Nothing is stored; a link is good until the time that is sealed in it, or until the key it was sealed with
is taken out of the ring.
"""

from __future__ import annotations

import base64
import binascii
import json
from functools import lru_cache
from typing import Any

from postroom.errors import KeyUnreadable, SecretSealed
from postroom.model.tenant import INSTALLATION
from postroom.secrets.ring import KeyRing
from postroom.secrets.seal import SealedTo

__all__ = ["link_token", "read_link_token"]

_LONGEST = 4_096


def link_token(ring: KeyRing, purpose: str, values: list[Any], expires_ms: int) -> str:
    """As it stands in an address: letters, digits, `-` and `_`. `values`: what JSON holds."""
    text = json.dumps([expires_ms, *values], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(ring.seal(text, _sealed_to(purpose))).decode("ascii").rstrip("=")


def read_link_token(ring: KeyRing, purpose: str, token: str, now_ms: int) -> list[Any] | None:
    """What was put into it; None for anything that is no link of ours, of this purpose, or whose time is over."""
    if len(token) > _LONGEST or not token.isascii():
        return None
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        expires_ms, *values = json.loads(ring.open(sealed, _sealed_to(purpose)).reveal())
    except (binascii.Error, ValueError, SecretSealed, KeyUnreadable):
        return None
    return values if expires_ms > now_ms else None


@lru_cache(maxsize=8)
def _sealed_to(purpose: str) -> SealedTo:
    """No account and no connector has an encryption of this name."""
    return SealedTo(INSTALLATION, 0, "", 0, f"link {purpose}", "")
