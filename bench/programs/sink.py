"""A sink that counts, for machines without Postfix's: as little SMTP as the sides of a comparison need.

    python -m bench.programs.sink PORT

It offers PIPELINING, takes everything, and writes its count as smtp-sink does, so that both are read alike. Half as
quick as smtp-sink; where it was used, the result says so.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import cast

import uvloop

_OK = b"250 2.0.0 Ok\r\n"
_GO_ON = b"354 End data with <CR><LF>.<CR><LF>\r\n"
_OFFERS = b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"


class Sink(asyncio.Protocol):
    """One connection; `_in_body` from DATA to the dot."""

    taken = 0

    def __init__(self) -> None:
        self._held = b""
        self._in_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._held += data
        answers: list[bytes] = []
        while (answer := self._body() if self._in_body else self._command()) is not None:
            answers.append(answer)
        if answers:
            self._transport.write(b"".join(answers))

    def _body(self) -> bytes | None:
        """Swallows a body once its end is there; no body of ours is empty."""
        _, found, rest = self._held.partition(b"\r\n.\r\n")
        if not found:
            return None
        self._held, self._in_body = rest, False
        Sink.taken += 1
        os.write(1, b"mesg=%d\r" % Sink.taken)
        return _OK

    def _command(self) -> bytes | None:
        line, found, rest = self._held.partition(b"\r\n")
        if not found:
            return None
        self._held = rest
        verb = line[:4].upper()
        if verb == b"DATA":
            self._in_body = True
            return _GO_ON
        if verb == b"QUIT":
            self._transport.write(b"221 2.0.0 Bye\r\n")
            self._transport.close()
            return None
        return _OFFERS if verb == b"EHLO" else _OK


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
