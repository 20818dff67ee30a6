"""The header of a message that somebody else composed: its fields as they stand, and what some of them say.

Rules kept here:
- Linear and bounded: a header beyond `MAX_HEADER` octets or `MAX_FIELDS` fields is refused before it is read.
- No two readings: a line of the header that is no field is refused, because a server further on might take what follows
  for a field that was never checked. Only where the very first line is no field is there no header at all, and the
  whole is a body.
- Octets are kept: a field knows where it stands, and what is not asked about is never decoded.
- What is shown to people (`shown`) has no control characters, whatever is hidden in it, and a bounded length.

What becomes of the fields is `submitted`'s business, whose addresses they may name `policy`'s.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from postroom.addresses import Address, BadAddress, parse_list
from postroom.errors import BadInput, Fault

__all__ = ["MAX_FIELDS", "MAX_HEADER", "Field", "Header", "address_keys", "decoded", "mailboxes", "readable", "shown"]

MAX_HEADER = 262_144
"""Octets of a header."""
MAX_FIELDS = 1_000
MAX_SHOWN = 998
"""Characters of a value that is shown to people."""

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*+)\r\n")
_NAME = re.compile(rb"[!-9;-~]+[ \t]*:|[ \t]")
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+",
)
_ENCODED_WORD = re.compile(r"=\?([!-><@-~]{1,60})\?([bBqQ])\?([!->@-~]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t]+(?==\?)")
_Q_ESCAPE = re.compile(rb"=([0-9A-Fa-f]{2})")
_CHARSETS = re.compile(
    r"utf-?8|us-ascii|ascii|iso-8859-\d{1,2}|windows-12\d\d|cp12\d\d|koi8-[ru]|gb2312|gbk|gb18030|big5|euc-(?:jp|kr)"
    r"|shift_jis|iso-2022-(?:jp|kr)",
    re.IGNORECASE,
)
_QUOTED_NAME = re.compile(r'"(?:[^"\\]|\\.)*+"(?!@)')
_PARENTHESIS = re.compile(r"\\.|[()]")
_SPEC = re.compile(r"""[^\s<>,;:()"@]+@[^\s<>,;:()"@]+|"(?:[^"\\]|\\.)*+"@[^\s<>,;:()"@]+""")
_TRAILING_COMMENT = re.compile(r"([^\s<>,;:()\"]+@[^\s<>,;:()\"]+)[ \t]*\(([^()\\]*)\)")


class Field(NamedTuple):
    """One field: its name in lower case, where it stands (with its line end), and its value as it is written."""

    name: str
    start: int
    end: int
    raw: bytes

    @property
    def text(self) -> str:
        """The value without its folds (RFC 5322, 2.2.3), not decoded."""
        raw = self.raw.replace(b"\r\n", b"") if b"\r\n" in self.raw else self.raw
        try:
            return raw.decode("utf-8").strip(" \t")
        except UnicodeDecodeError:
            return raw.decode("latin-1").strip(" \t")


class Header:
    """All fields in order. `octets` are those of the header alone, without the empty line behind it."""

    __slots__ = ("_by_name", "fields", "octets")

    def __init__(self, octets: bytes, fields: tuple[Field, ...]) -> None:
        self.octets = octets
        self.fields = fields
        self._by_name: dict[str, list[Field]] = {}
        for field in fields:
            self._by_name.setdefault(field.name, []).append(field)

    def all(self, name: str) -> list[Field]:
        return self._by_name.get(name, [])

    def only(self, name: str) -> Field | None:
        """The field of this name if there is exactly one."""
        found = self._by_name.get(name)
        return found[0] if found is not None and len(found) == 1 else None

    def first(self, name: str) -> Field | None:
        found = self._by_name.get(name)
        return found[0] if found else None

    def beginning_with(self, prefix: str) -> Iterator[Field]:
        for name, fields in self._by_name.items():
            if name.startswith(prefix):
                yield from fields

    @staticmethod
    def split(content: bytes) -> tuple[Header, bytes]:
        """The header and the body of a message or a part of one. Line ends are CRLF. Raises BadInput."""
        header, start = Header.read(content)
        return header, content[start:]

    @staticmethod
    def read(content: bytes) -> tuple[Header, int]:
        """The header, and where the body begins. Raises BadInput."""
        if content.startswith(b"\r\n"):
            return Header(b"", ()), 2
        end = content.find(b"\r\n\r\n")
        octets, start = (content[: end + 2], end + 4) if end >= 0 else (content, len(content))
        fields: list[Field] = []
        position, size = 0, len(octets)
        if size > MAX_HEADER:
            if _NAME.match(octets) is None:
                return Header(b"", ()), 0
            raise _refused(f"The header has more than {MAX_HEADER:,} octets.", "Shorten it.")
        while position < size:
            found = _FIELD.match(octets, position)
            if found is None:
                break
            fields.append(Field(found[1].decode("ascii").lower(), position, found.end(), found[2]))
            position = found.end()
        if position < size:
            if not fields and not octets.startswith((b"From ", b">From ", b" ", b"\t")):
                return Header(b"", ()), 0
            line = octets.count(b"\r\n", 0, position) + 1
            raise _refused(f"Line {line} of the header is no header field.", "Put an empty line before the text.")
        if len(fields) > MAX_FIELDS:
            raise _refused(f"The header has more than {MAX_FIELDS:,} fields.", "Leave some out.")
        return Header(octets, tuple(fields)), start


def _refused(problem: str, mend: str) -> BadInput:
    return BadInput((Fault("header", problem, mend),))


def shown(text: str) -> str:
    """Text for people: as `readable`, and bounded."""
    plain = readable(text)
    return plain if len(plain) <= MAX_SHOWN else plain[: MAX_SHOWN - 1] + "…"


def readable(text: str) -> str:
    """Encoded words decoded (RFC 2047), and nothing in it that could move a cursor."""
    plain = decoded(text) if "=?" in text else text
    return plain if plain.isprintable() else _UNFIT.sub("\ufffd", plain)


def decoded(text: str) -> str:
    """Encoded words as what they stand for; what can't be read stays as it is."""
    return _ENCODED_WORD.sub(_word, _BETWEEN_WORDS.sub(r"\1", text))


def _word(found: re.Match[str]) -> str:
    charset, _, _ = found[1].partition("*")
    if not _CHARSETS.fullmatch(charset):
        return found[0]
    data = found[3].encode("ascii")
    if found[2] in "bB":
        try:
            octets = binascii.a2b_base64(data + b"=" * (-len(data) % 4))
        except ValueError:
            return found[0]
    else:
        octets = _Q_ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode("ascii")), data.replace(b"_", b" "))
    try:
        return octets.decode(charset, "replace")
    except LookupError:
        return found[0]


def mailboxes(field: Field) -> tuple[Address, ...]:
    """The addresses of From or Sender, read as strictly as every other address. Raises BadAddress.

    `address (Name)`, as old programs write it, is understood; comments elsewhere are not.
    """
    return _mailboxes(field.text)


@lru_cache(maxsize=2_048)
def _mailboxes(text: str) -> tuple[Address, ...]:
    """A program sends in the same few names all day."""
    old = _TRAILING_COMMENT.fullmatch(text)
    if old is None:
        return parse_list(text)
    address = Address.parse(old[1])
    return (Address(address.local, address.domain, _UNFIT.sub("", old[2]).strip()[:200]),)


def address_keys(fields: list[Field]) -> frozenset[str]:
    """Keys of all addresses that To or Cc name, as far as they can be read; groups and comments are passed over."""
    keys = set()
    for field in fields:
        text = field.text
        if '"' in text:
            text = _QUOTED_NAME.sub(" ", text)
        if "(" in text:
            text = _without_comments(text)
        for spec in _SPEC.findall(text):
            try:
                keys.add(Address.parse(spec).key)
            except BadAddress:
                continue
    return frozenset(keys)


def _without_comments(text: str) -> str:
    """RFC 5322, 3.2.2: comments may be within comments."""
    pieces: list[str] = []
    depth = start = 0
    for found in _PARENTHESIS.finditer(text):
        if found[0] == "(":
            if not depth:
                pieces.append(text[start : found.start()])
            depth += 1
        elif found[0] == ")" and depth:
            depth -= 1
            start = found.end()
    return " ".join(pieces if depth else [*pieces, text[start:]])
