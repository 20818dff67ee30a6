"""A second opinion: a strict little reader of messages, written from the RFCs and sharing nothing with the writer.

It refuses whatever a careful server could refuse: bare CR or LF, lines over 998 octets, a header line that is neither a
field nor a folded line with something on it, encoded words that are too long or stand where they may not.
"""

from __future__ import annotations

import base64
import quopri
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

_FIELD = re.compile(rb"([!-9;-~]+):(?: (.*))?", re.DOTALL)
_WORD = re.compile(r"=\?([A-Za-z0-9-]+)\?([BbQq])\?([!->@-~]+)\?=")


@dataclass
class Part:
    """One entity as read: its fields in order with unfolded values, its decoded content, its parts."""

    fields: list[tuple[str, str]]
    content: bytes = b""
    parts: list[Part] = field(default_factory=list)

    def names(self) -> list[str]:
        return [name for name, _ in self.fields]

    def raw(self, name: str) -> str:
        (value,) = [value for found, value in self.fields if found.lower() == name.lower()]
        return value

    def kind(self) -> str:
        return self.raw("Content-Type").split(";")[0]

    def walk(self) -> list[Part]:
        return [self, *(inner for part in self.parts for inner in part.walk())]


def read(content: bytes) -> Part:
    rest = content.replace(b"\r\n", b"")
    assert b"\r" not in rest, "a bare CR or LF is on the wire"
    assert b"\n" not in rest, "a bare CR or LF is on the wire"
    assert b"\0" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 998, "a line is too long"
    return _entity(content)


def _entity(content: bytes) -> Part:
    head, empty_line, body = content.partition(b"\r\n\r\n")
    assert empty_line, "the header has no end"
    fields: list[tuple[str, str]] = []
    for line in head.split(b"\r\n"):
        if line[:1] in {b" ", b"\t"}:
            assert fields, "the header begins with a folded line"
            assert line.strip(), "a folded line has nothing on it"
            fields[-1] = (fields[-1][0], fields[-1][1] + line.decode())
            continue
        found = _FIELD.fullmatch(line)
        assert found, f"no header field: {line!r}"
        fields.append((found.group(1).decode("ascii"), (found.group(2) or b"").decode()))
        assert "=?" not in line.decode() or len(line.decode()) <= 76, "an encoded line is too long"
    part = Part(fields)
    main, pairs = parameters(part.raw("Content-Type"))
    if main.startswith("multipart/"):
        part.parts = [_entity(inner) for inner in _split(body, pairs["boundary"])]
    else:
        part.content = _decoded(body, part.raw("Content-Transfer-Encoding"))
    return part


def _split(body: bytes, boundary: str) -> list[bytes]:
    assert len(boundary) <= 70
    delimiter = b"--" + boundary.encode("ascii")
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter)
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    for piece in pieces[1:-1]:
        assert piece.startswith(b"\r\n"), "something stands behind a boundary"
    return [piece[2:] for piece in pieces[1:-1]]


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "7bit":
        assert body.isascii()
        return body
    lines = body.split(b"\r\n")
    assert max(map(len, lines)) <= 76
    if encoding == "quoted-printable":
        for line in lines:
            assert re.fullmatch(rb"(?:[\t -<>-~]|=[0-9A-F]{2})*=?", line), line
            assert not line.endswith((b" ", b"\t"))
        return quopri.decodestring(body)
    assert encoding == "base64"
    assert re.fullmatch(rb"[A-Za-z0-9+/\r\n]*={0,2}(?:\r\n)?", body)
    return base64.b64decode(body)


def unstructured(value: str) -> str:
    """Free text with its encoded words decoded (RFC 2047 section 6.1)."""
    pieces: list[str] = []
    encoded_before = False
    for token in re.split(r"( +)", value):
        if not token:
            continue
        found = _WORD.fullmatch(token)
        if found:
            assert len(token) <= 75
            if encoded_before and pieces and pieces[-1].strip(" ") == "":
                pieces.pop()
            pieces.append(word(found))
            # What was decoded may itself be spaces; only the gap between two words is dropped.
            pieces.append("")
            encoded_before = True
        else:
            assert "=?" not in token, "something that looks encoded is left"
            if token.strip(" "):
                encoded_before = False
            pieces.append(token)
    return "".join(pieces)


def word(found: re.Match[str]) -> str:
    charset, encoding, payload = found.groups()
    if encoding in "Bb":
        return base64.b64decode(payload, validate=True).decode(charset)
    return re.sub(
        rb"=([0-9A-F]{2})", lambda m: bytes([int(m.group(1), 16)]), payload.replace("_", " ").encode("ascii")
    ).decode(charset)


_MAILBOX = re.compile(r""" *(?:((?:"(?:[^"\\]|\\.)*"|[^",<>])*?) *<)?((?:"(?:[^"\\]|\\.)*"|[^"@<>,])+@[^<>,]+)>? *""")


def mailboxes(value: str) -> list[tuple[str, str]]:
    """(name, addr-spec) for each address of a field; names may be quoted or encoded, addresses must be neither."""
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(value):
        mailbox = _MAILBOX.match(value, position)
        assert mailbox, f"no mailbox at {value[position:]!r}"
        name = mailbox.group(1) or ""
        if name.startswith('"'):
            assert "=?" not in name, "an encoded word must not stand in quotes"
            name = re.sub(r"\\(.)", r"\1", name[1:-1])
        else:
            name = unstructured(name)
        assert "=?" not in mailbox.group(2), "an address must not be encoded"
        found.append((name, mailbox.group(2)))
        position = mailbox.end()
        assert position == len(value) or value[position] == ","
        position += 1
    return found


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """The main value and its parameters, put together as RFC 2231 says; each may be given once only."""
    main, *rest = re.split(r"; *(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", value)
    plain: dict[str, str] = {}
    sections: dict[str, list[bytes]] = {}
    for item in rest:
        key, _, content = item.partition("=")
        base, star, number = key.rstrip("*").partition("*")
        content = content[1:-1] if content.startswith('"') else content
        if not key.endswith("*") and not star:
            assert key not in plain, "a parameter is there twice"
            plain[key] = content
            continue
        if not number or number == "0":
            assert base not in sections
            charset, language, content = content.split("'")
            assert (charset, language) == ("utf-8", "")
        assert int(number or 0) == len(sections.setdefault(base, []))
        section = unquote_to_bytes(content)
        section.decode()  # no character is split between two sections
        sections[base].append(section)
    assert not plain.keys() & sections.keys(), "a parameter is there in two spellings"
    return main, plain | {key: b"".join(found).decode() for key, found in sections.items()}
