"""Another From for a message that is written already: a second rendering, with the same Message-ID and everything else.

Only for bytes of our own writing, whose head has exactly one From field (see `render`).
"""

from __future__ import annotations

import re

from postroom.addresses import Address
from postroom.compose.headers import addresses

__all__ = ["with_sender"]

_FROM = re.compile(rb"^From:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", re.MULTILINE)


def with_sender(content: bytes, sender: Address) -> bytes:
    """The message with this From. Raises ValueError when its head has no From field."""
    head, blank, body = content.partition(b"\r\n\r\n")
    changed, count = _FROM.subn(lambda _: addresses("From", (sender,)).encode() + b"\r\n", head + b"\r\n", count=1)
    if not count:
        raise ValueError("the message has no From field")
    return changed[:-2] + blank + body
