r"""Receiving the body of a message: up to the one end that RFC 5321 knows, or by the octets that BDAT counted.

Rules kept here:
- DATA ends at CR LF dot CR LF and nowhere else. `\n.\n`, `\r.\r`, `\r\n.\n`, `\n.\r\n` and all their kin are a part of
  the message, and a message in which CR or LF stands alone is refused whole: what another server might take for the
  end of this message and the beginning of a second one never gets further than here (RFC 5321, 2.3.8; CVE-2023-51764
  and its siblings).
- Memory is bounded: beyond the allowed size, or where there is no room, what comes is read and dropped, and after as
  much again the reader gives up (`endless`).
- The content that comes out is the message as it was meant: dots undone, every line ended by CRLF.
"""

from collections.abc import Callable

from postroom.smtp import server_reply as say
from postroom.smtp.command import only_crlf
from postroom.smtp.reply import Reply

_END = b"\r\n.\r\n"


class Body:
    """What has come of one message's content. `refused` is why it can't be taken, once that is so."""

    __slots__ = ("_chunks", "_dropped", "_largest", "_room", "_tail", "endless", "held", "octets", "refused")

    def __init__(self, largest: int, room: Callable[[int], bool]) -> None:
        """`largest` in octets; `room` is asked before octets are kept, and says whether they may be."""
        self._largest = largest
        self._room = room
        # An empty message ends with its very first line: before the first octet, a line has ended.
        self._tail = b"\r\n"
        self._chunks: list[bytes] = []
        self._dropped = 0
        self.octets = 0
        self.held = 0
        self.refused: Reply | None = None
        self.endless = False

    def feed(self, data: bytes) -> bytes | None:
        """Takes octets of DATA. None: the message goes on. Otherwise it has ended, and these came behind its end."""
        tail = self._tail
        window = tail + data
        end = window.find(_END)
        if end < 0:
            self._keep(data)
            self._tail = window[-4:]
            return None
        # The line end that begins the terminator belongs to the message.
        kept = end + 2 - len(tail)
        if kept > 0:
            self._keep(data[:kept])
        elif kept < 0:
            self._cut(-kept)
        return window[end + len(_END) :]

    def add(self, chunk: bytes) -> None:
        """Takes octets of a BDAT chunk."""
        self._keep(chunk)

    def content(self, *, dotted: bool) -> bytes:
        """The whole message, once. `dotted`: it came by DATA. Ask only if it is not `refused`, and look at that again
        afterwards: it may be now.
        """
        content = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        if not only_crlf(content):
            self.refused = say.BARE_LINE_END
        elif b"\0" in content:
            self.refused = say.HOLDS_NUL
        elif dotted:
            if b"\r\n." in content:
                content = content.replace(b"\r\n.", b"\r\n")
            if content.startswith(b"."):
                content = content[1:]
        elif content and not content.endswith(b"\r\n"):
            content += b"\r\n"
        return content

    def _keep(self, data: bytes) -> None:
        size = len(data)
        self.octets += size
        if self.refused is None:
            if self.octets > self._largest + 2:
                self.refuse(say.TOO_LARGE)
            elif not self._room(size):
                self.refuse(say.NO_ROOM)
        if self.refused is None:
            self.held += size
            self._chunks.append(data)
            return
        self._dropped += size
        self.endless = self._dropped > self._largest

    def _cut(self, octets: int) -> None:
        """Takes back what turned out to belong to the terminator: the dot, and perhaps the CR behind it."""
        self.octets -= octets
        while octets and self._chunks:
            last = self._chunks.pop()
            if len(last) > octets:
                self._chunks.append(last[:-octets])
            octets -= min(octets, len(last))

    def refuse(self, why: Reply) -> None:
        """It can't be taken; nothing of it is kept."""
        self.refused = why
        self._chunks = []
