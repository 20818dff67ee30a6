"""What a request asked for, so that a second one with the same idempotency key can be held against it."""

from __future__ import annotations

import hashlib
from dataclasses import fields

from postroom.model.message import Draft

__all__ = ["digest_of"]


def digest_of(draft: Draft) -> bytes:
    """What a request asked for, as 32 octets: two requests with one idempotency key must be the same request."""
    hasher = hashlib.blake2b(digest_size=32)
    for part in fields(draft):
        value = getattr(draft, part.name)
        if part.name == "attachments":
            value = [(a.filename, a.content_type, a.content_id, a.inline, hashlib.blake2b(a.content).hexdigest())
                     for a in value]  # fmt: skip
        hasher.update(repr((part.name, value)).encode("utf-8", "surrogatepass"))
    return hasher.digest()
