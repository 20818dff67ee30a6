"""Header fields: what is refused, and how the rest is spelled on the wire.

Rules kept here:

- Nothing that could end a line reaches a header: control characters, U+2028, U+2029 and lone surrogates are refused,
  and so is text in which such a character is hidden for a decoder (an RFC 2047 encoded word, an RFC 2231 value).
- What goes in comes out: text that merely looks like an encoded word is itself encoded, so that a recipient reads the
  very characters that were given. Runs of spaces, which folding does not preserve, are encoded too.
- Encoded words (RFC 2047) are UTF-8, at most 75 characters, B or Q, whichever is shorter, and never split a character.
  Addresses are never encoded; a local part that is not ASCII stays raw UTF-8 (RFC 6532).
- Lines are folded at 78 columns (76 with encoded words) where there is a space, and never reach 998 octets (RFC 5322
  section 2.1.1).
- A parameter that is not plain ASCII is spelled once, as RFC 2231 says, with no ASCII spelling beside it: two values
  for one file name let a filter read one and a mail program the other.

All functions return text without a final line end. Checks return a Fault or None; encoders expect checked values.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Sequence

from postroom.addresses import Address
from postroom.errors import Fault
from postroom.sentence import Sentence

__all__ = ["addresses", "check_name", "check_value", "is_plain", "parameters", "unstructured"]

LINE = 78
ENCODED_LINE = 76
MAX_VALUE = 8_000
"""Characters of one header value: room for long References, no room for a bomb."""
MAX_NAME = 76
_WORD = 75
_LONGEST_TOKEN = 900
_LONGEST_QUOTED = 60

_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*").fullmatch
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*").fullmatch
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*").fullmatch
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]+").fullmatch
_REFUSED = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?([^?]{0,60})\?([bBqQ])\?((?:(?!\?=|=\?).)*)")
_EXTENDED_VALUE = re.compile(r"[A-Za-z0-9._-]{2,40}'[A-Za-z0-9-]{0,40}'\S{0,200}?%0[0AaDdBbCc]")
_Q_ESCAPE = re.compile(rb"=([0-9A-Fa-f]{2})")

_OURS = "Postroom writes this field itself."
_TRACE = "This field belongs to the servers that carry the message."
_RESERVED = {
    "from": (_OURS, "Set the sender instead."),
    "sender": (_OURS, "Set the sender instead."),
    "reply-to": (_OURS, "Set the reply address instead."),
    "to": (_OURS, "List the recipients instead."),
    "cc": (_OURS, "List the recipients instead."),
    "bcc": ("A Bcc field would show its recipients to everybody.", "List them as bcc recipients instead."),
    "subject": (_OURS, "Set the subject instead."),
    "date": (_OURS, "Leave it out."),
    "message-id": (_OURS, "Leave it out; the answer to the call tells the id."),
    "mime-version": (_OURS, "Leave it out."),
    "disposition-notification-to": (_OURS, "Ask for a receipt instead."),
    "disposition-notification-options": (_OURS, "Ask for a receipt instead."),
    "return-receipt-to": ("This field was never a standard.", "Ask for a receipt instead."),
    "x-confirm-reading-to": ("This field was never a standard.", "Ask for a receipt instead."),
    "return-path": (_TRACE, "Set the return address of the sender or the account instead."),
    "errors-to": ("This field is obsolete.", "Set the return address of the sender or the account instead."),
    "received": (_TRACE, "Leave it out."),
    "received-spf": (_TRACE, "Leave it out."),
    "authentication-results": (_TRACE, "Leave it out."),
    "delivered-to": (_TRACE, "Leave it out."),
    "x-original-to": (_TRACE, "Leave it out."),
    "original-recipient": (_TRACE, "Leave it out."),
    "envelope-to": (_TRACE, "Leave it out."),
    "apparently-to": (_TRACE, "Leave it out."),
    "dkim-signature": ("A signature made elsewhere would not fit these bytes.", "Leave it out."),
    "domainkey-signature": ("A signature made elsewhere would not fit these bytes.", "Leave it out."),
    "tls-required": ("Postroom can't promise what this field asks for (RFC 8689).", "Leave it out."),
}
_RESERVED_BEGINNINGS = {
    "content-": (_OURS, "Give the parts of the message instead."),
    "resent-": (_TRACE, "Leave it out."),
    "arc-": ("A signature made elsewhere would not fit these bytes.", "Leave it out."),
    "x-envelope-": (_TRACE, "Leave it out."),
    "x-postroom-": ("Names that begin with X-Postroom- are kept for Postroom.", "Choose another name."),
}
# Fields with a grammar of their own, which has no encoded words: machines read them.
_MACHINES_READ = """archived-at auto-submitted feedback-id importance in-reply-to list-archive list-help list-owner
    list-post list-subscribe list-unsubscribe list-unsubscribe-post precedence priority references x-priority"""
_ASCII_ONLY = frozenset(_MACHINES_READ.split())


def is_plain(value: str) -> bool:
    """Whether the value is printable ASCII with single spaces and nothing in it that could be decoded."""
    return _PLAIN(value) is not None and "=?" not in value and "%0" not in value and len(value) <= _LONGEST_TOKEN


def check_name(field: str, name: str) -> Fault | None:
    """Whether an application may set a header field of this name.

    RFC 5322 section 2.2 allows any printable ASCII but the colon; of that only what every program on the way reads
    alike is taken: a letter, then letters, digits, `-`, `_` and dots.
    """
    if not _NAME(name):
        return Fault(field, "The name of a header field has characters that are not allowed.", "Use A-Z, 0-9 and -.")
    if len(name) > MAX_NAME:
        return Fault(
            field,
            Sentence("The name of the header field is longer than {max_name} characters.", max_name=MAX_NAME),
            "Shorten it.",
        )
    lowered = name.lower()
    reason = _RESERVED.get(lowered)
    if reason is None:
        reason = next((why for start, why in _RESERVED_BEGINNINGS.items() if lowered.startswith(start)), None)
    return Fault(field, *reason) if reason else None


def check_value(field: str, value: str, name: str = "") -> Fault | None:
    """Whether this text may stand in a header; `name` is the header's own name where an application chose it."""
    if is_plain(value):
        return None
    if len(value) > MAX_VALUE:
        return Fault(field, Sentence("It is longer than {max_value} characters.", max_value=MAX_VALUE), "Shorten it.")
    found = _REFUSED.search(value)
    if found is not None:
        return Fault(
            field,
            Sentence("It holds {called}, which could begin a new header.", called=_called(found.group())),
            "Remove it.",
        )
    if _hides_control(value):
        return Fault(
            field, "It holds an encoded word or value that hides a line end or a control character.", "Remove it."
        )
    if name.lower() in _ASCII_ONLY and not (value and all(_is_raw(word) for word in value.split(" "))):
        return Fault(
            field,
            Sentence(
                "This field takes printable ASCII with single spaces, in words of at most {longest_token} characters.",
                longest_token=_LONGEST_TOKEN,
            ),
            "Correct the value.",
        )
    return None


def _called(char: str) -> str:
    names = {"\r": "a line end (CR)", "\n": "a line end (LF)", "\0": "a NUL"}
    return names.get(char, f"a control character (U+{ord(char):04X})")


def _hides_control(value: str) -> bool:
    for found in _ENCODED_WORD.finditer(value):
        charset, encoding, payload = found.groups()
        raw = payload.encode("utf-8", "replace")
        data = _from_base64(raw) if encoding in "bB" else _Q_ESCAPE.sub(_unescape, raw)
        decoded = data.decode(_decoder(charset.lower()), "replace")
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", data) or _REFUSED.search(decoded):
            return True
    return _EXTENDED_VALUE.search(value) is not None


def _decoder(charset: str) -> str:
    """One of a few: a name that came from outside must not choose among all codecs there are."""
    if charset.startswith("utf-7"):
        return "utf-7"
    return "latin-1" if charset.startswith(("iso-8859", "latin")) else "utf-8"


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found.group(1).decode("ascii"))


def _from_base64(raw: bytes) -> bytes:
    """What a forgiving decoder would make of it: other characters skipped, missing padding added."""
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def unstructured(name: str, value: str) -> str:
    """A field of free text such as Subject: raw where that is safe, else with encoded words; folded."""
    if len(name) + len(value) <= LINE - 2 and "=?" not in value and _PLAIN(value):
        return f"{name}: {value}"
    if not value:
        return f"{name}:"
    words = value.split(" ")
    odd = [index for index, word in enumerate(words) if not _is_raw(word)]
    if not odd:
        return _fold(name, words, LINE)
    first, last = odd[0], odd[-1]
    if not any(words[first : last + 1]):
        # Nothing but spaces: an encoded word can't be empty, so a neighbour goes with them.
        first, last = max(first - 1, 0), min(last + 1, len(words) - 1)
    encoded = _encoded_words(" ".join(words[first : last + 1]), _room(name))
    return _fold(name, [*words[:first], *encoded, *words[last + 1 :]], ENCODED_LINE)


def _is_raw(word: str) -> bool:
    return 0 < len(word) <= _LONGEST_TOKEN and word.isascii() and word.isprintable() and "=?" not in word


def _room(name: str) -> int:
    """How long an encoded word may be so that the first one fits behind the name of its field."""
    return max(24, min(_WORD, ENCODED_LINE - len(name) - 2))


def _fold(name: str, words: Iterable[str], limit: int) -> str:
    """Words with single spaces between them, on lines of at most `limit` columns where a word is not longer itself."""
    lines: list[str] = []
    line = f"{name}:"
    bare = True
    for word in words:
        if len(line) + 1 + len(word) > limit and (not bare or word.startswith("=?")):
            lines.append(line)
            line = ""
        line = f"{line} {word}"
        bare = False
    lines.append(line)
    return "\r\n".join(lines)


def addresses(name: str, mailboxes: Sequence[Address]) -> str:
    """A field that holds addresses, such as To (RFC 5322 section 3.4); folded between them where that is possible."""
    if len(mailboxes) == 1:
        only = _simple_mailbox(mailboxes[0])
        if only and len(name) + len(only) <= LINE - 2:
            return f"{name}: {only}"
    lines: list[str] = []
    line = f"{name}:"
    room = _room(name)
    last = len(mailboxes) - 1
    for index, address in enumerate(mailboxes):
        words = _mailbox(address, room)
        if index < last:
            words[-1] += ","
        whole = " ".join(words)
        if len(line) + 1 + len(whole) <= ENCODED_LINE:
            line = f"{line} {whole}"
            continue
        if index:
            lines.append(line)
            line = ""
        *full, line = _fold_on(line, words)
        lines.extend(full)
    lines.append(line)
    return "\r\n".join(lines)


def _fold_on(line: str, words: list[str]) -> list[str]:
    """The lines that come of adding words to a line that is empty or holds only the name of its field."""
    lines: list[str] = []
    fresh = True
    for word in words:
        if not fresh and len(line) + 1 + len(word) > ENCODED_LINE:
            lines.append(line)
            line = ""
        line = f"{line} {word}"
        fresh = False
    return [*lines, line]


def _simple_mailbox(address: Address) -> str:
    """The whole mailbox when nothing in it needs encoding, else an empty string."""
    if not address.name:
        return address.spec
    name = _simple_name(address.name)
    return f"{name} <{address.spec}>" if name else ""


def _simple_name(name: str) -> str:
    """A display name as atoms or as a quoted string, or an empty string when only encoded words can hold it."""
    if "=?" not in name:
        if _ATOMS(name):
            return name
        if _PLAIN(name):
            escaped = name.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
    return ""


def _mailbox(address: Address, room: int) -> list[str]:
    """The words of a mailbox, between which a line may be folded: in a name, quoted or not (RFC 5322 section 3.2.4)."""
    if not address.name.strip(" "):
        return [address.spec]
    name = _simple_name(address.name)
    words = name.split(" ") if name else _encoded_words(address.name, room)
    return [*words, f"<{address.spec}>"]


_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/ ")
_Q = [chr(byte) if byte in _Q_SAFE else f"={byte:02X}" for byte in range(256)]
_Q[0x20] = "_"


def _encoded_words(text: str, room: int) -> list[str]:
    """RFC 2047 words of at most `room` characters; the letters of section 5 (3), so they are right in phrases too."""
    data = text.encode()
    unsafe = len(data.translate(None, bytes(_Q_SAFE)))
    if len(data) + 2 * unsafe <= 4 * ((len(data) + 2) // 3):
        pieces = ("".join([_Q[byte] for byte in char.encode()]) for char in text)
        return [f"=?utf-8?q?{piece}?=" for piece in _packed(pieces, room - 12)]
    most = (room - 12) // 4 * 3
    words: list[str] = []
    start = 0
    while start < len(data):
        end = min(start + most, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{binascii.b2a_base64(data[start:end], newline=False).decode('ascii')}?=")
        start = end
    return words


def _packed(pieces: Iterable[str], most: int) -> list[str]:
    """Pieces that must stay whole, put together as far as they fit into `most` characters."""
    packed: list[str] = []
    current: list[str] = []
    size = 0
    for piece in pieces:
        if size + len(piece) > most:
            packed.append("".join(current))
            current, size = [], 0
        current.append(piece)
        size += len(piece)
    packed.append("".join(current))
    return packed


_ATTRIBUTE_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~")
_PERCENT = [chr(byte) if byte in _ATTRIBUTE_SAFE else f"%{byte:02X}" for byte in range(256)]


def parameters(name: str, value: str, pairs: Iterable[tuple[str, str]]) -> str:
    """A field with parameters, such as Content-Disposition (RFC 2045 section 5.1, RFC 2231); one or more lines."""
    lines: list[str] = []
    line = f"{name}: {value}"
    for key, content in pairs:
        for spelled in _parameter(key, content):
            line += ";"
            if len(line) + 1 + len(spelled) > LINE:
                lines.append(line)
                line = ""
            line = f"{line} {spelled}"
    lines.append(line)
    return "\r\n".join(lines)


def _parameter(key: str, value: str) -> list[str]:
    if len(value) <= _LONGEST_QUOTED and "=?" not in value and "%" not in value:
        if _TOKEN(value):
            return [f"{key}={value}"]
        if _PLAIN(value) and '"' not in value and "\\" not in value:
            return [f'{key}="{value}"']
    pieces = ["".join([_PERCENT[byte] for byte in char.encode()]) for char in value]
    spelled = "".join(pieces)
    if len(spelled) <= _LONGEST_QUOTED:
        return [f"{key}*=utf-8''{spelled}"]
    sections = _packed(pieces, _LONGEST_QUOTED - 10)
    sections[0] = f"utf-8''{sections[0]}"
    return [f"{key}*{number}*={section}" for number, section in enumerate(sections)]
