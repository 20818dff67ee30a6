"""Servers on loopback that misbehave on purpose, within the test's own loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import uvloop

from postroom.model.account import CertificateCheck
from postroom.wire.dial import DialTimeouts, Target, dial
from postroom.wire.link import Link
from postroom.wire.tls import TlsSettings
from tests.rigs.certificates import Certificates

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Run = Callable[[Coroutine[Any, Any, None]], None]
SOON = DialTimeouts(total=20.0, address=2.0, stagger=0.05, block=20.0)
"""Long enough for a busy machine; a test that waits for a timeout sets its own."""


@asynccontextmanager
async def served(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server that does what `handler` says; its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def linked(handler: Handler) -> AsyncIterator[Link]:
    async with served(handler) as port:
        link = await dial(Target("127.0.0.1", port), timeouts=SOON)
        assert isinstance(link, Link)
        try:
            yield link
        finally:
            link.abort()
            await link.closed()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


def says(*pieces: bytes, then: Handler = silent) -> Handler:
    """A server that sends these pieces, each in a segment of its own, then does something else."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        await then(reader, writer)

    return handler


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def cuts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def context_with(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def trusting(certificates: Certificates) -> TlsSettings:
    return TlsSettings(CertificateCheck.OWN_CA, certificates.ca.read_text())


@asynccontextmanager
async def tls_served(context: ssl.SSLContext, handler: Handler | None = None) -> AsyncIterator[int]:
    """The same with TLS from the start; without a handler it greets."""
    greeting = handler or says(b"220 mail.test ESMTP\r\n")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await greeting(reader, writer)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    asyncio.get_running_loop().set_exception_handler(lambda loop, details: None)  # refused handshakes are the point
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def deafen(writer: asyncio.StreamWriter) -> None:
    """The server takes nothing more."""
    cast("asyncio.Transport", writer.transport).pause_reading()


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def unanswering(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port where connecting takes for ever: nobody accepts, and the queue is full."""
    with socket.socket() as listener:
        listener.bind((host, port))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()


def in_loop(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Runs `work` on asyncio's own loop or on uvloop."""
    factory = uvloop.new_event_loop if name == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)
