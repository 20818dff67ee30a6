"""Bodies: the text, HTML and attachments of a letter as MIME entities (RFC 2045, 2046, 2183).

An entity is a list of byte strings that begins with its own header fields; whoever joins them copies each byte once.

Rules kept here:

- Only 7bit, quoted-printable and base64, so the same bytes are right on every road; 8bit would depend on the server.
  A text goes as it is when it is ASCII with lines of at most 998 octets (78 is only wished for, and wrapping would cost
  the readable source); other text takes quoted-printable or base64, whichever is shorter. A line that begins with
  `From ` is encoded, because mailboxes on the way alter it and break signatures.
- Line ends of texts are CRLF whatever they were, and a text ends with one. Attachments keep every byte (base64), except
  message/rfc822, for which RFC 2046 section 5.2.1 allows no encoding: it goes as it is when that is possible, and
  otherwise as a plain file.
- A boundary comes from the seed alone and begins with `=_`, which no encoded body contains; parts that are not encoded
  are searched for it, and their own digest goes into the next try, so nobody can prepare a part that holds them all.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from hashlib import blake2b

from postroom.compose.headers import parameters
from postroom.compose.letter import Attachment
from postroom.compose.media import MediaType, filename_of, media_type

__all__ = ["Entity", "attachment", "boundaries", "multipart", "text_part"]

Entity = list[bytes]

_LONGEST_LINE = 998
_BASE64_LINE = 76
_BASE64_BLOCK = 57 * 4_096
"""Octets: whole lines."""
_HEADS = {
    (subtype, encoding): (
        f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    )
    for subtype in ("plain", "html")
    for encoding in ("7bit", "quoted-printable", "base64")
}
_ASCII = bytes(range(128))
_PREFIX = "=_"


def text_part(subtype: str, text: str) -> Entity:
    """A text/plain or text/html part. The text has no NUL and no lone surrogate (the letter was checked)."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text and not text.endswith("\n"):
        text += "\n"
    data = text.encode()
    if text.isascii() and "\nFrom " not in text and not text.startswith("From ") and _fits(data):
        return [_HEADS[subtype, "7bit"], data.replace(b"\n", b"\r\n")]
    octets = len(data.translate(None, _ASCII))
    # Quoted-printable adds two characters for each such octet, base64 one for every three of all.
    if octets * 6 > len(data):
        return [_HEADS[subtype, "base64"], _base64(data.replace(b"\n", b"\r\n"))]
    return [_HEADS[subtype, "quoted-printable"], _quoted_printable(data)]


def _fits(data: bytes) -> bool:
    """Whether no line is longer than 998 octets; looks at one line end per 998 octets at most."""
    position, size = 0, len(data)
    while size - position > _LONGEST_LINE:
        position = data.rfind(b"\n", position, position + _LONGEST_LINE + 1) + 1
        if not position:
            return False
    return True


def _quoted_printable(data: bytes) -> bytes:
    """RFC 2045 section 6.7, from lines that end in LF."""
    encoded = b"\n" + binascii.b2a_qp(data, istext=True)
    # A soft line break inside the word keeps the line within 76 characters where an escape might not.
    encoded = encoded.replace(b"\nFrom ", b"\nF=\nrom ")
    return encoded[1:].replace(b"\n", b"\r\n")


def _base64(data: bytes) -> bytes:
    """Block by block, because the lines of a large file take far more memory than the file."""
    blocks = [_base64_lines(data[start : start + _BASE64_BLOCK]) for start in range(0, len(data), _BASE64_BLOCK)]
    return b"\r\n".join([*blocks, b""])


def _base64_lines(data: bytes) -> bytes:
    letters = binascii.b2a_base64(data, newline=False)
    return b"\r\n".join([letters[start : start + _BASE64_LINE] for start in range(0, len(letters), _BASE64_LINE)])


def attachment(item: Attachment) -> Entity:
    """A part for a file (RFC 2183). The attachment was checked with its letter."""
    read = media_type(item.content_type) or MediaType("application/octet-stream")
    encoding, body = "base64", None
    if read.kind == "message/rfc822":
        body = _message(item.content)
        encoding = "7bit" if body is not None else "base64"
        read = read if body is not None else MediaType("application/octet-stream")
    pairs = read.parameters
    if read.kind.startswith("text/") and read.charset() is None and _is_utf8_only(item.content):
        pairs += (("charset", "utf-8"),)
    name = filename_of(item.filename)
    lines = [
        parameters("Content-Type", read.kind, pairs),
        f"Content-Transfer-Encoding: {encoding}",
        parameters(
            "Content-Disposition", "inline" if item.inline else "attachment", [("filename", name)] if name else []
        ),
    ]
    if item.content_id is not None:
        lines.append(f"Content-ID: <{item.content_id}>")
    head = "\r\n".join(lines)
    return [f"{head}\r\n\r\n".encode(), _base64(item.content) if body is None else body]


def _message(content: bytes) -> bytes | None:
    """A message that can go as it is (7bit, lines ended by CRLF), or None."""
    data = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not data.isascii() or b"\0" in data or not _fits(data):
        return None
    return data.replace(b"\n", b"\r\n")


def _is_utf8_only(content: bytes) -> bool:
    """Whether a text without a charset is UTF-8 and would be misread as anything else."""
    if content.isascii():
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def boundaries(seed: bytes, parts: Sequence[Entity]) -> tuple[str, str, str]:
    """Three boundaries of one length for the levels of a message, none of which is in any of the parts."""
    core = blake2b(seed, digest_size=12).hexdigest()
    while True:
        holder = _holder(core.encode(), parts)
        if holder is None:
            return f"{_PREFIX}m{core}", f"{_PREFIX}r{core}", f"{_PREFIX}a{core}"
        core = blake2b(core.encode() + blake2b(holder).digest(), digest_size=12).hexdigest()


def _holder(needle: bytes, parts: Sequence[Entity]) -> bytes | None:
    for part in parts:
        for chunk in part:
            if needle in chunk:
                return chunk
    return None


def multipart(subtype: str, boundary: str, parts: Sequence[Entity], *, parameter: str = "") -> Entity:
    """A multipart of these parts (RFC 2046 section 5.1)."""
    delimiter = f"\r\n--{boundary}\r\n".encode()
    result = [
        f'Content-Type: multipart/{subtype};{parameter}\r\n boundary="{boundary}"\r\n\r\n--{boundary}\r\n'.encode()
    ]
    for index, part in enumerate(parts):
        if index:
            result.append(delimiter)
        result.extend(part)
    result.append(f"\r\n--{boundary}--\r\n".encode())
    return result
