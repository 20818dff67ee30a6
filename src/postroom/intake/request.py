"""What a request asked for, so that a second one with the same idempotency key can be held against it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields

from postroom.model.message import Draft

__all__ = ["digest_of"]


_NOT_ALWAYS = frozenset({"template", "language", "variables", "bulk_id", "template_version"})


def digest_of(draft: Draft) -> bytes:
    """What a request asked for, as 32 octets: two requests with one idempotency key must be the same request."""
    hasher = hashlib.blake2b(digest_size=32)
    for part in fields(draft):
        value = getattr(draft, part.name)
        if part.name in _NOT_ALWAYS and not value:
            continue  # as it was before there were such fields: a request may be repeated across an update
        if part.name == "variables":
            value = json.dumps(value, sort_keys=True)
        elif part.name == "attachments":
            value = [(a.filename, a.content_type, a.content_id, a.inline, hashlib.blake2b(a.content).hexdigest())
                     for a in value]  # fmt: skip
        hasher.update(repr((part.name, value)).encode("utf-8", "surrogatepass"))
    return hasher.digest()
