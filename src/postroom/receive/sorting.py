"""What a message that came in is: a report, a receipt, a complaint, an automatic answer, a reply, or something else.

Rules kept here: structure before words. What a program wrote is never taken for a person's reply. Everything found is a
claim of whoever sent it; `Incoming` gathers what may tie it to a message of ours, and the tying checks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from postroom.addresses import Address, BadAddress
from postroom.compose.reading import Part, body_of, loose_header, read_parts
from postroom.compose.submitted_header import mailboxes
from postroom.compose.text import text_from_html
from postroom.model.incoming import Incoming, IncomingKind
from postroom.policy.address_tag import find_tags
from postroom.receive.automatic import why_automatic
from postroom.receive.loose_report import is_loose_report, loose_fates
from postroom.receive.receipts import COMPLAINT, complaint_in, receipt_in
from postroom.receive.report import envelope_id_of, fates_of, reporter_of, status_part
from postroom.receive.written import written

__all__ = ["MAX_CONTENT", "understand"]

MAX_CONTENT = 30_000_000
"""Octets of a message that are read."""
_MAX_IDS = 50
_MOST_TOLD = 100_000

_ID = re.compile(r"<([^<>\s\x00-\x1f\x7f-\x9f@]{1,300}@[^<>\s\x00-\x1f\x7f-\x9f]{1,255})>")
_TOLD_ID = re.compile(
    r"^[ \t>]*message-id[ \t]*:[ \t]*(?:\n[ \t>]+)?"
    r"<?([^<>\s\x00-\x1f\x7f-\x9f@]{1,300}@[^<>\s\x00-\x1f\x7f-\x9f]{1,255})>?",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESSED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "cc", "x-failed-recipients")
_ORIGINAL = frozenset({"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"})


def understand(content: bytes) -> Incoming:
    """Whatever the octets are."""
    parts = read_parts(content[:MAX_CONTENT])
    message = parts[0]
    sender = _sender(message)
    found = Incoming(
        IncomingKind.OTHER,
        sender,
        message.shown("subject"),
        next(iter(_ID.findall(message.shown("message-id"))), ""),
        tags=_tags(message),
        why_automatic=why_automatic(message, sender),
    )
    text = _text(parts)
    return _reported(found, parts, text) or _answered(found, message, text)


def _reported(found: Incoming, parts: Sequence[Part], text: str) -> Incoming | None:
    """As what programs report, or None."""
    about = tuple(dict.fromkeys(_ids_within(parts, text)))[:_MAX_IDS]
    complaint = complaint_in(parts)
    if complaint is not None:
        fates, envelope_id = complaint
        kind = IncomingKind.COMPLAINT
        tags = (*found.tags, *_tags_within(parts))
        return replace(found, kind=kind, fates=fates, envelope_id=envelope_id, message_ids=about, tags=tags)
    receipt = receipt_in(parts)
    if receipt is not None:
        fate, read = receipt
        ids = (read, *about) if read else about
        return replace(found, kind=IncomingKind.RECEIPT, fates=(fate,) if fate else (), message_ids=ids)
    status = status_part(parts)
    if status is not None:
        return replace(
            found,
            kind=IncomingKind.REPORT,
            fates=fates_of(status),
            envelope_id=envelope_id_of(status),
            message_ids=about,
            reporter=reporter_of(status),
        )
    if is_loose_report(parts[0], text):
        return replace(found, kind=IncomingKind.REPORT, fates=loose_fates(parts[0], text), message_ids=about)
    return None


def _answered(found: Incoming, message: Part, text: str) -> Incoming:
    """As what somebody answers: his reply, or a program's. What answers nothing is something else."""
    about = tuple(dict.fromkeys(_ids_above(message)))[:_MAX_IDS]
    if found.why_automatic:
        kind = IncomingKind.AUTOMATIC
    elif about or found.tags:
        kind = IncomingKind.REPLY
    else:
        kind = IncomingKind.OTHER
    return replace(found, kind=kind, message_ids=about, text=written(text))


def _sender(message: Part) -> str:
    """Who wrote it, or "" where that can't be read."""
    for name in ("from", "sender"):
        one = message.header.first(name)
        if one is None:
            continue
        try:
            return next(iter(mailboxes(one))).spec
        except (BadAddress, StopIteration):
            return _first_spec(one.text)
    return ""


def _first_spec(text: str) -> str:
    for spec in re.findall(r"[^\s<>\"(),;:]{1,64}@[^\s<>\"(),;:]{1,255}", text[:2_000]):
        try:
            return Address.parse(spec).spec
        except BadAddress:
            continue
    return ""


def _tags(message: Part) -> tuple[str, ...]:
    return find_tags(" ".join(field.text for name in _ADDRESSED for field in message.header.all(name)[:20]))


def _tags_within(parts: Sequence[Part]) -> Iterator[str]:
    """In the return path of the mail that is complained of: who tells us blanks the recipient there, but not that."""
    for part in parts:
        if part.kind == COMPLAINT and part.within is None:
            told = loose_header(part.octets()[:_MOST_TOLD])
            yield from find_tags(" ".join(field.text for field in told.all("original-mail-from")[:5]))
        elif part.within is not None:
            yield from find_tags(part.shown("return-path"))
        elif part.kind in _ORIGINAL:
            given = loose_header(part.octets()[:_MOST_TOLD])
            yield from find_tags(" ".join(field.text for field in given.all("return-path")[:5]))


def _text(parts: Sequence[Part]) -> str:
    plain = body_of(parts)
    if plain is not None:
        return plain.text()
    html = body_of(parts, "text/html")
    return "" if html is None else text_from_html(html.text()[:500_000])


def _ids_above(message: Part) -> Iterator[str]:
    """What it answers: In-Reply-To first, then References from the newest to the oldest."""
    for name in ("in-reply-to", "references"):
        for field in message.header.all(name):
            yield from reversed(_ID.findall(field.text[:20_000]))


def _ids_within(parts: Sequence[Part], text: str) -> Iterator[str]:
    """Of the message that it gives back, whole or its header; then as it tells in its text; then as a reply would."""
    for part in parts:
        if part.within is not None:
            yield from _ID.findall(part.shown("message-id"))
        elif part.kind in _ORIGINAL:
            yield from _TOLD_ID.findall(part.octets()[:300_000].decode("utf-8", "replace"))
    yield from _TOLD_ID.findall(text[:300_000])
    yield from _ids_above(parts[0])
