"""What a server says: `Reply`, and the reader that makes replies out of bytes in whatever pieces they arrive.

Rules kept here:
- Nothing a server sends raises. What is no reply becomes a `fault` of the reader (data), and the reader hears nothing
  more.
- Memory is bounded: a line, the lines of a reply and the text that is kept all have limits.
- The text of a reply is safe to print: control characters, line separators and direction marks are shown as escapes.
- The first digit decides. An enhanced code that contradicts it is kept as it came, and `conflict` tells.

Which reply answers which command is the conversation's business (`delivery`, `session`).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_LINE = 12_288
"""Bytes of one line. RFC 5321, 4.5.3.1.5 says 512; a challenge may have 12,288 (RFC 4954, 4)."""
MAX_LINES = 100
"""Lines of one reply."""
MAX_REPLY = 65_536
"""Bytes of one reply."""
MAX_TEXT = 2_048
"""Characters of a reply's text that are kept. A challenge (334) is of use only whole."""
MAX_EXCERPT = 120
"""Characters of what was no reply that a fault repeats."""

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ \t-])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[ \t]+|$)")
_CHALLENGE = 334
_CACHED_LENGTH = 64


def printable(text: str) -> str:
    """`text` with all that could move a cursor, break a line or turn the reading direction shown as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code, its enhanced code (RFC 3463) if any, and its lines joined by a line feed, without the codes.

    The enhanced code stays in the text when only some of the lines carry it, so that `str()` gives what the server
    said.
    """

    code: int
    enhanced: str | None
    text: str

    @property
    def positive(self) -> bool:
        """2xx: done."""
        return 200 <= self.code < 300

    @property
    def intermediate(self) -> bool:
        """3xx: the server waits for more."""
        return 300 <= self.code < 400

    @property
    def temporary(self) -> bool:
        """4xx: not now."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5xx: not so."""
        return self.code >= 500

    @property
    def conflict(self) -> bool:
        """Whether the enhanced code claims another class than the code; the code is believed."""
        return self.enhanced is not None and self.enhanced[0] != str(self.code)[0]

    @property
    def lines(self) -> tuple[str, ...]:
        """The text line by line."""
        return tuple(self.text.split("\n"))

    def __str__(self) -> str:
        lines = self.lines
        prefix = ""
        if self.enhanced is not None and not lines[0].startswith(self.enhanced):
            prefix = self.enhanced + " "
        shown = [f"{self.code}-{prefix}{line}" for line in lines[:-1]]
        shown.append(f"{self.code} {prefix}{lines[-1]}")
        return "\n".join(line.rstrip(" ") for line in shown)


@dataclass(frozen=True, slots=True)
class Unintelligible:
    """What came is no SMTP reply. `reason` is ours; `excerpt` is the server's, escaped and short."""

    reason: str
    excerpt: str = ""
    too_long: bool = False


class ReplyReader:
    """Makes replies out of bytes. After a fault (`fault` is set) it keeps nothing and returns nothing more."""

    __slots__ = ("_code", "_lines", "_rest", "_size", "fault")

    def __init__(self) -> None:
        self.fault: Unintelligible | None = None
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0
        self._code = b""

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that `data` completes, in order. Look at `fault` then; replies before a fault still count."""
        replies: list[Reply] = []
        if self.fault is not None:
            return replies
        if self._rest:
            data = self._rest + data
        lines = data.split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            simple = not self._lines and line[3:4] != b"-" and len(line) <= _CACHED_LENGTH
            reply = _single(line) if simple else self._line(line)
            if reply is not None:
                replies.append(reply)
            elif simple:
                self._fail("this is no SMTP reply", line)
            if self.fault is not None:
                return replies
        if len(self._rest) > MAX_LINE:
            self._fail("a line of the reply does not end", self._rest, too_long=True)
        return replies

    @property
    def pending(self) -> bool:
        """Whether there are bytes that are no complete reply yet."""
        return bool(self._rest or self._lines)

    def drop(self) -> bool:
        """Forget all bytes that are no complete reply yet; True when there were any.

        Before TLS starts there must be none: what was sent in clear must not be read as if it came through TLS
        (RFC 3207, 6; CVE-2021-38371).
        """
        dropped = self.pending
        self._forget()
        return dropped

    def _forget(self) -> None:
        self._rest = b""
        self._lines = []
        self._size = 0

    def _fail(self, reason: str, line: bytes, *, too_long: bool = False) -> None:
        excerpt = printable(line[:MAX_EXCERPT].rstrip(b"\r").decode("utf-8", "replace"))
        self.fault = Unintelligible(reason, excerpt[:MAX_EXCERPT], too_long)
        self._forget()

    def _line(self, line: bytes) -> Reply | None:
        """One line of a reply that has several lines or a long one; the reply when this line ends it."""
        if len(line) > MAX_LINE:
            self._fail("a line of the reply is too long", line, too_long=True)
            return None
        parts = _LINE.fullmatch(line.rstrip(b"\r"))
        if parts is None:
            self._fail("this is no SMTP reply", line)
            return None
        code, mark, text = parts.groups()
        if self._lines and code != self._code:
            self._fail(f"the reply began with {self._code.decode()} and went on with another code", line)
            return None
        self._code = code
        self._lines.append(text or b"")
        self._size += len(line)
        if mark == b"-":
            if len(self._lines) >= MAX_LINES or self._size > MAX_REPLY:
                self._fail("the reply does not end", line, too_long=True)
            return None
        reply = _reply(int(code), self._lines)
        self._lines, self._size = [], 0
        return reply


@lru_cache(maxsize=512)
def _single(line: bytes) -> Reply | None:
    """A reply of one short line. Servers answer MAIL, RCPT and DATA with the same few lines a thousand times over."""
    parts = _LINE.fullmatch(line.rstrip(b"\r"))
    if parts is None:
        return None
    return _reply(int(parts[1]), [parts[3] or b""])


def _reply(code: int, raw: list[bytes]) -> Reply:
    lines = [printable(line.decode("utf-8", "replace")) for line in raw]
    first = _ENHANCED.match(lines[0])
    enhanced = None
    if first is not None and code // 100 != 3:
        enhanced = first[1]
        bare = [line[m.end() :] for line in lines if (m := _ENHANCED.match(line)) and m[1] == enhanced]
        if len(bare) == len(lines):
            lines = bare
    text = "\n".join(lines)
    if len(text) > MAX_TEXT and code != _CHALLENGE:
        text = text[: MAX_TEXT - 1] + "…"
    return Reply(code, enhanced, text)
