"""What an attachment may call itself: its media type, its file name, its content id.

Rules kept here: a media type is read with the grammar of RFC 2045 section 5.1 and written anew from what was read, not
copied; types that are structures of their own (multipart, message other than rfc822) are refused, because what is in
them would be a second message nobody checked. A file name is the last part of a path; one with control characters,
characters that turn the direction of writing (`txt.exe` shown as `exe.txt`), or a hidden line end is refused. A content
id has only letters that need no quoting in a header and no escaping in a `cid:` link (RFC 2392).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroom.compose.headers import check_value
from postroom.errors import Fault
from postroom.sentence import Sentence

__all__ = ["MediaType", "check_content_id", "check_filename", "check_media_type", "filename_of", "media_type"]

MAX_FILENAME = 200
MAX_MEDIA_TYPE = 300
MAX_CONTENT_ID = 200

_WORD = r"[A-Za-z0-9!#$&+.^_`{|}~-]{1,127}"
_TYPE = re.compile(rf"({_WORD})/({_WORD})")
_PARAMETER = re.compile(rf' *; *({_WORD})=(?:({_WORD})|"((?:[ !#-\[\]-~]|\\["\\])*)")')
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$&*+/=^_{|}~-]+(?:\.[A-Za-z0-9!#$&*+/=^_{|}~-]+)*")
_TURNING = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_HIDDEN_LINE_END = re.compile(r"%0[0AaDdBbCc]|%[cC]2%85|%[eE]2%80%[aA][89]")


@dataclass(frozen=True, slots=True)
class MediaType:
    """A type as read: lower-case `kind` such as `text/calendar`, and its parameters in their order."""

    kind: str
    parameters: tuple[tuple[str, str], ...] = ()

    def charset(self) -> str | None:
        return next((value for name, value in self.parameters if name == "charset"), None)


def media_type(text: str) -> MediaType | None:
    """Reads `type/subtype; name=value`, or None when it is not one. Parameter names come out in lower case."""
    found = _TYPE.match(text)
    if found is None or len(text) > MAX_MEDIA_TYPE:
        return None
    kind = found.group().lower()
    position = found.end()
    pairs: list[tuple[str, str]] = []
    while position < len(text):
        pair = _PARAMETER.match(text, position)
        if pair is None:
            return None
        name, token, quoted = pair.groups()
        pairs.append((name.lower(), token if token is not None else re.sub(r"\\(.)", r"\1", quoted)))
        position = pair.end()
    return MediaType(kind, tuple(pairs))


def check_media_type(field: str, text: str) -> Fault | None:
    read = media_type(text)
    if read is None:
        return Fault(field, "This is no media type.", "Write it like application/pdf or text/calendar; method=REQUEST.")
    names = [name for name, _ in read.parameters]
    if len(set(names)) != len(names):
        return Fault(field, "A parameter of the media type is given twice.", "Give it once.")
    if not {"name", "filename", "boundary"}.isdisjoint(names):
        return Fault(field, "The parameters name, filename and boundary are written by Postroom.", "Leave them out.")
    top = read.kind.partition("/")[0]
    if top == "multipart" or (top == "message" and read.kind != "message/rfc822"):
        return Fault(
            field,
            Sentence("An attachment can't be of the type {top}/….", top=top),
            "Attach it as message/rfc822 or as a plain file.",
        )
    for _, value in read.parameters:
        fault = check_value(field, value)
        if fault is not None or "=?" in value or "\\" in value or '"' in value:
            return fault or Fault(field, "A parameter has characters that are not allowed.", "Correct the value.")
    return None


def filename_of(text: str) -> str:
    """The name alone, without any path before it, of either kind of separator."""
    return re.split(r"[/\\]", text)[-1].strip()


def check_filename(field: str, text: str) -> Fault | None:
    fault = check_value(field, text)
    if fault is not None:
        return fault
    if _HIDDEN_LINE_END.search(text):
        return Fault(field, "It holds an encoded line end or control character.", "Remove it.")
    found = _TURNING.search(text)
    if found is not None:
        return Fault(
            field,
            Sentence("It holds an invisible character (U+{found:04X}) that can disguise it.", found=ord(found.group())),
            "Remove it.",
        )
    if "\t" in text:
        return Fault(field, "It holds a tab.", "Remove it.")
    name = filename_of(text)
    if name in {"", ".", ".."}:
        return Fault(field, "There is no file name.", "Give one, like report.pdf.")
    if len(name) > MAX_FILENAME:
        return Fault(
            field,
            Sentence("The file name is longer than {max_filename} characters.", max_filename=MAX_FILENAME),
            "Shorten it.",
        )
    return None


def check_content_id(field: str, text: str) -> Fault | None:
    left, at, right = text.partition("@")
    if len(text) <= MAX_CONTENT_ID and _CONTENT_ID.fullmatch(left) and (not at or _CONTENT_ID.fullmatch(right)):
        return None if "=?" not in text else Fault(field, "It looks like an encoded word.", "Use letters and digits.")
    return Fault(
        field,
        Sentence(
            "A content id has letters, digits and a few signs, at most {max_content_id}.", max_content_id=MAX_CONTENT_ID
        ),
        "Use something like logo or logo@example.com.",
    )
