"""The mail that everybody sends: 2 KB composed, text and HTML, one recipient."""

from __future__ import annotations

import json
from pathlib import Path

from postroom.addresses import Address
from postroom.compose.letter import Letter
from postroom.compose.render import render
from postroom.model.message import Draft

__all__ = ["DATE_MS", "HTML", "LETTER", "MESSAGE_ID", "SENDER", "SUBJECT", "TEXT", "TO", "batch_body", "body", "draft",
           "letter_file", "octets"]  # fmt: skip

SENDER = Address("orders", "shop.example", "The Shop")
TO = Address("joe.doe", "customer.example", "Joe Doe")
_TO_TEXT = f"{TO.name} <{TO.spec}>"
SUBJECT = "Your order 4711 is on its way"
TEXT = "\n".join(["Your order has left our house and will reach you within two days."] * 11)
HTML = f"<html><body>\n{TEXT.replace('Your', '<p>Your').replace('days.', 'days.</p>')}\n</body></html>"
MESSAGE_ID = "0abcdefghjkm@shop.example"
DATE_MS = 1_763_628_180_000
LETTER = Letter(SENDER, (TO,), subject=SUBJECT, text=TEXT, html=HTML)


def octets() -> bytes:
    """The mail as Postroom composes it."""
    return render(LETTER, message_id=MESSAGE_ID, date_ms=DATE_MS).content


def letter_file(folder: Path) -> Path:
    """The same octets as smtp-source wants them: it adds the carriage returns itself."""
    path = folder / "letter"
    path.write_bytes(octets().replace(b"\r\n", b"\n"))
    return path


def draft() -> Draft:
    return Draft(to=(_TO_TEXT,), subject=SUBJECT, text=TEXT, html=HTML)


def _message() -> dict[str, object]:
    return {"to": [_TO_TEXT], "subject": SUBJECT, "text": TEXT, "html": HTML}


def body() -> bytes:
    """One message as the body of a request."""
    return json.dumps(_message()).encode()


def batch_body(messages: int) -> bytes:
    return json.dumps({"messages": [_message()] * messages}).encode()
