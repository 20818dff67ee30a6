"""DKIM signatures for a finished message (RFC 6376, 8301, 8463), as header fields to be put before its octets.

Rules kept here:

- relaxed/relaxed: a server that folds a header anew or takes spaces off the end of a line breaks nothing.
- What the reader believes is covered: origin, recipients, subject, identity, the MIME fields, and what unsubscribes him
  (RFC 8058, 4). Every field of such a name is signed, and the name stands once more in `h=`, so that nobody can add
  another one to a signed message (RFC 6376, 8.15). From, Subject and Reply-To are guarded so even where there is none;
  other absent ones are not, because servers on the way rightly add them (an empty To, MIME-Version).
- The whole body is hashed (no `l=`), once for all signatures. Neither signature covers another one.
- Same arguments, same octets (P5): RSA with PKCS #1 v1.5 and Ed25519 need no chance.

Who signs for whom is `policy.signing`'s to say. What makes a signature out of octets is an argument: the private key is
never seen here.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["SigningKey", "body_hash", "relaxed_body", "relaxed_field", "signature_fields"]

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*+\r\n")
_SPACES = re.compile(rb"[ \t]+")
_CHUNK = 65_536
"""Octets of a body that are worked on at once: other threads get their turn between two."""
_LINE = 76
_SIGNED = (
    "From", "To", "Cc", "Subject", "Date", "Reply-To", "Message-ID", "In-Reply-To", "References", "Sender",
    "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID", "List-Id",
    "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Post", "List-Subscribe", "List-Owner",
    "List-Archive", "Feedback-ID", "Auto-Submitted", "Disposition-Notification-To",
)  # fmt: skip
_GUARDED_ABSENT = frozenset({"from", "subject", "reply-to"})
_MAY_BE_SEVERAL = frozenset({"content-disposition", "content-id"})


class SigningKey(NamedTuple):
    """`domain`: as A-labels; `algorithm`: `rsa-sha256` or `ed25519-sha256`; `sign`: octets → their signature (for
    Ed25519 the octets are the SHA-256 of what is signed, RFC 8463, 3)."""

    domain: str
    selector: str
    algorithm: str
    sign: Callable[[bytes], bytes]


def signature_fields(
    content: bytes, keys: Sequence[SigningKey], at_ms: int, unsigned: frozenset[str] = frozenset()
) -> bytes:
    """The DKIM-Signature fields of this message, one a key, each with its line end. `at_ms`: when it was made, UTC.

    `unsigned`: names of fields, in lower case, that a server on the way replaces. The message's lines end with CRLF.
    """
    start = _body_start(content)
    hashed = base64.b64encode(body_hash(content, start)).decode("ascii")
    names, fields = _covered(content[:start], unsigned)
    return b"".join([_field(key, names, fields, hashed, at_ms // 1000) for key in keys])


def _body_start(content: bytes) -> int:
    if content.startswith(b"\r\n"):
        return 2
    end = content.find(b"\r\n\r\n")
    return len(content) if end < 0 else end + 4


def _covered(head: bytes, unsigned: frozenset[str]) -> tuple[list[str], bytes]:
    """The names for `h=`, and the fields they stand for, canonical; of several with one name the last comes first."""
    there: dict[str, list[bytes]] = {}
    position = 0
    while (found := _FIELD.match(head, position)) is not None:
        there.setdefault(found[1].decode("ascii").lower(), []).append(found[0])
        position = found.end()
    names: list[str] = []
    pieces: list[bytes] = []
    for name in _SIGNED:
        lowered = name.lower()
        if lowered in unsigned:
            continue
        present = there.get(lowered, [])
        guard = lowered in _GUARDED_ABSENT or (bool(present) and lowered not in _MAY_BE_SEVERAL)
        names += [name] * (len(present) + guard)
        pieces += [relaxed_field(one) for one in reversed(present)]
    return names, b"".join(pieces)


def _field(key: SigningKey, names: Sequence[str], fields: bytes, hashed: str, seconds: int) -> bytes:
    tags = [
        "v=1;", f"a={key.algorithm};", "c=relaxed/relaxed;", f"d={key.domain};", f"s={key.selector};", f"t={seconds};",
        *_listed(names), f"bh={hashed};",
    ]  # fmt: skip
    unsigned = f"{_folded('DKIM-Signature:', tags)}\r\n\tb="
    signed = fields + relaxed_field(unsigned.encode("ascii") + b"\r\n").removesuffix(b"\r\n")
    value = base64.b64encode(key.sign(_to_sign(key.algorithm, signed))).decode("ascii")
    rows = [value[: _LINE - 3], *[value[at : at + _LINE - 1] for at in range(_LINE - 3, len(value), _LINE - 1)]]
    return (unsigned + "\r\n\t".join(rows) + "\r\n").encode("ascii")


def _to_sign(algorithm: str, signed: bytes) -> bytes:
    return hashlib.sha256(signed).digest() if algorithm == "ed25519-sha256" else signed


def _listed(names: Sequence[str]) -> list[str]:
    """`h=` in pieces between which a line may be folded."""
    pieces = [f"{name}:" for name in names]
    pieces[0] = f"h={pieces[0]}"
    pieces[-1] = f"{pieces[-1].removesuffix(':')};"
    return pieces


def _folded(line: str, words: Sequence[str]) -> str:
    lines: list[str] = []
    for word in words:
        if len(line) + 1 + len(word) > _LINE:
            lines.append(line)
            line = f"\t{word}"
        else:
            # no space within the list of names: some verifiers split it at colons and trim nothing
            line = f"{line}{word}" if line.endswith(":") and line != "DKIM-Signature:" else f"{line} {word}"
    return "\r\n".join([*lines, line])


def relaxed_field(field: bytes) -> bytes:
    """A header field, canonical (RFC 6376, 3.4.2). It ends with CRLF, and so does what comes of it."""
    name, _, value = field.partition(b":")
    value = _SPACES.sub(b" ", value.replace(b"\r\n", b""))
    return b"%b:%b\r\n" % (name.rstrip(b" \t").lower(), value.strip(b" "))


def body_hash(content: bytes, start: int = 0) -> bytes:
    """The SHA-256 of the body that begins at `start`, canonical."""
    hasher = hashlib.sha256()
    for piece in relaxed_body(content, start):
        hasher.update(piece)
    return hasher.digest()


def relaxed_body(content: bytes, start: int = 0) -> Iterator[bytes | memoryview]:
    """The body that begins at `start`, canonical (RFC 6376, 3.4.4), in pieces. A body of base64 is copied nowhere."""
    end = len(content)
    while end - start >= 2 and content.endswith(b"\r\n", start, end):
        end -= 2
    if _is_plain(content, start, end):
        if end > start:
            yield memoryview(content)[start:end]
            yield b"\r\n"
        return
    blank, anything = 0, False
    for chunk in _chunks(content, start, end):
        lines = _SPACES.sub(b" ", chunk).replace(b" \r\n", b"\r\n").removesuffix(b" ")
        size = len(lines)
        while lines.endswith(b"\r\n", 0, size):
            size -= 2
        if size:
            yield b"\r\n" * blank + lines[:size]
            blank, anything = 0, True
        blank += (len(lines) - size) // 2
    if anything:
        yield b"\r\n"


def _is_plain(content: bytes, start: int, end: int) -> bool:
    """Whether there is nothing to change, but for the line ends at the very end."""
    return (
        content.find(b"\t", start, end) < 0
        and content.find(b"  ", start, end) < 0
        and content.find(b" \r\n", start, end) < 0
        and not content.endswith(b" ", start, end)
    )


def _chunks(content: bytes, start: int, end: int) -> Iterator[bytes]:
    """Whole lines, each with its end."""
    while start < end:
        cut = content.rfind(b"\r\n", start, min(start + _CHUNK, end))
        if cut < 0:
            cut = content.find(b"\r\n", start, end)
        stop = end if cut < 0 or start + _CHUNK >= end else cut + 2
        yield content[start:stop]
        start = stop
