"""A message from another sender than it was written for: for an account that lets mail leave from its own address only.

Pure and repeatable: the same three values always give the same octets, so nothing but them has to be kept (promise P5).
From becomes the account's own, the wanted sender gets the answers unless somebody was named for them, everything else,
Message-ID and Date above all, stays as it was.
"""

from __future__ import annotations

import re

from postroom.addresses import Address
from postroom.compose.from_line import with_sender
from postroom.compose.headers import addresses

__all__ = ["render_again"]

_REPLY_TO = re.compile(rb"^Reply-To:", re.MULTILINE | re.IGNORECASE)


def render_again(content: bytes, sender: Address, wanted: Address) -> bytes:
    """The message with this From, and Reply-To the wanted one. Raises ValueError when its head has no From field."""
    rendered = with_sender(content, sender)
    head, blank, body = rendered.partition(b"\r\n\r\n")
    if _REPLY_TO.search(head):
        return rendered
    return head + b"\r\n" + addresses("Reply-To", (wanted,)).encode() + blank + body
