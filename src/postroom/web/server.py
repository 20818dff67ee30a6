"""Serving an ASGI app inside an event loop that is there already: uvicorn, with the bounds it leaves to others.

    async with serve_http(app, "127.0.0.1", 0) as server:      # it listens from here on
        print(server.url)
        await stop.wait()                                      # leaving the block stops cleanly (P10)

What uvicorn's httptools protocol leaves open is bounded here: how long the head of a request is, how long it takes to
arrive, how long a connection may be silent, how many connections there are. Signals stay with the caller. Nothing is
logged for a request that went well; what becomes of mail is in the mailing log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from postroom.web.api.problems import MEDIA_TYPE, RequestError, problem_of
from postroom.web.corked import Corked
from postroom.wire.listening import bound_to, listen

__all__ = ["HEAD_OCTETS", "HttpServer", "listen", "serve_http"]

HEAD_OCTETS = 64 * 1024
"""The longest head (request line and fields) of a request; trailers count too (RFC 9112 sections 2.1, 7.1.2)."""
HEAD_SECONDS = 20.0
"""How long the head of a request may take to arrive, and how long a new connection may stay silent."""
KEEP_ALIVE_SECONDS = 75
MOST_CONNECTIONS = 4096
SWEEP_TICKS = 50
"""How often slow connections are looked for, in ticks of uvicorn's, which come ten times a second."""
_BACKLOG = 2048
_GRACE_SECONDS = 30


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a bounded head."""

    most_connections = MOST_CONNECTIONS
    _idle_since = 0.0
    _moved = False
    _stuck_octets = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it so
        super().connection_made(transport)
        self.transport = Corked(transport, self.loop)  # type: ignore[assignment]  # uvicorn only writes and closes
        self._idle_since = self.loop.time()
        if len(self.connections) > self.most_connections:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.timeout_keep_alive_task is not None:
            self._idle_since = self.loop.time()
        self._moved = False
        super().data_received(data)
        if self._moved:
            self._stuck_octets = 0
            return
        self._stuck_octets += len(data)
        if self._stuck_octets > HEAD_OCTETS and not self.transport.is_closing():
            self.send_400_response(f"The head of the request is longer than {HEAD_OCTETS:,} octets.")

    def on_headers_complete(self) -> None:
        self._moved = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._moved = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's own answer to what is no HTTP, in the shape of all our errors."""
        problem = problem_of(RequestError("malformed", msg))
        body = problem.body()
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def close_if_slow(self, now: float) -> None:
        """Closes the connection when neither a request runs on it nor uvicorn's own idle timer does."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if not busy and self.timeout_keep_alive_task is None and now - self._idle_since > HEAD_SECONDS:
            self.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn's server that leaves signals alone and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def on_tick(self, counter: int) -> bool:
        if counter % SWEEP_TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedProtocol):
                    connection.close_if_slow(now)
        return await super().on_tick(counter)


@dataclass(frozen=True, slots=True)
class HttpServer:
    """A server that listens. `addresses`: every host and port it is bound to."""

    addresses: tuple[tuple[str, int], ...]
    _server: _Server = field(repr=False)

    @property
    def url(self) -> str:
        host, port = self.addresses[0]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def listening(self) -> bool:
        """Whether new connections are taken: not any more once stopping has begun."""
        return any(one.is_serving() for one in self._server.servers)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._server.server_state.connections)


@contextlib.asynccontextmanager
async def serve_http(
    app: Any,
    host: str,
    port: int,
    *,
    sockets: list[socket.socket] | None = None,
    connections: int = MOST_CONNECTIONS,
    grace_seconds: int = _GRACE_SECONDS,
) -> AsyncIterator[HttpServer]:
    """Serves `app` as long as the block runs; port 0 takes a free one. Raises BadSettings when it can't listen there.

    `sockets`: those of `listen`, when the address was taken earlier. Leaving the block stops listening, lets running
    requests end for `grace_seconds`, and closes what is left. An app with `stopping()` is told first: streams end.
    """
    sockets = sockets or listen(host, port)
    protocol = type("Protocol", (BoundedProtocol,), {"most_connections": connections})
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace_seconds,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets), name="postroom-http")
    try:
        await _first(server.listening, running)
        yield HttpServer(tuple(bound_to(one) for one in sockets), server)
    finally:
        server.should_exit = True
        stopping = getattr(app, "stopping", None)
        if stopping is not None:
            stopping()
        await running


async def _first(listening: asyncio.Event, running: asyncio.Task[None]) -> None:
    """Waits until the server listens; a server that ended instead shows why."""
    ready = asyncio.create_task(listening.wait())
    await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
    if not listening.is_set():
        ready.cancel()
        await running
