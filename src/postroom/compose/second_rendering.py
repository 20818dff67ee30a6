"""A message from another sender than it was written for: for an account that lets mail leave from its own address only.

Pure and repeatable: the same three values always give the same octets, so nothing but them has to be kept (promise P5).
From becomes the account's own, the wanted sender gets the answers unless somebody was named for them, everything else,
Message-ID and Date above all, stays as it was. Signatures that the message had are taken out, because every one of them
covers From; who signs it instead is the caller's to say.
"""

from __future__ import annotations

import re

from postroom.addresses import Address
from postroom.compose.from_line import with_sender
from postroom.compose.headers import addresses

__all__ = ["render_again"]

_SIGNATURE = re.compile(rb"^DKIM-Signature:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", re.MULTILINE | re.IGNORECASE)
_REPLY_TO = re.compile(rb"^Reply-To:", re.MULTILINE | re.IGNORECASE)


def render_again(content: bytes, sender: Address, wanted: Address) -> bytes:
    """The message with this From, and Reply-To the wanted one. Raises ValueError when its head has no From field."""
    head, blank, body = with_sender(content, sender).partition(b"\r\n\r\n")
    head = _SIGNATURE.sub(b"", head + b"\r\n")[:-2]
    if _REPLY_TO.search(head):
        return head + blank + body
    return head + b"\r\n" + addresses("Reply-To", (wanted,)).encode() + blank + body
