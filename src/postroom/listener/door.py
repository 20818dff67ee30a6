"""The SMTP door as a whole: it takes connections, watches over them, and closes in order.

    async with open_door(engine_parts, ...) as door:
        print(door.addresses)

Rules kept here:
- A connection is counted before anything is done for it, a handshake included; who comes beyond the bounds is told so
  and sent away. When the process runs out of descriptors, nobody is taken for a moment, and the others go on.
- One timer for all connections. Stopping: no new clients, those that wait are told 421, what is under way ends (P10).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from postroom.listener.bounds import Places, Room, client_of
from postroom.listener.certificate import Certificate
from postroom.listener.connection import Connection
from postroom.listener.identity import Identities
from postroom.listener.proxied import BadHeader, client_behind
from postroom.listener.slowing import Slowing
from postroom.listener.timing import Timing
from postroom.maillog import MailLog
from postroom.office import Office
from postroom.outbox import Outbox
from postroom.settings import Settings
from postroom.wire.origin import address_of, is_among

__all__ = ["Door", "Terms", "open_door"]

_AT_ONCE = 64
"""Connections that are taken in one turn of the loop, so that a flood of them leaves room for the others."""
_BREATH_SECONDS = 0.5
_GLANCE_SECONDS = 0.1
_FAREWELL_SECONDS = 1.0
_TOO_MANY = b"421 4.7.0 Too many connections; come back later\r\n"
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every connection: our name, octets of a message, recipients of one, logins in clear from here."""

    host: str
    size: int
    recipients: int
    clear_login: bool = False


class Door:
    """Made by `open_door`. What connections need of it is public."""

    def __init__(
        self, terms: Terms, office: Office, outbox: Outbox, settings: Settings, certificate: Certificate, log: MailLog
    ) -> None:
        self.terms = terms
        self.outbox = outbox
        self.log = log
        self.timing = Timing().scaled(settings.smtp_timeout_scale)
        self.slowing = Slowing(settings.smtp_timeout_scale)
        self.room = Room(settings.admission_bytes, terms.size)
        self.connections: set[Connection] = set()
        self.identities = Identities(office, settings.smtp_trusted, self._on_loop, log)
        self._places = Places(settings.smtp_connections, settings.smtp_connections_per_client)
        self._certificate = certificate
        self._proxies = settings.smtp_proxies
        self._sockets: list[tuple[socket.socket, bool]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._sweep: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None

    # -- for connections --------------------------------------------------------------------------------------------

    def now(self) -> float:
        return self._loop.time()

    def later(self, seconds: float, function: Callable[[], None]) -> None:
        self._loop.call_later(seconds, function)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tls_context(self) -> ssl.SSLContext:
        return self._certificate.context

    @staticmethod
    def is_local(address: str) -> bool:
        """Whether a client of this address is on this very machine."""
        with contextlib.suppress(ValueError):
            return ip_address(client_of(address).partition("/")[0]).is_loopback or address == "::1"
        return False

    def left(self, connection: Connection, client: str) -> None:
        self.connections.discard(connection)
        self._places.leave(client)
        if self._empty is not None and not self._places.taken and not self._empty.done():
            self._empty.set_result(None)

    def _on_loop(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for the answer any more
            self._loop.call_soon_threadsafe(function)

    # -- taking connections -----------------------------------------------------------------------------------------

    def listen(self, sockets: Sequence[socket.socket], *, encrypted: bool) -> None:
        """Takes connections from these listening sockets from now on."""
        for one in sockets:
            one.setblocking(False)
            self._sockets.append((one, encrypted))
            self._loop.add_reader(one.fileno(), self._take, one, encrypted)
        if self._sweep is None:
            self._sweep = self._loop.call_later(self.timing.sweep, self._look)

    def _take(self, listening: socket.socket, encrypted: bool) -> None:
        for _ in range(_AT_ONCE):
            try:
                one, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._breathe(listening, encrypted, error)
                return
            address = str(peer[0])
            if self._proxies and is_among(address_of(address), self._proxies):
                one.setblocking(False)
                self.spawn(self._greet_behind(one, address, encrypted))
            else:
                self._greet(one, address, encrypted)

    def _breathe(self, listening: socket.socket, encrypted: bool, error: OSError) -> None:
        if error.errno not in _NO_DESCRIPTORS:
            return
        self.log.door_full("smtp", str(error.strerror))
        self._loop.remove_reader(listening.fileno())
        self._loop.call_later(_BREATH_SECONDS, self._take_again, listening, encrypted)

    def _take_again(self, listening: socket.socket, encrypted: bool) -> None:
        if any(one is listening for one, _ in self._sockets):
            self._loop.add_reader(listening.fileno(), self._take, listening, encrypted)

    async def _greet_behind(self, one: socket.socket, proxy: str, encrypted: bool) -> None:
        """For a connection that a load balancer brings: once that has said whose it is."""
        try:
            address = await client_behind(one, proxy, self.timing.handshake)
        except (BadHeader, OSError, asyncio.CancelledError):
            one.close()
            return
        self._greet(one, address, encrypted)

    def _greet(self, one: socket.socket, address: str, encrypted: bool) -> None:
        client = client_of(address)
        one.setblocking(False)
        if not self._places.enter(client):
            if not encrypted:
                with contextlib.suppress(OSError):
                    one.send(_TOO_MANY)
            one.close()
            return
        with contextlib.suppress(OSError):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self, address, client, encrypted=encrypted)
        self.spawn(self._connect(connection, one, client, encrypted))

    async def _connect(self, connection: Connection, one: socket.socket, client: str, encrypted: bool) -> None:
        try:
            if encrypted:
                await self._loop.connect_accepted_socket(
                    lambda: connection, one, ssl=self.tls_context(), ssl_handshake_timeout=self.timing.handshake
                )
            else:
                await self._loop.connect_accepted_socket(lambda: connection, one)
        except (Exception, asyncio.CancelledError):  # whatever goes wrong in a handshake is the end of a link
            one.close()
            if connection not in self.connections:
                connection.connection_lost(None)

    # -- the clock --------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        now = self.now()
        for connection in list(self.connections):
            connection.look(now)
        wrong = self._certificate.refresh()
        if wrong:
            self.log.certificate_trouble(wrong)
        self._sweep = self._loop.call_later(self.timing.sweep, self._look)

    # -- closing ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """No new clients; what is under way ends, for a bounded time; then everybody is sent away."""
        for one, _ in self._sockets:
            self._loop.remove_reader(one.fileno())
            one.close()
        self._sockets = []
        for connection in list(self.connections):
            connection.stop()
        await self._wait_for_the_last()
        for connection in list(self.connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)
        if self._sweep is not None:
            self._sweep.cancel()

    async def _wait_for_the_last(self) -> None:
        """For who waits for an answer as long as may be; for who has heard his and does not hang up, a moment."""
        end = self.now() + self.timing.last
        patience = end
        while self._places.taken and self.now() < patience:
            self._empty = self._loop.create_future()
            await asyncio.wait({self._empty}, timeout=_GLANCE_SECONDS)
            if any(connection.busy for connection in self.connections):
                patience = end
            else:
                patience = min(patience, self.now() + _FAREWELL_SECONDS)


@contextlib.asynccontextmanager
async def open_door(
    terms: Terms,
    office: Office,
    outbox: Outbox,
    settings: Settings,
    certificate: Certificate,
    log: MailLog,
    *,
    plain: Sequence[socket.socket] = (),
    encrypted: Sequence[socket.socket] = (),
) -> AsyncIterator[Door]:
    """Takes mail at these listening sockets as long as the block runs: `plain` with STARTTLS, `encrypted` with TLS from
    the start.
    """
    door = Door(terms, office, outbox, settings, certificate, log)
    try:
        door.listen(plain, encrypted=False)
        door.listen(encrypted, encrypted=True)
        yield door
    finally:
        await door.close()
