"""What an IMAP server sends, understood: octets in, responses out, within bounds whatever the octets are.

A response is a line that may have literals in it, counted octets that hold anything (RFC 9051, 4.3). Nothing here
raises: what is too long, or no IMAP, is told by `fault`, after which nothing more is understood. The text of a status
response is never taken apart, because it is for people; so a server's words can't announce a literal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroom.smtp.reply import printable

__all__ = ["Data", "Response", "Responses"]

MAX_LINE = 65_536
"""Octets of a response, its literals not counted."""
SMALL_LITERAL = 16_384
_MOST_WORDS = 20_000
_DEEPEST = 12
_MOST_TEXT = 1_000

_STATUS = frozenset({b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"})
_TAKEN_APART = frozenset({"FETCH", "CAPABILITY", "SEARCH"})
_LITERAL = re.compile(rb"~?\{([0-9]{1,12})\+?\}\Z")
_TAG = re.compile(rb"[A-Za-z0-9.]{1,32}\Z")
_CODE = re.compile(r"\[([A-Za-z0-9/.-]{1,60})(?: ([^\]]{0,500}))?\] ?")
_WORD = re.compile(
    rb" +|(?P<open>\()|(?P<close>\))"
    rb'|"(?P<quoted>(?:[^"\\]|\\.)*)"'
    rb"|(?P<atom>[^ ()\"\[]*\[[^\]]*\](?:<[0-9]+>)?|[^ ()\"\[]+)"
)

Data = bytes | None | tuple["Data", ...]
"""An atom, a string or a literal; NIL; a list of such."""


@dataclass(frozen=True, slots=True)
class Response:
    """`tag`: `*`, `+` (the server waits for more) or that of a command. `kind`: its first word, in upper case, `number`
    what stands before it. `code` and `code_text`: of a status response, what stands in brackets; `text` its words,
    printable. `data`: what follows, where that is of use."""

    tag: str
    kind: str = ""
    number: int = 0
    code: str = ""
    code_text: str = ""
    text: str = ""
    data: tuple[Data, ...] = ()

    @property
    def words(self) -> str:
        """A status response as the server said it."""
        code = f"[{self.code}{' ' if self.code_text else ''}{self.code_text}]" if self.code else ""
        return " ".join(part for part in (self.kind, code, self.text) if part)


class Responses:
    """Give it octets as they come. `literal_limit`: how much the literals of one response may hold together."""

    __slots__ = ("_at", "_buffer", "_octets", "_parts", "_size", "_wanted", "fault", "literal_limit")

    def __init__(self) -> None:
        self.fault = ""
        self.literal_limit = SMALL_LITERAL
        self._buffer = bytearray()
        self._at = 0
        self._parts: list[tuple[bool, bytes]] = []
        self._size = 0
        self._octets = 0
        self._wanted: int | None = None

    @property
    def left_over(self) -> bool:
        """Whether anything has come that is no whole response yet."""
        return bool(self._buffer or self._parts)

    def feed(self, data: bytes) -> list[Response]:
        self._buffer += data
        found = []
        while not self.fault:
            one = self._next()
            if one is None:
                break
            found.append(one)
        return found

    def _next(self) -> Response | None:
        while True:
            if self._wanted is not None:
                if len(self._buffer) < self._wanted:
                    return None
                self._parts.append((True, bytes(self._buffer[: self._wanted])))
                del self._buffer[: self._wanted]
                self._wanted, self._at = None, 0
            end = self._buffer.find(b"\n", self._at)
            if end < 0:
                self._at = len(self._buffer)
                if self._size + len(self._buffer) > MAX_LINE:
                    self.fault = f"The server sent a line of more than {MAX_LINE:,} octets."
                return None
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            self._at = 0
            self._size += len(line)
            if self._size > MAX_LINE:
                self.fault = f"The server sent a line of more than {MAX_LINE:,} octets."
                return None
            if self._announced(line):
                if self.fault:
                    return None
                continue
            self._parts.append((False, line))
            parts, self._parts = self._parts, []
            self._size = self._octets = 0
            return self._read(parts)

    def _announced(self, line: bytes) -> bool:
        """Whether a literal follows this line."""
        found = None if self._is_status(line) else _LITERAL.search(line)
        if found is None:
            return False
        octets = int(found[1])
        self._octets += octets
        if self._octets > self.literal_limit:
            self.fault = f"The server announced {self._octets:,} octets where {self.literal_limit:,} were possible."
            return True
        self._parts.append((False, line[: found.start()]))
        self._wanted = octets
        return True

    def _is_status(self, line: bytes) -> bool:
        if self._parts:
            return False
        words = line.split(b" ", 2)
        return line.startswith(b"+") or (len(words) > 1 and words[1].upper() in _STATUS)

    def _read(self, parts: list[tuple[bool, bytes]]) -> Response | None:
        first = parts[0][1]
        if first.startswith(b"+"):
            return Response("+", text=first[1:].strip().decode("utf-8", "replace"))
        tag, _, rest = first.partition(b" ")
        if tag != b"*" and not _TAG.match(tag):
            self.fault = "The server sent something that is no IMAP."
            return None
        name = tag.decode("ascii")
        word, _, after = rest.partition(b" ")
        if word.upper() in _STATUS:
            return _status(name, word.upper().decode("ascii"), after)
        number = 0
        if word.isdigit() and len(word) <= 10:
            number = int(word)
            word, _, after = after.partition(b" ")
        kind = word.upper().decode("ascii", "replace")
        if kind not in _TAKEN_APART:
            return Response(name, kind, number)
        data = _taken_apart([(False, after), *parts[1:]])
        if data is None:
            self.fault = f"The server sent {kind} with data that is no IMAP."
            return None
        return Response(name, kind, number, data=data)


def _status(tag: str, kind: str, rest: bytes) -> Response:
    words = printable(rest.decode("utf-8", "replace"))
    found = _CODE.match(words)
    if found is None:
        return Response(tag, kind, text=words[:_MOST_TEXT])
    return Response(tag, kind, 0, found[1].upper(), found[2] or "", words[found.end() :][:_MOST_TEXT])


def _taken_apart(parts: list[tuple[bool, bytes]]) -> tuple[Data, ...] | None:
    """The words in their lists; None for what is none."""
    stack: list[list[Data]] = [[]]
    count = 0
    for literal, octets in parts:
        if literal:
            stack[-1].append(octets)
            continue
        at = 0
        while at < len(octets):
            found = _WORD.match(octets, at)
            count += 1
            if found is None or count > _MOST_WORDS or not _placed(found, stack):
                return None
            at = found.end()
    return tuple(stack[0]) if len(stack) == 1 else None


def _placed(found: re.Match[bytes], stack: list[list[Data]]) -> bool:
    if found["open"]:
        stack.append([])
        return len(stack) <= _DEEPEST
    if found["close"]:
        if len(stack) == 1:
            return False
        inner = tuple(stack.pop())
        stack[-1].append(inner)
    elif found["quoted"] is not None:
        stack[-1].append(re.sub(rb"\\(.)", rb"\1", found["quoted"]))
    elif found["atom"]:
        atom = found["atom"]
        stack[-1].append(None if atom.upper() == b"NIL" else atom)
    return True
