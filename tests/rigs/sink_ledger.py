"""What the recording sink keeps on disk: the ledger it writes, and the plan it reads.

Part of the sink's program: standard library only, no line of Postroom.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["Ledger", "Plan"]


class Ledger:
    """The append-only record; `write` returns when the line is on the disk, together with all that waited with it."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.sequence = sum(1 for line in path.read_bytes().splitlines() if b'"kind": "message"' in line)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def write(self, record: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((json.dumps(record).encode() + b"\n", done))
        if self._flusher is None or self._flusher.done():
            self._flusher = loop.create_task(self._flush())
        await asyncio.shield(done)

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await loop.run_in_executor(None, self._to_disk, b"".join(line for line, _ in batch))
            for _, done in batch:
                if not done.done():
                    done.set_result(None)

    def _to_disk(self, lines: bytes) -> None:
        os.write(self._fd, lines)
        os.fsync(self._fd)


class Plan:
    """Replies that a test prescribes for a phase while the sink runs."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp = -1
        self._replies: dict[str, str] = {}

    def reply(self, phase: str) -> bytes | None:
        if self._path is None:
            return None
        try:
            stamp = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if stamp != self._stamp:
            self._stamp, self._replies = stamp, json.loads(self._path.read_text())
        text = self._replies.get(phase)
        return text.encode("utf-8", "surrogateescape") + b"\r\n" if text else None
