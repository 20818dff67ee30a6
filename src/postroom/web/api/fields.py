"""The fields of a message in JSON, as one table: name, what it becomes in a `Draft`, its check, schema and sentence.

Checking and the OpenAPI document are both made from it, so a field can't be taken without being documented. Written by
hand and not as a pydantic model because it is faster on the hot path and names faults in our words. Only what JSON can
get wrong is checked here (types, base64, times, words); what makes a good message is `intake`'s, for every door alike.
null means "not given".
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from postroom.addresses import Address, BadAddress
from postroom.clock import parse_iso
from postroom.errors import BadInput, Fault
from postroom.model.message import Draft, DraftAttachment, Priority
from postroom.model.tenant import UnknownPolicy
from postroom.web.api.faults import Faults, kind_of, shown

__all__ = ["ATTACHMENT", "MESSAGE", "Field", "draft_from", "in_json_names"]

Check = Callable[[Any, str, Faults], Any]
Schema = Mapping[str, object]

_QUOTE = "Give text in quotes."


def _text(value: Any, where: str, faults: Faults) -> str:
    if type(value) is str:
        return value
    faults.add(where, f"is {kind_of(value)}, but has to be text.", _QUOTE)
    return ""


def _flag(value: Any, where: str, faults: Faults) -> bool:
    if type(value) is bool:
        return value
    faults.add(where, f"is {kind_of(value)}, but has to be true or false.", "Write true or false, without quotes.")
    return False


def _texts(value: Any, where: str, faults: Faults) -> tuple[str, ...]:
    """One text or a list of them."""
    if type(value) is str:
        return (value,)
    if type(value) is not list:
        faults.add(where, f"is {kind_of(value)}, but has to be text or a list of texts.", 'Write ["one", "two"].')
        return ()
    for place, one in enumerate(value):
        if type(one) is not str:
            faults.add(f"{where}[{place}]", f"is {kind_of(one)}, but has to be text.", _QUOTE)
            if faults.full:
                break
    return tuple(value)


def _pairs(value: Any, where: str, faults: Faults) -> tuple[tuple[str, str], ...]:
    if type(value) is not dict:
        faults.add(where, f"is {kind_of(value)}, but has to be an object of texts.", 'Write {"name": "value"}.')
        return ()
    for name, one in value.items():
        if type(one) is not str:
            faults.add(f"{where}.{shown(name)}", f"is {kind_of(one)}, but has to be text.", _QUOTE)
            if faults.full:
                break
    return tuple(value.items())


def _values(value: Any, where: str, faults: Faults) -> dict[str, Any] | None:
    """Looked at by the template."""
    if type(value) is dict:
        return value
    faults.add(where, f"is {kind_of(value)}, but has to be an object.", 'Write {"name": "Ann"}.')
    return None


def _headers(value: Any, where: str, faults: Faults) -> tuple[tuple[str, str], ...]:
    """Like `_pairs`, but a header may come several times: its value is then a list."""
    if type(value) is not dict:
        faults.add(where, f"is {kind_of(value)}, but has to be an object of texts.", 'Write {"X-Name": "value"}.')
        return ()
    found = []
    for name, one in value.items():
        found += [(name, text) for text in _texts(one, f"{where}.{shown(name)}", faults)]
        if faults.full:
            break
    return tuple(found)


def _moment(value: Any, where: str, faults: Faults) -> int | None:
    text = _text(value, where, faults)
    if not text:
        if value == "":
            faults.add(where, "is empty.", "Leave it out, or write a time like 2026-11-20T14:30:00+01:00.")
        return None
    try:
        return parse_iso(text)
    except (ValueError, OverflowError) as error:
        faults.add(where, f"{error}.", "Write a time like 2026-11-20T14:30:00+01:00.")
        return None


_PRIORITIES = {priority.name.lower(): priority for priority in Priority}
_POLICIES = {policy.value: policy.value for policy in UnknownPolicy}


def _one_of(words: Mapping[str, Any]) -> Check:
    listed = ", ".join(words)

    def check(value: Any, where: str, faults: Faults) -> Any:
        if type(value) is str and value in words:
            return words[value]
        problem = "is none of the words that are known here." if type(value) is str else f"is {kind_of(value)}."
        faults.add(where, problem, f"Write one of: {listed}.")
        return None

    return check


def _base64(value: Any, where: str, faults: Faults) -> bytes:
    text = _text(value, where, faults)
    if not text:
        return b""
    packed: str | bytes = text
    if "\n" in text or "\r" in text or " " in text:  # broken into lines as in mail
        packed = b"".join(text.encode("ascii", "replace").split())
    try:
        return binascii.a2b_base64(packed, strict_mode=True)
    except ValueError:
        faults.add(where, "is not base64 (RFC 4648 section 4).", "Encode the octets of the file with base64.")
        return b""


@dataclass(frozen=True, slots=True)
class Field:
    """One row. `into` is the field of `Draft` or `DraftAttachment` it becomes."""

    into: str
    check: Check
    schema: Schema
    sentence: str
    example: object = None


_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_TEXT_LIST: Schema = {"type": "array", "items": {"type": "string"}}
_ADDRESSES: Schema = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_MOMENT: Schema = {"type": "string", "format": "date-time"}

ATTACHMENT: dict[str, Field] = {
    "filename": Field("filename", _text, _TEXT, "The name of the file, as the recipient sees it.", "invoice.pdf"),
    "content": Field(
        "content", _base64, {"type": "string", "contentEncoding": "base64"}, "The file in base64.", "JVBERi0xLjcK"
    ),
    "content_type": Field(
        "content_type", _text, _TEXT, "Its media type. Without it: application/octet-stream.", "application/pdf"
    ),
    "content_id": Field("content_id", _text, _TEXT, "The name by which HTML shows it: `cid:logo`."),
    "inline": Field("inline", _flag, _FLAG, "Whether it is shown in the text and not listed as a file."),
}

_REQUIRED_OF_ATTACHMENT = ("filename", "content")
_ATTACHMENT_WORDS = {
    "name": "filename",
    "file_name": "filename",
    "data": "content",
    "type": "content_type",
    "contentType": "content_type",
    "mime_type": "content_type",
    "cid": "content_id",
    "contentId": "content_id",
    "path": "Postroom reads no files for a caller; give the content in base64.",
    "href": "Postroom fetches nothing for a caller; give the content in base64.",
}


def _attachments(value: Any, where: str, faults: Faults) -> tuple[DraftAttachment, ...]:
    if type(value) is not list:
        faults.add(where, f"is {kind_of(value)}, but has to be a list of objects.", 'Write [{"filename": …}].')
        return ()
    found = []
    for place, one in enumerate(value):
        if faults.full:
            break
        made = _attachment(one, f"{where}[{place}]", faults)
        if made is not None:
            found.append(made)
    return tuple(found)


def _attachment(value: Any, where: str, faults: Faults) -> DraftAttachment | None:
    if type(value) is not dict:
        faults.add(where, f"is {kind_of(value)}, but has to be an object.", 'Write {"filename": …, "content": …}.')
        return None
    before = len(faults)
    values = _checked(value, ATTACHMENT, f"{where}.", faults, _ATTACHMENT_WORDS)
    for name in _REQUIRED_OF_ATTACHMENT:
        if value.get(name) is None:
            faults.add(f"{where}.{name}", "is missing.", ATTACHMENT[name].sentence)
    return DraftAttachment(**values) if len(faults) == before else None


_ADDRESS_EXAMPLE = "Ann Example <ann@example.org>"

MESSAGE: dict[str, Field] = {
    "from": Field("sender", _text, _TEXT, "The sender, `Name <address>`. Without it: the default.", "news@example.com"),
    "to": Field("to", _texts, _ADDRESSES, "Recipients, one or a list: `Name <address>`.", [_ADDRESS_EXAMPLE]),
    "cc": Field("cc", _texts, _ADDRESSES, "Recipients of a copy."),
    "bcc": Field("bcc", _texts, _ADDRESSES, "Recipients of a copy that the others do not see."),
    "reply_to": Field("reply_to", _texts, _ADDRESSES, "Where answers go, if the account leaves that to applications."),
    "return_path": Field("return_path", _text, _TEXT, "Where delivery reports go (the envelope's sender)."),
    "subject": Field("subject", _text, _TEXT, "The subject.", "Your invoice"),
    "text": Field("text", _text, _TEXT, "The text. Without it, one is made from `html`.", "Dear Ann, …"),
    "html": Field("html", _text, _TEXT, "The HTML.", "<p>Dear Ann, …</p>"),
    "template": Field("template", _text, _TEXT, "The template that says it, instead of subject, text and HTML."),
    "language": Field("language", _text, _TEXT, "Of the template. Without it: the recipient's, else its default."),
    "variables": Field(
        "variables", _values, {"type": "object", "additionalProperties": True}, "What the template wants, by name."
    ),
    "attachments": Field(
        "attachments",
        _attachments,
        {"type": "array", "items": {"$ref": "#/components/schemas/Attachment"}},
        "Files that go along, and images shown in the HTML.",
    ),
    "headers": Field(
        "headers",
        _headers,
        {"type": "object", "additionalProperties": _ADDRESSES},
        "Further header fields; a list as the value repeats the field.",
        {"X-Case": "4711"},
    ),
    "kind": Field("kind", _text, _TEXT, "The kind of mail, in your words: `invoice`, `password-reset`.", "invoice"),
    "priority": Field(
        "priority",
        _one_of(_PRIORITIES),
        {"type": "string", "enum": list(_PRIORITIES), "default": "normal"},
        "What is urgent overtakes what is not.",
    ),
    "send_at": Field("send_at_ms", _moment, _MOMENT, "Not before this time (RFC 3339, with an offset)."),
    "expires_at": Field("expires_at_ms", _moment, _MOMENT, "Not after this time; then it is given up."),
    "tags": Field("tags", _texts, _TEXT_LIST, "Words to find it by.", ["november"]),
    "metadata": Field(
        "metadata",
        _pairs,
        {"type": "object", "additionalProperties": {"type": "string"}},
        "Anything you want to get back with it; never sent.",
        {"order": "4711"},
    ),
    "account": Field("account", _text, _TEXT, "The account to send through, by name or id. Without it: as set up."),
    "hold": Field("hold", _flag, _FLAG, "Accept it, but keep it until it is released."),
    "secret": Field("secret", _flag, _FLAG, "Nobody may read the content; it is wiped after delivery."),
    "receipt": Field("request_receipt", _flag, _FLAG, "Ask for a read confirmation (RFC 8098). Without it: as set up."),
    "receipt_to": Field("receipt_to", _text, _TEXT, "Where the read confirmation goes."),
    "unknown": Field(
        "unknown_policy",
        _one_of(_POLICIES),
        {"type": "string", "enum": list(_POLICIES)},
        "When the server's last answer never came: send again, or hold for a person. Without it: as set up.",
    ),
}
"""Every field a message can have in JSON."""

_FIRST_NAME = re.compile(r"[a-z_]+")
_JSON_NAMES = {field.into: name for name, field in MESSAGE.items() if field.into != name}

_OTHER_WORDS = {
    "sender": "from",
    "from_email": "from",
    "fromEmail": "from",
    "recipient": "to",
    "recipients": "to",
    "replyTo": "reply_to",
    "body": "text",
    "content": "text",
    "message": "text",
    "plain": "text",
    "text_body": "text",
    "textBody": "text",
    "html_body": "html",
    "htmlBody": "html",
    "files": "attachments",
    "sendAt": "send_at",
    "scheduled_at": "send_at",
    "expiresAt": "expires_at",
    "category": "kind",
    "template_id": "template",
    "vars": "variables",
    "data": "variables",
    "locale": "language",
    "read_receipt": "receipt",
    "message_id": "Postroom makes it, so that it stays the same in every attempt.",
    "date": "Postroom sets it when it accepts the message.",
    "idempotency_key": "Send it as the header Idempotency-Key.",
}


def _checked(
    given: Mapping[str, Any], table: Mapping[str, Field], prefix: str, faults: Faults, words: Mapping[str, str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in given.items():
        row = table.get(name)
        if row is None:
            faults.unknown(prefix[:-1], name, table, words)
        elif value is not None:
            values[row.into] = row.check(value, prefix + name, faults)
        if faults.full:
            break
    return values


def draft_from(given: Any, faults: Faults, where: str = "") -> Draft:
    """The draft that a JSON value describes. Adds what is wrong to `faults`; then the draft is not to be used."""
    if type(given) is not dict:
        faults.add(where, f"is {kind_of(given)}, but a message is an object.", 'Write {"to": …, "subject": …}.')
        return Draft()
    prefix = f"{where}." if where else ""
    before = len(faults)
    values = _checked(given, MESSAGE, prefix, faults, _OTHER_WORDS)
    if len(faults) > before:
        _look_at_addresses(values, prefix, faults)
    return Draft() if faults else Draft(**values)


def _look_at_addresses(values: Mapping[str, Any], prefix: str, faults: Faults) -> None:
    """Addresses are read behind the door, which is not asked where something else is wrong: so that everything is told
    at once, they are looked at here then.
    """
    told = {fault.field for fault in faults}
    named = [("from", values.get("sender"))]
    for name in ("to", "cc", "bcc", "reply_to"):
        named += [(f"{name}[{place}]", text) for place, text in enumerate(values.get(name) or ())]
    for name, text in named:
        if not text or not isinstance(text, str) or prefix + name in told or faults.full:
            continue
        try:
            Address.parse(text)
        except BadAddress as error:
            faults.add(prefix + name, error.problem, error.mend)


def in_json_names(error: BadInput, where: str = "") -> BadInput:
    """Faults that were found behind the door, with the names the caller knows the fields by; `where` goes before."""
    return BadInput([Fault(_json_name(fault.field, where), fault.problem, fault.mend) for fault in error.faults])


def _json_name(field: str, where: str) -> str:
    name = _FIRST_NAME.sub(lambda found: _JSON_NAMES.get(found.group(), found.group()), field, count=1)
    return f"{where}.{name}" if where and name else name or where
