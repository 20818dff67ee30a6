"""Any message read into its parts: what a person is shown of it, and what programs say in it.

`submitted_header` refuses what can be understood in two ways, because such a message would be sent on. From what is
read here nothing is sent, so whatever comes is taken as well as it can be.

Rules kept here:
- No octets make it fail. What can't be decoded is shown as it stands, with U+FFFD for what is no character.
- Bounded and linear (A19): so many octets of header, so many fields, parts and levels; what goes beyond is not taken
  apart. Parts are views of one message: nothing is copied before somebody asks for its octets.
- Text for people (`filename`, `Part.shown`) has no control characters; `Part.text` keeps line ends and tabs only.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from postroom.compose.media import filename_of
from postroom.compose.submitted_header import MAX_FIELDS, MAX_HEADER, Field, Header, readable, shown

__all__ = ["MAX_DEPTH", "MAX_PARTS", "MAX_TEXT", "Part", "body_of", "loose_header", "read_parts"]

MAX_PARTS = 200
MAX_DEPTH = 12
MAX_TEXT = 4_000_000
"""Octets of one text that are decoded."""
_MAX_PARAMETERS = 40

_EMPTY_LINE = re.compile(rb"\r?\n(?=\r?\n)")
_BARE_LINE_END = re.compile(rb"(?<!\r)\n")
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*+)", re.MULTILINE)
_KIND = re.compile(r"[ \t]*([A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127})")
_PARAMETER = re.compile(r';[ \t]*([^\s=;"*]{1,60})(\*\d{1,3})?(\*)?[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*+)"|([^;"]*))')
_ESCAPED = re.compile(r"\\(.)")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CHARSET = re.compile(
    r"utf-?8|utf-16(?:le|be)?|us-ascii|ascii|iso-?8859-\d{1,2}|latin-?1|windows-12\d\d|cp(?:12\d\d|437|850|932)|koi8-[ru]"
    r"|gb2312|gbk|gb18030|big5|euc-(?:jp|kr)|shift_jis|iso-2022-(?:jp|kr)|macintosh",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One entity (RFC 2045, 2.4), a leaf or what holds others.

    `number`: its place, `1`, `2.1`; empty for the whole message, `2.0` for the message that part 2 holds. `within`: the
    number of the message/rfc822 part it stands in, or None. `kind`: the lower-case media type.
    """

    number: str
    within: str | None
    header: Header = field(repr=False)
    kind: str
    parameters: Mapping[str, str] = field(repr=False)
    disposition: str
    filename: str
    content_id: str
    body: memoryview = field(repr=False)

    @property
    def is_attachment(self) -> bool:
        """Whether a reader shows it as a file and not as text."""
        if self.disposition == "attachment":
            return True
        return bool(self.filename) or self.kind not in ("text/plain", "text/html")

    def octets(self) -> bytes:
        """The body without its transfer encoding; what of it can't be decoded stands as it is."""
        encoding = _said(self.header, "content-transfer-encoding").lower()
        raw = bytes(self.body)
        if encoding == "base64":
            return _from_base64(raw)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(raw)
        return raw

    def text(self) -> str:
        """The body as text with LF as line end. Paragraphs of `format=flowed` are joined (RFC 3676)."""
        octets = self.octets()[:MAX_TEXT]
        text = _decoded(octets, self.parameters.get("charset", "")).replace("\r\n", "\n").replace("\r", "\n")
        if self.parameters.get("format", "").lower() == "flowed":
            text = _unflowed(text, joined=self.parameters.get("delsp", "").lower() == "yes")
        return _CONTROL.sub("\ufffd", text)

    def shown(self, name: str) -> str:
        """A field's first value for people, or nothing."""
        return shown(_said(self.header, name))


def read_parts(content: bytes) -> tuple[Part, ...]:
    """The message itself first, then all that is in it, in the order of the text."""
    parts: list[Part] = []
    waiting: list[tuple[str, str | None, memoryview, int, str]] = [("", None, memoryview(content), 0, "text/plain")]
    while waiting and len(parts) < MAX_PARTS:
        number, within, octets, depth, usual = waiting.pop()
        part = _part(number, within, octets, usual)
        parts.append(part)
        if depth >= MAX_DEPTH:
            continue
        if part.kind == "message/rfc822":
            waiting.append((f"{number or 1}.0", number, _inner(part), depth + 1, "text/plain"))
        elif part.kind.startswith("multipart/"):
            inside = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
            prefix = number.removesuffix(".0")
            views = _split(part.body, part.parameters.get("boundary", ""))
            numbered = [(f"{prefix}.{place}".lstrip("."), view) for place, view in enumerate(views, 1)]
            waiting += [(own, within, view, depth + 1, inside) for own, view in reversed(numbered)]
    return tuple(parts)


def body_of(parts: Iterable[Part], kind: str = "text/plain") -> Part | None:
    """The first text of this kind that belongs to the message itself and is no file."""
    own = (part for part in parts if part.within is None)
    return next((part for part in own if part.kind == kind and not part.is_attachment), None)


def loose_header(octets: bytes) -> Header:
    """Such of these lines as are fields; those that are none are passed over."""
    lines = _BARE_LINE_END.sub(b"\r\n", octets[:MAX_HEADER])
    fields = []
    for one in _FIELD.finditer(lines):
        fields.append(Field(one[1].decode("ascii").lower(), one.start(), one.end(), one[2]))
        if len(fields) == MAX_FIELDS:
            break
    return Header(lines, tuple(fields))


# -- entities ---------------------------------------------------------------------------------------------------------


def _part(number: str, within: str | None, octets: memoryview, usual: str) -> Part:
    header, start = _header(octets)
    kind, parameters = _typed(_said(header, "content-type"), usual)
    disposition, more = _disposed(_said(header, "content-disposition"))
    name = readable(more.get("filename") or parameters.get("name", ""))
    return Part(
        number,
        within,
        header,
        kind,
        parameters,
        disposition,
        filename_of(name)[:200],
        _said(header, "content-id").strip("<> \t")[:200],
        octets[start:],
    )


def _header(octets: memoryview) -> tuple[Header, int]:
    """The fields that can be read, and where the body begins."""
    head = bytes(octets[:MAX_HEADER])
    if head.startswith((b"\r\n", b"\n")):
        return Header(b"", ()), head.index(b"\n") + 1
    found = _EMPTY_LINE.search(head)
    end = found.end() if found is not None else len(head)
    start = end + (2 if head.startswith(b"\r\n", end) else 1) if found is not None else end
    return loose_header(head[:end]), min(start, len(octets))


def _said(header: Header, name: str) -> str:
    found = header.first(name)
    return "" if found is None else found.text


def _inner(part: Part) -> memoryview:
    """A message in a message, whose transfer encoding should not be any, and is with some senders (RFC 2046, 5.2.1)."""
    encoded = _said(part.header, "content-transfer-encoding").lower() in ("base64", "quoted-printable")
    return memoryview(part.octets()) if encoded else part.body


def _split(body: memoryview, boundary: str) -> list[memoryview]:
    """The parts between the boundaries (RFC 2046, 5.1.1); one that is never closed ends with the text."""
    raw = boundary.rstrip(" ").encode("utf-8", "replace")
    if not raw or len(raw) > 200:
        return []
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(raw) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    views: list[memoryview] = []
    start = -1
    for found in delimiter.finditer(body):
        if start >= 0:
            views.append(_after_line_end(body, start, found.start()))
        start = found.end()
        if found[1] or len(views) >= MAX_PARTS:
            return views
    if start >= 0:
        views.append(_after_line_end(body, start, len(body)))
    return views


def _after_line_end(body: memoryview, start: int, end: int) -> memoryview:
    """The line end of the boundary itself belongs to nobody."""
    for line_end in (b"\r\n", b"\n"):
        if bytes(body[start : start + len(line_end)]) == line_end:
            return body[min(start + len(line_end), end) : end]
    return body[start:end]


# -- what entities call themselves ------------------------------------------------------------------------------------


def _typed(text: str, usual: str) -> tuple[str, Mapping[str, str]]:
    found = _KIND.match(text)
    if found is None:
        return usual, {}
    return found[1].lower(), _parameters(text[found.end() :])


def _disposed(text: str) -> tuple[str, Mapping[str, str]]:
    name, semicolon, rest = text.partition(";")
    return name.strip().lower()[:40], _parameters(semicolon + rest)


def _parameters(text: str) -> Mapping[str, str]:
    """Names in lower case. Long and foreign ones are put together again (RFC 2231); the first of a name counts."""
    pieces: dict[str, list[tuple[int, str, bool]]] = {}
    for count, found in enumerate(_PARAMETER.finditer(text)):
        if count == _MAX_PARAMETERS:
            break
        name, place, encoded, quoted, plain = found.groups()
        value = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain.strip()
        pieces.setdefault(name.lower(), []).append((int(place[1:]) if place else -1, value, bool(encoded)))
    return {name: _joined(found) for name, found in pieces.items()}


def _joined(pieces: list[tuple[int, str, bool]]) -> str:
    plain = [value for place, value, encoded in pieces if place < 0 and not encoded]
    ordered = sorted(piece for piece in pieces if piece[0] >= 0 or piece[2])
    if not ordered:
        return plain[0]
    charset, octets = "", b""
    for place, (_, piece, encoded) in enumerate(ordered):
        value = piece
        if encoded and place == 0 and piece.count("'") >= 2:
            charset, _, value = piece.split("'", 2)
        octets += unquote_to_bytes(value) if encoded else value.encode("utf-8", "replace")
    return _decoded(octets, charset)


# -- texts ------------------------------------------------------------------------------------------------------------


def _from_base64(raw: bytes) -> bytes:
    """As much as can be decoded: what is cut off, or has a foreign line below it, is still read."""
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw.partition(b"=")[0])
    return binascii.a2b_base64(letters[: len(letters) - (len(letters) % 4 == 1)] + b"=" * (-len(letters) % 4))


def _decoded(octets: bytes, charset: str) -> str:
    if charset and _CHARSET.fullmatch(charset.strip()) and charset.lower() not in ("us-ascii", "ascii"):
        try:
            return octets.decode(charset.strip(), "replace")
        except LookupError:
            pass
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("windows-1252", "replace")


def _unflowed(text: str, *, joined: bool) -> str:
    """Lines that end in a space go on in the next one of the same depth of quoting (RFC 3676, 4.1)."""
    lines: list[list[str]] = []
    open_depth = -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        flows = content.endswith(" ") and content != "-- "
        shortened = content[:-1] if flows and joined else content
        if open_depth == depth and content != "-- ":
            lines[-1].append(shortened)
        else:
            lines.append([">" * depth + (" " if depth and shortened else ""), shortened])
        open_depth = depth if flows else -1
    return "\n".join(map("".join, lines))
