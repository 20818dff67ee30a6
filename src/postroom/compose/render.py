"""From a letter to the bytes of a message (RFC 5322, MIME), fixed for good by the letter, its id and its date.

Rules kept here: the same arguments give the same bytes in any process (P5); a letter with faults is never rendered, so
a caller who forgot to check can't inject a header (P9); no Bcc field exists; the bytes have CRLF line ends only and no
line over 998 octets. Order of the fields: origin and recipients, subject, identity, the application's own, MIME. What a
server adds (Received, Return-Path) and signatures are left to others, who put them before these bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from postroom.compose.footer import html_with_footer, text_with_footer
from postroom.compose.headers import addresses, unstructured
from postroom.compose.letter import Letter, faults, is_plainly_right
from postroom.compose.message_id import is_message_id
from postroom.compose.mime import Entity, attachment, boundaries, multipart, text_part
from postroom.compose.text import text_from_html
from postroom.errors import BadInput, Fault

__all__ = ["Rendered", "date_of", "render"]

_DAYS = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")
_MONTHS = ("Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb")
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999: RFC 5322 has four digits for a year."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished message. `size` is in octets; `eight_bit` and `smtputf8` say what the road has to offer."""

    content: bytes = field(repr=False)
    size: int
    eight_bit: bool
    smtputf8: bool


def render(letter: Letter, *, message_id: str, date_ms: int, seed: bytes | None = None) -> Rendered:
    """The bytes of a letter. `date_ms`: milliseconds UTC; `message_id`: without brackets; `seed`: for the boundaries.

    Raises BadInput with every fault of the letter at once, so nothing unfit is ever written.
    """
    if not is_plainly_right(letter):
        found = faults(letter)
        if found:
            raise BadInput(found)
    if not is_message_id(message_id):
        raise BadInput((Fault("message_id", "This is no Message-ID.", "It looks like id@example.com."),))
    body = _body(letter, message_id.encode("ascii") if seed is None else seed)
    head = _head(letter, message_id, date_ms).encode()
    content = b"".join([head, *body])
    international = not head.isascii()
    return Rendered(content, len(content), international, international)


def _head(letter: Letter, message_id: str, date_ms: int) -> str:
    lines = [f"Date: {date_of(date_ms)}", addresses("From", (letter.sender,))]
    if letter.originator is not None and letter.originator.key != letter.sender.key:
        lines.append(addresses("Sender", (letter.originator,)))
    if letter.reply_to:
        lines.append(addresses("Reply-To", letter.reply_to))
    if letter.to:
        lines.append(addresses("To", letter.to))
    elif not letter.cc:
        # A message without any recipient field looks like spam to many filters (RFC 5322 allows an empty group).
        lines.append("To: undisclosed-recipients:;")
    if letter.cc:
        lines.append(addresses("Cc", letter.cc))
    lines.append(unstructured("Subject", letter.subject))
    lines.append(f"Message-ID: <{message_id}>")
    if letter.receipt_to is not None:
        lines.append(addresses("Disposition-Notification-To", (letter.receipt_to,)))
    lines.extend([unstructured(name, value) for name, value in letter.headers])
    lines.append("MIME-Version: 1.0\r\n")
    return "\r\n".join(lines)


def date_of(date_ms: int) -> str:
    """RFC 5322 section 3.3 in UTC: `Thu, 20 Nov 2025 08:43:00 +0000`. Raises ValueError outside 1970 to 9999."""
    if not 0 <= date_ms <= _LAST_MS:
        raise ValueError("a date lies between the years 1970 and 9999")
    days, seconds = divmod(date_ms // 1000, 86_400)
    minutes, second = divmod(seconds, 60)
    return f"{_day_of(days)} {minutes // 60:02d}:{minutes % 60:02d}:{second:02d} +0000"


@lru_cache(maxsize=16)
def _day_of(days: int) -> str:
    """The date of a number of days since 1970-01-01, reckoned in years that begin in March: the leap day comes last."""
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    return f"{_DAYS[days % 7]}, {day + 1:02d} {_MONTHS[month]} {era * 400 + year + (month > 9):04d}"


def _body(letter: Letter, seed: bytes) -> Entity:
    text, html = letter.text, letter.html
    if text is None and html is not None:
        text = text_from_html(html) or None
    footer = letter.footer
    if footer is not None:
        text = text_with_footer(text, footer) if text is not None else None
        html = html_with_footer(html, footer) if html is not None else None
    shown = text_part("plain", text) if text is not None else None
    rich = text_part("html", html) if html is not None else None
    if not letter.attachments and (shown is None or rich is None):
        return shown or rich or []
    return _joined(letter, seed, shown, rich)


def _joined(letter: Letter, seed: bytes, shown: Entity | None, rich: Entity | None) -> Entity:
    """mixed(alternative(text, related(html, pictures)), files), without the levels that would hold one part."""
    pictures: list[Entity] = []
    files: list[Entity] = []
    for item in letter.attachments:
        belongs = rich is not None and item.inline and item.content_id is not None
        (pictures if belongs else files).append(attachment(item))
    bodies = [part for part in (shown, rich) if part is not None]
    mixed, related, alternative = boundaries(seed, [*bodies, *pictures, *files])
    if rich is not None and pictures:
        rich = multipart("related", related, [rich, *pictures], parameter=' type="text/html";')
    if shown is not None and rich is not None:
        body = multipart("alternative", alternative, [shown, rich])
    else:
        body = shown or rich or []
    if not files:
        return body
    return multipart("mixed", mixed, [body, *files] if body else files)
