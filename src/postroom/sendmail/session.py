"""`sendmail -bs`: a caller speaks SMTP on standard input, and each message goes the way of all others.

A small session of its own and not a wire to the listener: so it needs no port, no TLS and no second password, and mail
is kept here while Postroom can't be reached, which a wire could not do.

Rules it keeps (RFC 5321): a caller ends lines with CRLF or with LF, as its first line does, and then always so; a line
end of the other kind ends nothing, so what stands in a message can't end it and begin another one. Lines, recipients,
mistakes and the size of a message are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

from postroom.sendmail.exits import Ending, Exit

__all__ = ["Session"]

_LONGEST_LINE = 2_048
_MOST_RECIPIENTS = 10_000
_MOST_MISTAKES = 20
_PATH = re.compile(r"(FROM|TO):[ ]?<([^<>\r\n]*)>((?: [!-~]+)*)\Z", re.IGNORECASE)
_CODES = {
    Exit.NOUSER: "550 5.1.1",
    Exit.DATAERR: "554 5.6.0",
    Exit.NOPERM: "550 5.7.1",
    Exit.UNAVAILABLE: "554 5.3.0",
}

Deliver = Callable[[str, list[str], bytes], str]
"""Envelope and message to the words of the 250; raises Ending."""


class _Gone(Exception):
    """The caller ended without QUIT."""


class Session:
    """`deliver` takes a message in; `resolve` tells who is meant by an address (Ending NOUSER: nobody)."""

    def __init__(
        self,
        reading: BinaryIO,
        writing: BinaryIO,
        deliver: Deliver,
        resolve: Callable[[str], list[str]],
        largest: int,
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._deliver = deliver
        self._resolve = resolve
        self._largest = largest
        self._line_end = b""
        self._mistakes = 0
        self._sender: str | None = None
        self._to: list[str] = []

    def run(self) -> Exit:
        """Until QUIT, the end of the input, or too many mistakes."""
        self._say("220 Postroom ESMTP")
        try:
            while self._mistakes < _MOST_MISTAKES:
                verb, _, rest = self._command().partition(" ")
                if verb.upper() == "QUIT":
                    self._say("221 2.0.0 Bye")
                    return Exit.OK
                self._say(self._answer(verb.upper(), rest))
            self._say("421 4.7.0 Too many mistakes")
        except (_Gone, BrokenPipeError):
            return Exit.OK if self._sender is None else Exit.IOERR
        return Exit.USAGE

    def _answer(self, verb: str, rest: str) -> str:
        if verb in ("EHLO", "LHLO", "HELO"):
            self._reset()
            return self._greeting(verb)
        if verb == "MAIL":
            return self._mail(rest)
        if verb == "RCPT":
            return self._rcpt(rest)
        if verb == "DATA":
            return self._data()
        if verb == "RSET":
            self._reset()
            return "250 2.0.0 OK"
        if verb == "NOOP":
            return "250 2.0.0 OK"
        if verb == "VRFY":
            return "252 2.1.5 Send it, and you will see"
        return self._mistake("500 5.5.1 Not known here")

    def _greeting(self, verb: str) -> str:
        if verb == "HELO":
            return "250 Postroom"
        offers = ["Postroom", "PIPELINING", f"SIZE {self._largest}", "8BITMIME", "SMTPUTF8"]
        return "\r\n".join([*(f"250-{offer}" for offer in offers), "250 ENHANCEDSTATUSCODES"])

    def _mail(self, rest: str) -> str:
        found = _PATH.match(rest)
        if found is None or found[1].upper() != "FROM":
            return self._mistake("501 5.5.4 MAIL FROM:<address>")
        if self._sender is not None:
            return self._mistake("503 5.5.1 A message is under way")
        declared = re.search(r"(?i) SIZE=([0-9]{1,18})(?= |\Z)", found[3])
        if declared and int(declared[1]) > self._largest:
            return "552 5.3.4 The message is too large"
        self._sender = found[2]
        return "250 2.1.0 OK"

    def _rcpt(self, rest: str) -> str:
        found = _PATH.match(rest)
        if found is None or found[1].upper() != "TO" or not found[2]:
            return self._mistake("501 5.5.4 RCPT TO:<address>")
        if self._sender is None:
            return self._mistake("503 5.5.1 MAIL first")
        if len(self._to) >= _MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        try:
            self._to += [each for each in self._resolve(found[2]) if each not in self._to]
        except Ending as ending:
            return _refusal(ending)
        return "250 2.1.5 OK"

    def _data(self) -> str:
        if self._sender is None or not self._to:
            return self._mistake("503 5.5.1 MAIL and RCPT first")
        self._say("354 End with a dot on a line of its own")
        octets = self._until_dot()
        sender, to = self._sender, self._to
        self._reset()
        if octets is None:
            return "552 5.3.4 The message is too large"
        try:
            return f"250 2.0.0 {self._deliver(sender, to, octets)}"
        except Ending as ending:
            return _refusal(ending)

    def _until_dot(self) -> bytes | None:
        """The message without the dots that were doubled; None when it was too large, read to its end all the same."""
        lines: list[bytes] = []
        size, begins = 0, True
        while True:
            line = self._reading.readline(_LONGEST_LINE * 32)
            if not line:
                raise _Gone
            ends = line.endswith(self._line_end)
            if begins and line == b"." + self._line_end:
                return b"".join(lines) if size <= self._largest else None
            kept = line[1:] if begins and line.startswith(b".") else line
            begins = ends
            size += len(kept)
            if size <= self._largest:
                lines.append(kept)

    def _command(self) -> str:
        line = self._reading.readline(_LONGEST_LINE)
        if not line:
            raise _Gone
        self._line_end = self._line_end or (b"\r\n" if line.endswith(b"\r\n") else b"\n")
        if not line.endswith(self._line_end):
            while line and not line.endswith(self._line_end):
                line = self._reading.readline(_LONGEST_LINE)
            return "?"
        return line[: -len(self._line_end)].decode("utf-8", "surrogateescape").rstrip(" \t")

    def _mistake(self, reply: str) -> str:
        self._mistakes += 1
        return reply

    def _reset(self) -> None:
        self._sender, self._to = None, []

    def _say(self, reply: str) -> None:
        self._writing.write(f"{reply}\r\n".encode("ascii", "replace"))
        self._writing.flush()


def _refusal(ending: Ending) -> str:
    words = " ".join(ending.text.split())[:400]
    return f"{_CODES.get(ending.code, '451 4.3.0')} {words}"
