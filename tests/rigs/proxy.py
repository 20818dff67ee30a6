"""A TCP proxy that makes the network bad: slow, cut, reset or silent. Own threads, no process.

The delay is that of a long line, not of a slow one: every chunk leaves `delay` seconds after it came, however many are
under way, so pipelined traffic keeps its rate (a proxy that sleeps per chunk would punish exactly what is measured).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.rigs.process import Started

__all__ = ["Faults", "Proxy"]

_CHUNK = 1 << 16


@dataclass
class Faults:
    """What the proxy does to connections made from now on. "Up" is from client to server, "down" are the answers."""

    delay: float = 0.0
    """Seconds one way; a round trip takes twice as long."""
    cut_up: int | None = None
    """Both ends are closed once so many bytes went up (the byte that would be too many does not arrive)."""
    cut_down: int | None = None
    reset: bool = False
    """A cut is a reset (RST), not an orderly end."""
    silent_up: int | None = None
    """After so many bytes up nothing more is passed on, and nobody is told."""
    silent_down: int | None = None
    refuse: bool = False
    """A connection is reset as soon as it is made."""


@dataclass
class _Direction:
    cut: int | None
    silent: int | None
    passed: int = 0


@dataclass
class Proxy(Started):
    """`with Proxy("127.0.0.1", port) as proxy:` and connect to `proxy.port`; change `proxy.faults` at any time."""

    host: str
    target: int
    faults: Faults = field(default_factory=Faults)
    port: int = 0
    connections: int = 0
    """How many connections were made so far."""
    bytes_up: int = 0
    bytes_down: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        self._started.wait(10)
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)

    def cut_all(self, *, reset: bool = True) -> None:
        """Ends every connection now open, and returns when that is done."""
        done = threading.Event()

        def cut() -> None:
            for writer in list(self._open):
                _end(writer, reset=reset)
            done.set()

        self._loop.call_soon_threadsafe(cut)
        done.wait(10)

    # ---- on the proxy's own loop ---------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._end.wait()
        server.close()
        for writer in list(self._open):
            _end(writer, reset=True)
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        faults = self.faults
        if faults.refuse:
            _end(writer, reset=True)
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            await self._join(reader, writer, faults)
        finally:
            _end(writer, reset=False)
            self._open.discard(writer)
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: Faults) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.target)
        except OSError:
            _end(writer, reset=True)
            return
        self._open.add(far_writer)
        up = _Direction(faults.cut_up, faults.silent_up)
        down = _Direction(faults.cut_down, faults.silent_down)
        try:
            await asyncio.gather(
                self._pass(reader, far_writer, up, writer, faults, self._count_up),
                self._pass(far_reader, writer, down, far_writer, faults, self._count_down),
            )
        finally:
            _end(far_writer, reset=False)
            self._open.discard(far_writer)

    def _count_up(self, size: int) -> None:
        self.bytes_up += size

    def _count_down(self, size: int) -> None:
        self.bytes_down += size

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: _Direction,
        other: asyncio.StreamWriter,
        faults: Faults,
        count: Callable[[int], None],
    ) -> None:
        """Passes one direction on, until its end, its cut or its silence."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                count(len(data))
                data, last = _share(direction, data)
                self._send(loop, writer, data, faults.delay)
                if last:
                    await asyncio.sleep(faults.delay)
                    _end(writer, reset=faults.reset)
                    _end(other, reset=faults.reset)
                    return
                if not faults.delay:
                    await writer.drain()
        await asyncio.sleep(faults.delay)
        _half_close(writer)

    @staticmethod
    def _send(loop: asyncio.AbstractEventLoop, writer: asyncio.StreamWriter, data: bytes, delay: float) -> None:
        if not data:
            return
        if delay:
            loop.call_later(delay, _write, writer, data)
        else:
            _write(writer, data)


def _share(direction: _Direction, data: bytes) -> tuple[bytes, bool]:
    """The part of `data` that is still passed on, and whether the connection is cut after it."""
    before = direction.passed
    direction.passed += len(data)
    if direction.silent is not None:
        return data[: max(0, direction.silent - before)], False
    if direction.cut is not None and direction.passed >= direction.cut:
        return data[: direction.cut - before], True
    return data, False


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)


def _half_close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        if not writer.is_closing() and writer.can_write_eof():
            writer.write_eof()


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    """Closes; with `reset` so that the peer sees RST."""
    if reset:
        held = writer.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
