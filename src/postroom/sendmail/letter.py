"""The message on standard input, as octets: line ends mended, recipients found, Bcc taken out, nothing else touched.

Rules it keeps: what comes out has CRLF line ends and no other CR or LF (RFC 5321 section 2.3.8). A lone CR among the
header fields becomes a space, for as a line end it would begin a field that nobody wrote; in the body it becomes a line
end. Bcc and Resent-Bcc are removed on this side already. Fields are found by their names only; what a message means is
Postroom's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Letter", "read_letter", "until_dot"]

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_LINE_END = re.compile(rb"\r*\n")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message: its header fields, each with its line ends, and everything after them."""

    fields: tuple[bytes, ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def octets(self) -> bytes:
        return b"".join(self.fields) + b"\r\n" + self.body

    def values(self, *names: str) -> Iterator[str]:
        """The unfolded values of the fields with these names (in lower case), in the message's order."""
        for one in self.fields:
            if _name(one) in names:
                value = one.partition(b":")[2].replace(b"\r\n", b" ")
                yield value.decode("utf-8", "replace").strip()

    def has(self, name: str) -> bool:
        return any(_name(one) == name for one in self.fields)

    def without(self, *names: str) -> Letter:
        return Letter(tuple(one for one in self.fields if _name(one) not in names), self.body)

    def with_field(self, name: str, value: str) -> Letter:
        """With this field before the others; line ends in the value become spaces."""
        line = f"{name}: {' '.join(value.split())}\r\n".encode("utf-8", "surrogateescape")
        return Letter((line, *self.fields), self.body)


def _name(one: bytes) -> str:
    return one.partition(b":")[0].rstrip(b" \t").decode("ascii", "replace").lower()


def until_dot(octets: bytes) -> bytes:
    """What stands before a line with nothing but a dot, which ends a message unless -i was given."""
    found = re.search(rb"(?:\A|\n)\.\r*(?:\n|\Z)", octets)
    if found is None:
        return octets
    return octets[: found.start() + octets[found.start() : found.start() + 1].count(b"\n")]


def read_letter(octets: bytes) -> Letter:
    """The message in these octets. A line of an mbox (`From ` without a colon) before it is left out."""
    lines = _LINE_END.sub(b"\n", octets).split(b"\n")
    if lines[0].startswith(b"From ") and not _FIELD.match(lines[0]):
        del lines[0]
    fields: list[bytes] = []
    place = 0
    for line in lines:
        if fields and line[:1] in (b" ", b"\t") and line.strip():
            fields[-1] += _header_line(line)
        elif _FIELD.match(line):
            fields.append(_header_line(line))
        else:
            break
        place += 1
    if place < len(lines) and not lines[place].strip(b" \t\r"):
        place += 1  # the empty line between the two
    body = b"\r\n".join(lines[place:]).replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return Letter(tuple(fields), body)


def _header_line(line: bytes) -> bytes:
    return line.replace(b"\r", b" ") + b"\r\n"
