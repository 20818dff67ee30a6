"""Letters for the tests, and how they are rendered there."""

from __future__ import annotations

from dataclasses import replace

from postroom.addresses import Address
from postroom.compose.letter import Attachment, Letter
from postroom.compose.render import Rendered, render

SENDER = Address("office", "sender.example", "The Office")
TO = Address("joe", "to.example", "Joe Doe")
ID = "0123@sender.example"
DATE_MS = 1_763_628_180_123
PLAIN = Letter(SENDER, (TO,), subject="Hello", text="Good morning\n")
FILE = Attachment("report.pdf", b"%PDF\x00\xff\r\n", "application/pdf")
PICTURE = Attachment("logo.png", b"\x89PNG", "image/png", content_id="logo", inline=True)


def letter(**changes: object) -> Letter:
    return replace(PLAIN, **changes)  # type: ignore[arg-type]


def rendered(this: Letter) -> Rendered:
    return render(this, message_id=ID, date_ms=DATE_MS)


def content(**changes: object) -> bytes:
    return rendered(letter(**changes)).content
