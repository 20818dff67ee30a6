"""An honest mail server in memory, an `answer` that may make it anything else, and a death that comes at any byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from postroom.smtp.client import LostKind

Answer = Callable[[str, str], bytes | LostKind]


def polite(verb: str, argument: str) -> bytes:
    """Every command is welcome, except recipients whose name begins with `no`."""
    if verb == "RCPT":
        return b"550 5.1.1 unknown\r\n" if "<no" in argument else b"250 2.1.5 ok\r\n"
    if verb == "DATA":
        return b"354 go ahead\r\n"
    return b"221 bye\r\n" if verb == "QUIT" else b"250 2.0.0 ok\r\n"


@dataclass(frozen=True)
class Taken:
    """A message the host took responsibility for."""

    recipients: frozenset[str]
    content: bytes


@dataclass
class MailHost:
    """`dies_after` counts bytes of the client, `mute_after` bytes of replies; one that dies `silently` says no more.

    `answer` gives the reply to a command, `END` being the end of a message, or what happens instead. What it says
    with 2xx it does.
    """

    extensions: tuple[str, ...] = ()
    answer: Answer = polite
    dies_after: int | None = None
    mute_after: int | None = None
    silently: bool = False
    tells_written: bool = False
    taken: list[Taken] = field(default_factory=list)
    received: int = 0
    said: int = 0

    def __post_init__(self) -> None:
        self._in = b""
        self._out = b"220 mail.example.net ESMTP\r\n"
        self._end: LostKind | None = None
        self._told_end = False
        self._recipients: list[str] | None = None
        self._reading_data = False
        self._chunk: int | None = None

    def receive(self, data: bytes, replies: int) -> int | None:
        assert not (data and self._told_end), "nothing is sent to a server that is known to be gone"
        room = len(data) if self.dies_after is None else max(0, self.dies_after - self.received)
        part = data[:room]
        self.received += len(part)
        self._in += part
        self._work()
        if len(part) < len(data) and self._end is None:
            self._end = LostKind.RESET
            if self.silently:
                self._out = b""
        return len(part) if self.tells_written else None

    def read(self) -> bytes | LostKind:
        room = len(self._out) if self.mute_after is None else max(0, self.mute_after - self.said)
        heard, self._out = self._out[:room], self._out[room:]
        if heard:
            self.said += len(heard)
            return heard
        self._told_end = True
        return self._end or (LostKind.CLOSED if self._out else LostKind.TIMEOUT)

    def start_tls(self) -> LostKind | None:
        return LostKind.TLS

    def _work(self) -> None:
        while self._end is None and self._one():
            pass

    def _one(self) -> bool:
        if self._reading_data:
            return self._data()
        if self._chunk is not None:
            return self._bdat(self._chunk)
        line, mark, rest = self._in.partition(b"\r\n")
        if not mark:
            return False
        self._in = rest
        verb, _, argument = line.decode().partition(" ")
        self._command(verb, argument)
        return True

    def _command(self, verb: str, argument: str) -> None:
        if verb == "EHLO":
            lines = ("mail.example.net", *self.extensions)
            self._out += b"".join(b"250-%b\r\n" % line.encode() for line in lines[:-1])
            self._out += b"250 %b\r\n" % lines[-1].encode()
        elif verb == "BDAT":
            self._chunk = int(argument.split()[0])
        elif verb == "DATA" and not self._recipients:
            self._say(b"554 5.5.1 no valid recipients\r\n")
        else:
            reply = self._say(self.answer(verb, argument))
            if reply.startswith(b"250") and verb in ("MAIL", "RSET"):
                self._recipients = [] if verb == "MAIL" else None
            elif reply.startswith(b"250") and verb == "RCPT" and self._recipients is not None:
                self._recipients.append(argument.partition("<")[2].partition(">")[0])
            self._reading_data = reply.startswith(b"354") and verb == "DATA"

    def _data(self) -> bool:
        content, mark, rest = (b"\r\n" + self._in).partition(b"\r\n.\r\n")
        if not mark:
            return False
        self._in = rest
        self._reading_data = False
        self._take((content + b"\r\n")[2:].replace(b"\r\n..", b"\r\n."))
        return True

    def _bdat(self, size: int) -> bool:
        if len(self._in) < size:
            return False
        content, self._in = self._in[:size], self._in[size:]
        self._chunk = None
        if self._recipients:
            self._take(content)
        else:
            self._say(b"503 5.5.1 no recipients\r\n")
        return True

    def _take(self, content: bytes) -> None:
        reply = self._say(self.answer("END", ""))
        if reply.startswith(b"2"):
            self.taken.append(Taken(frozenset(self._recipients or ()), content))
        self._recipients = None

    def _say(self, answer: bytes | LostKind) -> bytes:
        if isinstance(answer, LostKind):
            self._end = answer
            return b""
        self._out += answer
        if answer.startswith(b"421"):
            self._end = LostKind.CLOSED
        return answer
