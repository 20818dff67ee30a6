"""A sink that counts, for machines without Postfix's: as little SMTP as the sides of a comparison need.

    python -m bench.programs.sink 2525 [--chunking]

It offers PIPELINING (and CHUNKING when told to), takes everything, and writes its count as smtp-sink does, so that both
are read alike. Half as quick as smtp-sink; where it was used, the result says so.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import cast

import uvloop

_OK = b"250 2.0.0 Ok\r\n"
_GO_ON = b"354 End data with <CR><LF>.<CR><LF>\r\n"


class Sink(asyncio.Protocol):
    """One connection. `_octets`: of a BDAT chunk still to come; -1: a body that runs to its dot; None: commands."""

    chunking = False
    taken = 0

    def __init__(self) -> None:
        self._held = b""
        self._octets: int | None = None
        self._last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._held += data
        answers: list[bytes] = []
        while self._step(answers):
            pass
        if answers:
            self._transport.write(b"".join(answers))

    def _step(self, answers: list[bytes]) -> bool:
        """Takes one body or one command, if it is all there."""
        if self._octets is None:
            line, found, rest = self._held.partition(b"\r\n")
            if not found:
                return False
            self._held = rest
            answers.append(self._command(line))
            return True
        if self._octets >= 0:
            if len(self._held) < self._octets:
                return False
            self._held = self._held[self._octets :]
        elif self._held.startswith(b".\r\n"):
            self._held = self._held[3:]
        else:
            _, found, rest = self._held.partition(b"\r\n.\r\n")
            if not found:
                return False
            self._held = rest
        answers.append(_OK)
        self._octets = None
        if self._last:
            self._count()
        return True

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"DATA":
            self._octets, self._last = -1, True
            return _GO_ON
        if verb == b"BDAT":
            words = line.split()
            self._octets, self._last = int(words[1]), len(words) > 2
            return b""
        if verb == b"EHLO":
            more = b"250-CHUNKING\r\n" if self.chunking else b""
            return b"250-sink\r\n250-PIPELINING\r\n" + more + b"250 8BITMIME\r\n"
        if verb == b"QUIT":
            self._transport.write(b"221 2.0.0 Bye\r\n")
            self._transport.close()
            return b""
        return _OK

    @staticmethod
    def _count() -> None:
        Sink.taken += 1
        os.write(1, b"mesg=%d\r" % Sink.taken)


async def main(port: int, chunking: bool) -> None:
    Sink.chunking = chunking
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), "--chunking" in sys.argv))
