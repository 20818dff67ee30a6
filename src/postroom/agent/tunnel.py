"""One connection of an agent to one Postroom: TLS outside, checked before a word is said; SSH inside, with the agent as
its server, which opens connections and can do nothing else: no shell, no files, no listening.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import asyncssh

from postroom.agent.allowed import Allowed
from postroom.agent.configuration import Configuration
from postroom.agent.greeting import MAX_LINE, answer_of, hello

__all__ = ["NotTaken", "dwell"]

Told = Callable[[str], None]
_ENTER_SECONDS = 30.0
_CONNECT_SECONDS, _OPEN_SECONDS = 10.0, 15.0
"""For one address, and for all of a server's. Postroom takes an agent for dead that has no verdict after 20 seconds."""
_KEEPALIVE_SECONDS, _KEEPALIVES = 10.0, 3
_PROHIBITED, _FAILED = asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, asyncssh.OPEN_CONNECT_FAILED


class NotTaken(Exception):
    """No connection came about. The text says why, in words for whoever looks after the agent."""


async def dwell(host: str, port: int, configuration: Configuration, told: Told, entered: Callable[[], None]) -> None:
    """Connects and serves until the connection ends; `entered` is called once it stands. Raises NotTaken."""
    try:
        async with asyncio.timeout(_ENTER_SECONDS):
            connection = await asyncssh.connect_reverse(
                host,
                port,
                tunnel=_Outbound(configuration, told),
                server_factory=lambda: _Door(configuration.allowed, told),
                server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
                config=[],
                keepalive_interval=_KEEPALIVE_SECONDS,
                keepalive_count_max=_KEEPALIVES,
                agent_forwarding=False,
                x11_forwarding=False,
                allow_pty=False,
            )
    except TimeoutError:
        raise NotTaken(f"it did not answer within {_ENTER_SECONDS:g} seconds") from None
    except (OSError, asyncssh.Error) as error:
        raise NotTaken(_why(error)) from None
    entered()
    try:
        await connection.wait_closed()
    finally:
        connection.abort()


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); give --pin or --ca"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({(error.reason or 'no reason given').replace('_', ' ').lower()})"
    if isinstance(error, socket.gaierror):
        return "its name is not known here"
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else "the connection broke"
    return ascii(str(error))[1:-1][:200] or "it closed the connection"


class _Outbound:
    """How asyncssh gets its connection: over TLS, once Postroom has taken the agent."""

    def __init__(self, configuration: Configuration, told: Told) -> None:
        self._configuration = configuration
        self._told = told

    async def create_connection(self, factory: Callable[[], Any], host: str, port: int) -> tuple[Any, Any]:
        loop = asyncio.get_running_loop()
        entrance = _Entrance(loop)
        transport, _ = await loop.create_connection(
            lambda: entrance, host, port, ssl=_context(self._configuration), server_hostname=host
        )
        try:
            self._check_pin(transport)
            transport.write(hello(self._configuration.key))
            taken, words = await entrance.answered
            if not taken:
                raise NotTaken(f"it refuses this agent: {words}")
        except BaseException:
            transport.abort()
            raise
        self._told(f"connected to {host}:{port}, for the connector {words}")
        protocol = factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if entrance.rest:
            protocol.data_received(entrance.rest)
        transport.resume_reading()
        return transport, protocol

    def _check_pin(self, transport: asyncio.BaseTransport) -> None:
        pin = self._configuration.pin
        shown = transport.get_extra_info("ssl_object").getpeercert(True) or b""
        found = hashlib.sha256(shown).hexdigest()
        if pin and found != pin:
            raise NotTaken(f"it shows another certificate than the pinned one: {found}")


def _context(configuration: Configuration) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if configuration.pin:
        context.check_hostname = False  # the pin is compared after the handshake, before anything is said
        context.verify_mode = ssl.CERT_NONE
    elif configuration.ca is not None:
        context.load_verify_locations(configuration.ca)
    else:
        context.load_default_certs()
    return context


class _Entrance(asyncio.Protocol):
    """Waits for the one line of Postroom's answer; what comes behind it is kept for SSH."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answered: asyncio.Future[tuple[bool, str]] = loop.create_future()
        self.rest = b""
        self._transport: asyncio.Transport | None = None
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is one, though not by its class

    def data_received(self, data: bytes) -> None:
        if self.answered.done():
            self.rest += data
            return
        self._heard += data
        line, end, self.rest = self._heard.partition(b"\r\n")
        answer = answer_of(line) if end else None
        if answer is None and (end or len(self._heard) > MAX_LINE):
            self._fail(NotTaken("what answers there is no Postroom that listens for agents"))
        elif answer is not None:
            if self._transport is not None:
                self._transport.pause_reading()
            self.answered.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(NotTaken("it closed the connection without an answer"))

    def _fail(self, error: NotTaken) -> None:
        if not self.answered.done():
            self.answered.set_exception(error)
            self.answered.exception()  # it may be that nobody waits for it any more


class _Door(asyncssh.SSHServer):
    """What Postroom may ask for: a connection that the configuration allows. Postroom is known by its certificate."""

    def __init__(self, allowed: Allowed, told: Told) -> None:
        self._allowed = allowed
        self._told = told
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        return False

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        return self._open(dest_host, dest_port)

    async def _open(self, host: str, port: int) -> Any:
        if self._connection is None:
            raise asyncssh.ChannelOpenError(_FAILED, "The agent is just leaving")
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                return await self._reached(self._connection, await self._places(host, port), port)
        except TimeoutError:
            raise asyncssh.ChannelOpenError(_FAILED, f"Nothing came back within {_OPEN_SECONDS:g} seconds") from None

    async def _reached(self, connection: asyncssh.SSHServerConnection, places: list[str], port: int) -> Any:
        why = ""
        for place in places:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await connection.forward_connection(place, port)
            except TimeoutError:
                why = f"Nothing came back within {_CONNECT_SECONDS:g} seconds"
            except asyncssh.ChannelOpenError as error:
                why = _connect_words(error)
        raise asyncssh.ChannelOpenError(_FAILED, why)

    async def _places(self, host: str, port: int) -> list[str]:
        """The name itself, or the addresses behind it that are allowed. Raises ChannelOpenError when there is none."""
        if self._allowed.name(host, port):
            return [host]
        if self._allowed.by_address(port):
            places = [place for place in await _looked_up(host, port) if self._allowed.address(ip_address(place), port)]
            if places:
                return places
        shown = ascii(host)[1:-1][:200]
        self._told(f"refused: {shown} port {port} is not among what may be reached")
        raise asyncssh.ChannelOpenError(_PROHIBITED, "The agent's configuration does not allow it")


async def _looked_up(host: str, port: int) -> list[str]:
    try:
        rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows))


def _connect_words(error: asyncssh.ChannelOpenError) -> str:
    cause = error.__context__
    if isinstance(cause, socket.gaierror):
        return "Its name is not known in the agent's network"
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno)
    return "The connection failed"
