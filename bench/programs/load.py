"""A load generator for HTTP where `wrk` is not installed, and for batches: one request again and again.

    python -m bench.programs.load PORT PATH BODY-FILE --connections 64 (--seconds 3 | --requests 100)

A key goes in by the variable BENCH_KEY. Each connection is kept and has one request under way at a time. The request
is made once, the answer is looked at only as far as it takes to know its status and its end, so that little of the
machine goes to the generator. At the end of the time nothing new is sent and everything under way is waited for: every
request counts, and is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path
from typing import cast

import uvloop


class Load:
    """What all connections share."""

    def __init__(self, request: bytes, seconds: float, requests: int) -> None:
        self.request = request
        self.left = requests
        self.until = time.monotonic() + seconds
        self.answers = 0
        self.refused: dict[str, int] = {}
        self.running = 0
        self.over = asyncio.get_running_loop().create_future()

    def next(self) -> bool:
        if self.left <= 0 or time.monotonic() > self.until:
            return False
        self.left -= 1
        return True

    def ended(self) -> None:
        self.running -= 1
        if not self.running and not self.over.done():
            self.over.set_result(None)


class Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._held = b""
        load.running += 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name
        self._ask()

    def _ask(self) -> None:
        if self._load.next():
            self._transport.write(self._load.request)
        else:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        held = self._held + data if self._held else data
        head = held.find(b"\r\n\r\n")
        if head < 0 or len(held) < head + 4 + _length(held[:head]):
            self._held = held
            return
        self._held = b""
        status = held[9:12].decode()
        if status[0] == "2":
            self._load.answers += 1
        else:
            self._load.refused[status] = self._load.refused.get(status, 0) + 1
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.ended()


def _length(head: bytes) -> int:
    """The body's length; every side of our comparisons gives it."""
    place = head.lower().find(b"content-length:")
    return int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0


def request_of(path: str, body: bytes, key: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    if key:
        head += f"Authorization: Bearer {key}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def main(given: argparse.Namespace) -> None:
    request = request_of(given.path, given.body.read_bytes(), os.environ.get("BENCH_KEY", ""))
    began = time.monotonic()
    load = Load(request, given.seconds, given.requests)
    loop = asyncio.get_running_loop()
    for _ in range(given.connections):
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", given.port)
    await load.over
    ended = time.monotonic()
    print(json.dumps({"began": began, "ended": ended, "answers": load.answers, "refused": load.refused}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("body", type=Path)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--requests", type=int, default=1 << 60)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main(_arguments()))
