"""An answer that is written faster than it is fetched: kept in a file beyond a little, so that memory stays small.

Many programs send all of a request before they read a word of the answer. Were the answer to wait for them, and they
for it, both would wait for ever; so what is told never waits for whom it is told to.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator

__all__ = ["Spool"]

_IN_MEMORY = 256 * 1024
_PIECE = 64 * 1024


class Spool:
    """Written and read on one loop. `close` it when both are over."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  (closed by `close`)
        self._written = 0
        self._read = 0
        self._ended = False
        self._more = asyncio.Event()

    def write(self, octets: bytes) -> None:
        self._file.seek(self._written)
        self._file.write(octets)
        self._written += len(octets)
        self._more.set()

    def end(self) -> None:
        self._ended = True
        self._more.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Everything that is written, as it comes, until the end."""
        while True:
            if self._read < self._written:
                self._file.seek(self._read)
                piece = self._file.read(_PIECE)
                self._read += len(piece)
                yield piece
                if self._read == self._written:
                    self._begin_anew()
            elif self._ended:
                return
            else:
                self._more.clear()
                await self._more.wait()

    def _begin_anew(self) -> None:
        """All that was told has been fetched: its room is used again."""
        self._file.seek(0)
        self._file.truncate()
        self._read = self._written = 0

    def close(self) -> None:
        self._file.close()
