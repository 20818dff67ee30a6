"""Python's own `email` messages in the words of a message: what can be said in words is; `as_bytes` keeps the rest.

The words leave out what Postroom writes itself (Date, Message-ID, the MIME structure). A message that has to stay as it
is, octet by octet, goes by `send_raw`.
"""

from __future__ import annotations

import email
import email.policy
import io
from collections.abc import Iterator
from email.generator import BytesGenerator
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from typing import Any, cast

from postroom.client.letter import Attachment, Words
from postroom.client.mailboxes import mailboxes_in

__all__ = ["as_bytes", "key_of", "words_of"]

_ADDRESSES = {"to": "to", "cc": "cc", "bcc": "bcc", "reply-to": "reply_to"}
_ASKED = {f"x-postroom-{word.replace('_', '-')}": word for word in ("kind", "priority", "send_at", "expires_at")}
_TAG = "x-postroom-tag"
KEY = "x-postroom-idempotency-key"
"""What a message that is handed over by SMTP asks for in fields of its own, it may ask for here, too."""
_OURS = frozenset({"from", "sender", "subject", "date", "message-id", "mime-version", "return-path", KEY, *_ADDRESSES})


def as_bytes(message: Message) -> bytes:
    """The message with CRLF line ends, whatever policy it was made with, and with lines that begin with `From ` as
    they are."""
    octets = io.BytesIO()
    BytesGenerator(octets, mangle_from_=False, policy=message.policy.clone(linesep="\r\n")).flatten(message)
    return octets.getvalue()


def words_of(message: Message) -> Words:
    """The words for this message. A part that was given no name gets one. Raises ValueError when it can't be read."""
    try:
        return cast(Words, _words_of(_modern(message)))
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError):
        # Python's parser of headers stumbles over odd ones in many ways.
        raise ValueError("this message can't be read by Python's email package; send_raw takes it as it is") from None


def _words_of(parsed: EmailMessage) -> dict[str, Any]:
    words: dict[str, Any] = {}
    if "from" in parsed:
        words["sender"] = next(iter(_addresses(parsed, "from")), "")
    for name, word in _ADDRESSES.items():
        if name in parsed:
            words[word] = _addresses(parsed, name)
    if "subject" in parsed:
        words["subject"] = str(parsed["subject"])
    return_path = _addresses(parsed, "return-path")
    if return_path:
        words["return_path"] = return_path[0]
    words |= _bodies(parsed)
    headers: dict[str, list[str]] = {}
    for name, raw in parsed.raw_items():
        lower = name.lower()
        if lower in _OURS or lower.startswith("content-"):
            continue
        value = str(parsed.policy.header_fetch_parse(name, raw))
        if lower in _ASKED:
            words[_ASKED[lower]] = value
        elif lower == _TAG:
            words.setdefault("tags", []).extend(tag for each in value.split(",") if (tag := each.strip()))
        else:
            headers.setdefault(name, []).append(value)
    if headers:
        words["headers"] = headers
    return words


def key_of(message: Message) -> str:
    """The idempotency key that the message itself names, or nothing."""
    return str(message[KEY] or "").strip()


def _modern(message: Message) -> EmailMessage:
    """The same message as an EmailMessage, whose headers are structured."""
    if isinstance(message, EmailMessage) and isinstance(message.policy, email.policy.EmailPolicy):
        return message
    return email.message_from_bytes(as_bytes(message), policy=email.policy.default)


def _addresses(message: EmailMessage, name: str) -> list[str]:
    """The mailboxes of these fields, as they are written.

    Not as Python's own parser reads them: it decodes what only looks encoded, and so finds another address than the one
    that stands there.
    """
    found = []
    for field, value in message.raw_items():
        if field.lower() == name:
            text = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            found += [_spelled(*parts) for parts in mailboxes_in(" ".join(text.split("\n")).replace("\r", ""))]
    return [text for text in found if text]


def _spelled(name: str, address: str) -> str:
    if address.startswith('"') and "@" in address.rpartition("@")[0]:
        raise ValueError("an address in it may hide another one")
    if "=?" in name and not name.startswith('"'):
        name = str(make_header(decode_header(name)))
    if name and not name.startswith('"') and not name.replace(" ", "").isalnum():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        name = f'"{escaped}"'
    return f"{name} <{address}>" if name else address


def _bodies(message: EmailMessage) -> dict[str, Any]:
    """Text, HTML, and everything else as attachments."""
    found: dict[str, Any] = {}
    chosen: list[EmailMessage] = []
    for kind, word in (("plain", "text"), ("html", "html")):
        part = cast("EmailMessage | None", message.get_body((kind,)))
        if part is not None and part.get_content_type() == f"text/{kind}":
            found[word] = _text(part)
            chosen.append(part)
    files = [_attachment(part, number) for number, part in enumerate(_leaves(message, chosen), 1)]
    return found | ({"attachments": files} if files else {})


def _leaves(message: EmailMessage, chosen: list[EmailMessage]) -> Iterator[EmailMessage]:
    """Every part that is neither a multipart nor one of the bodies; what lies in an attached message is its own."""
    if any(message is part for part in chosen):
        return
    if message.get_content_maintype() != "multipart":
        if message.get_payload():
            yield message
        return
    for part in message.iter_parts():
        yield from _leaves(cast(EmailMessage, part), chosen)


def _attachment(part: EmailMessage, number: int) -> Attachment:
    kind = part.get_content_type()
    named = part.get_filename()
    content_id = str(part["content-id"] or "").strip().removeprefix("<").removesuffix(">")
    if part.get_content_maintype() == "message":
        inner = part.get_payload(0)
        content = as_bytes(inner) if isinstance(inner, Message) else str(inner).encode("utf-8", "surrogateescape")
    else:
        content = cast("bytes | None", part.get_payload(decode=True)) or b""
    inline = bool(content_id) and part.get_content_disposition() != "attachment"
    return Attachment(named or f"part-{number}", content, kind, content_id, inline)


def _text(part: EmailMessage) -> str:
    """The text with LF line ends. An unknown charset is read as UTF-8."""
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, KeyError):
        return (cast("bytes | None", part.get_payload(decode=True)) or b"").decode("utf-8", "replace")
