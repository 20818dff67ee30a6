"""The footer below a message that somebody else composed, put into its texts without breaking what is around them.

Rules kept here:
- What is signed or encrypted stays as it is (multipart/signed, multipart/encrypted, PKCS #7, PGP in the text), and so
  do reports, texts that are attachments, charsets and encodings that are not known, and structures that are not whole:
  a missing footer is a smaller harm than a broken mail.
- The texts are found as mail programs find them: every text of an alternative, the root of a related, the first part of
  a mixed. No part outside them loses an octet, and the structure stays as it was.
- The charset of a text stays where it can hold the footer (in HTML it always can, by character references); otherwise
  that text becomes UTF-8.
- Linear and bounded: `_DEPTH` levels, `_PARTS` parts of one level; the rest is never looked at.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

from postroom.compose.footer import Footer, html_with_footer, text_with_footer
from postroom.compose.media import MediaType, media_type
from postroom.compose.mime import text_part
from postroom.compose.submitted_header import Header
from postroom.errors import BadInput

__all__ = ["Footed", "with_footer"]

_DEPTH = 8
_PARTS = 32
_ASCII = "us-ascii"
_WIDER = re.compile(
    r"us-ascii|ascii|utf-?8|iso-8859-\d{1,2}|windows-12\d\d|cp12\d\d|koi8-[ru]|gb2312|gbk|gb18030|big5|euc-(?:jp|kr)"
    r"|shift_jis",
    re.IGNORECASE,
)
"""Charsets in which an octet below 0x40 is always the ASCII character, so that `<` and line ends are what they seem."""
_OTHER = re.compile(r"latin-1|iso-2022-(?:jp|jp-2|kr)|utf-?(?:7|16|32)(?:[lb]e)?", re.IGNORECASE)
"""More charsets that are read at all: a name that came from outside must not choose among all codecs."""
_WIDE = re.compile(r"utf-?(?:16|32)", re.IGNORECASE)
_UNFIT = re.compile(r"[\x00\ud800-\udfff]")
_TOO_LONG = re.compile(rb"[^\n]{999}")
_BOUNDARY = re.compile(r"[ -~]{1,200}")
_ENCODING = "content-transfer-encoding"
_PGP = b"-----BEGIN PGP "
_FOLD = re.compile(r"[ \t]+")


class Footed(NamedTuple):
    """What changes: header fields as whole lines, by name in lower case, and the body."""

    fields: dict[str, str]
    body: bytes


def with_footer(header: Header, body: bytes, footer: Footer) -> Footed | None:
    """The message with the footer below its texts, or None when it stays as it is."""
    found = _added(header, body, footer, 0)
    if found is not None and found.fields and header.first("mime-version") is None:
        found.fields["mime-version"] = "MIME-Version: 1.0"
    return found


def _added(header: Header, body: bytes, footer: Footer, depth: int) -> Footed | None:
    kind = _kind_of(header)
    if kind is None or depth > _DEPTH or _is_attachment(header):
        return None
    if kind.kind == "text/plain":
        return _below_text(header, kind, body, footer)
    if kind.kind == "text/html":
        return _below_html(header, kind, body, footer)
    if kind.kind == "multipart/alternative":
        return _in_parts(kind, body, footer, depth, _PARTS)
    if kind.kind in ("multipart/mixed", "multipart/related"):
        return _in_parts(kind, body, footer, depth, 1)
    return None


def _kind_of(header: Header) -> MediaType | None:
    if not header.all("content-type"):
        return MediaType("text/plain")
    one = header.only("content-type")
    return None if one is None else media_type(_FOLD.sub(" ", one.text))


def _is_attachment(header: Header) -> bool:
    one = header.first("content-disposition")
    return one is not None and not one.text.lower().startswith("inline")


# -- multiparts -------------------------------------------------------------------------------------------------------


def _in_parts(kind: MediaType, body: bytes, footer: Footer, depth: int, most: int) -> Footed | None:
    """The footer in the first `most` parts."""
    boundary = next((value for name, value in kind.parameters if name == "boundary"), "")
    if not _BOUNDARY.fullmatch(boundary):
        return None
    places = _places(body, boundary.encode("ascii"), most)
    if not places:
        return None
    pieces: list[bytes] = []
    changed, position = False, 0
    for start, end in places:
        part = _part_with_footer(body[start:end], footer, depth + 1)
        pieces += (body[position:start], body[start:end] if part is None else part)
        changed = changed or part is not None
        position = end
    return Footed({}, b"".join([*pieces, body[position:]])) if changed else None


def _places(body: bytes, boundary: bytes, most: int) -> list[tuple[int, int]]:
    """Where the first parts begin and end, without the line ends that belong to the boundaries (RFC 2046, 5.1.1)."""
    delimiter = b"--" + boundary
    places: list[tuple[int, int]] = []
    found = 0 if _is_delimiter(body, 0, delimiter) else _next(body, 0, delimiter)
    while found >= 0 and len(places) < most:
        end_of_line = body.find(b"\r\n", found + len(delimiter))
        if end_of_line < 0 or body.startswith(b"--", found + len(delimiter)):
            break
        start = end_of_line + 2
        # A part without a header begins with the line end that the boundary's is followed by.
        following = start if _is_delimiter(body, start, delimiter) else _next(body, end_of_line, delimiter)
        if following < 0:
            return []
        places.append((start, max(start, following - 2)))
        found = following
    return places


def _next(body: bytes, start: int, delimiter: bytes) -> int:
    """The next line that is the delimiter, behind `start`; -1 when there is none."""
    found = body.find(b"\r\n" + delimiter, start)
    while found >= 0:
        if _is_delimiter(body, found + 2, delimiter):
            return found + 2
        found = body.find(b"\r\n" + delimiter, found + 2)
    return -1


def _is_delimiter(body: bytes, start: int, delimiter: bytes) -> bool:
    if not body.startswith(delimiter, start):
        return False
    behind = body[start + len(delimiter) : start + len(delimiter) + 2]
    return behind in (b"--", b"\r\n") or behind[:1] in (b" ", b"\t")


def _part_with_footer(part: bytes, footer: Footer, depth: int) -> bytes | None:
    try:
        header, body = Header.split(part if part.endswith(b"\r\n") else part + b"\r\n")
    except BadInput:
        return None
    found = _added(header, body, footer, depth)
    if found is None:
        return None
    pieces: list[bytes] = []
    left = dict(found.fields)
    for one in header.fields:
        line = left.pop(one.name, None)
        octets = header.octets[one.start : one.end] if line is None else f"{line}\r\n".encode()
        pieces.append(octets if line is not None or one.name not in found.fields else b"")
    pieces += [f"{line}\r\n".encode() for line in left.values()]
    return b"".join([*pieces, b"\r\n", found.body])


# -- texts ------------------------------------------------------------------------------------------------------------


def _below_text(header: Header, kind: MediaType, body: bytes, footer: Footer) -> Footed | None:
    addition = footer.as_text().replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    octets = _unpacked(header, body)
    charset = kind.charset() or _ASCII
    if not addition or octets is None or _PGP in octets:
        return None
    below = _encoded(addition, charset) if _WIDER.fullmatch(charset) else None
    if below is not None:
        whole = octets.rstrip(b"\r\n")
        whole = whole + b"\r\n\r\n" + below + b"\r\n" if whole else below + b"\r\n"
        packed = _packed(header, body, octets, whole)
        if packed is not None:
            return Footed({}, packed)
    text = None if _is_misplaced(header, charset) else _text_of(octets, charset)
    if text is None or _UNFIT.search(text):
        return None
    return _written_anew("plain", text_with_footer(text.replace("\r\n", "\n"), footer), kind)


def _below_html(header: Header, kind: MediaType, body: bytes, footer: Footer) -> Footed | None:
    addition = footer.as_html().encode("ascii", "xmlcharrefreplace").decode("ascii")
    octets = _unpacked(header, body)
    charset = kind.charset() or _ASCII
    if not addition or octets is None:
        return None
    # In these charsets every octet may be looked at alone, so none of them has to be understood, and none is changed.
    name = "latin-1" if _WIDER.fullmatch(charset) else charset
    text = None if _is_misplaced(header, charset) else _text_of(octets, name)
    if text is None:
        return None
    ends = "\n" if "\r\n" not in text and _encoding_of(header) == "base64" else "\r\n"
    text = html_with_footer(text.replace("\r\n", "\n"), Footer(html=addition)).replace("\n", ends)
    after = text.encode(name, "xmlcharrefreplace")
    packed = _packed(header, body, octets, after)
    if packed is None:
        return Footed(
            {"content-transfer-encoding": "Content-Transfer-Encoding: quoted-printable"}, _quoted_lines(after)
        )
    return Footed({}, packed)


def _is_misplaced(header: Header, charset: str) -> bool:
    """Whether these octets can't be lines of text, as their encoding says they are (RFC 2045, 2.7, 2.8)."""
    return _WIDE.match(charset) is not None and _encoding_of(header) != "base64"


def _text_of(octets: bytes, charset: str) -> str | None:
    if not (_WIDER.fullmatch(charset) or _OTHER.fullmatch(charset)):
        return None
    try:
        return octets.decode(charset)
    except (LookupError, UnicodeError):
        return None


def _encoded(text: str, charset: str) -> bytes | None:
    try:
        return text.encode(charset)
    except (LookupError, UnicodeEncodeError):
        return None


def _written_anew(subtype: str, text: str, kind: MediaType) -> Footed:
    """The text as UTF-8, with the parameters of its type that are not about its charset."""
    part = b"".join(text_part(subtype, text))
    header, body = Header.split(part)
    encoding = header.first(_ENCODING)
    others = [f'{name}="{_quotable(value)}"' for name, value in kind.parameters if name not in ("charset", "delsp")]
    line = "; ".join([f"Content-Type: text/{subtype}", "charset=utf-8", *others])
    return Footed(
        {
            "content-type": line,
            _ENCODING: f"Content-Transfer-Encoding: {'7bit' if encoding is None else encoding.text}",
        },
        body,
    )


def _quotable(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


# -- transfer encodings -----------------------------------------------------------------------------------------------


def _encoding_of(header: Header) -> str:
    one = header.first(_ENCODING)
    return "7bit" if one is None else one.text.lower()


def _unpacked(header: Header, body: bytes) -> bytes | None:
    """The octets of a text, or None where they can't be had."""
    encoding = _encoding_of(header)
    if encoding in ("7bit", "8bit", "binary"):
        return body
    try:
        if encoding == "base64":
            return binascii.a2b_base64(body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(body)
    except ValueError:
        return None
    return None


def _packed(header: Header, body: bytes, before: bytes, after: bytes) -> bytes | None:
    """The octets of the same text with its footer, encoded as the text was; None where that encoding can't hold it."""
    encoding = _encoding_of(header)
    if encoding == "base64":
        letters = binascii.b2a_base64(after, newline=False)
        return b"".join([letters[start : start + 76] + b"\r\n" for start in range(0, len(letters), 76)])
    if encoding == "quoted-printable":
        return _quoted(body, before, after)
    if encoding == "7bit" and before.isascii() and not after.isascii():
        return None
    return None if _TOO_LONG.search(after) else after


def _quoted(body: bytes, before: bytes, after: bytes) -> bytes:
    """Where octets were only added at the end, what stands before them stays as it was written."""
    kept = before.rstrip(b"\r\n")
    if after.startswith(kept) and kept:
        written = body.rstrip(b"\r\n")
        # A soft line break at the very end would join the footer to the text.
        if not written.endswith((b"=", b"=0D=0A", b"=0A")):
            return written + _quoted_lines(after[len(kept) :])
    return _quoted_lines(after)


def _quoted_lines(octets: bytes) -> bytes:
    lines = binascii.b2a_qp(octets.replace(b"\r\n", b"\n"), istext=True)
    return lines.replace(b"\nFrom ", b"\nF=\nrom ").replace(b"\n", b"\r\n")
