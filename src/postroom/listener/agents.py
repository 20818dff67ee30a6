"""The door for agents: TLS with the same certificate as the doors for mail, one line with the agent's key, and then
SSH, in which this side asks and the agent opens connections in its network.

A stranger gets neither far nor long: no octet of SSH is spoken before the key is known, the line is short, the time for
it too, and so is the number of those who have not said theirs yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import cast

from postroom.agent.greeting import MAX_LINE, key_in, no, yes
from postroom.errors import PostroomError
from postroom.listener.certificate import Certificate
from postroom.listener.opening import certificate_of
from postroom.settings import Settings
from postroom.work.service import Engine

__all__ = ["open_agents"]

_ENTER_SECONDS = 20.0
_MOST_ENTERING = 100


@contextlib.asynccontextmanager
async def open_agents(settings: Settings, sockets: Sequence[socket.socket], engine: Engine) -> AsyncIterator[None]:
    """Open as long as the block runs, and closed where there are no sockets. Raises BadSettings for a certificate that
    is none.

    Agents that are in stay until the engine stops, for mail that is on its way goes through them.
    """
    if not sockets:
        yield
        return
    certificate, _ = certificate_of(settings)
    door = _Door(engine)
    loop = asyncio.get_running_loop()
    context = _context(certificate, engine)
    servers = []
    try:
        for one in sockets:
            servers.append(
                await loop.create_server(
                    lambda: _Entrance(door), sock=one, ssl=context, ssl_handshake_timeout=_ENTER_SECONDS
                )
            )
        yield
    finally:
        for server in servers:
            server.close()


def _context(certificate: Certificate, engine: Engine) -> ssl.SSLContext:
    """The certificate's, which looks at each handshake whether it was renewed."""

    def latest(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        if why := certificate.refresh():
            engine.log.certificate_trouble(why)
        connection.context = certificate.context

    first = certificate.context
    first.sni_callback = latest
    return first


class _Door:
    """Lets agents in."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._entering = 0

    @property
    def full(self) -> bool:
        return self._entering >= _MOST_ENTERING

    def begin(self) -> None:
        self._entering += 1

    def end(self) -> None:
        self._entering -= 1

    def enter(self, transport: asyncio.Transport, line: bytes, early: bytes) -> None:
        self._engine.connecting.spawn(self._enter(transport, line, early))

    async def _enter(self, transport: asyncio.Transport, line: bytes, early: bytes) -> None:
        engine, address = self._engine, str(transport.get_extra_info("peername", ("somewhere",))[0])
        key = key_in(line)
        if key is None:
            transport.close()
            return
        try:
            connector, agent = await asyncio.wrap_future(engine.office.authenticate_agent(key))
        except PostroomError as error:
            engine.log.login_refused("agents", address, key[:11])
            transport.write(no(error.text))
            transport.close()
            return
        transport.write(yes(connector.name))
        try:
            async with asyncio.timeout(_ENTER_SECONDS):
                live = await engine.connecting.hub.adopt(agent, transport, address, early)
        except Exception as error:  # whatever SSH says about what came is the stranger's trouble
            engine.log.door_full(
                "agents", f"{agent.name} of {connector.name} did not get in: {ascii(str(error))[:200]}"
            )
            transport.abort()
            return
        try:
            await engine.connecting.joined(connector, live)
            await live.ended()
        finally:
            live.connection.abort()
            await engine.connecting.left(connector, live)


class _Entrance(asyncio.Protocol):
    """Waits for the line with the key."""

    def __init__(self, door: _Door) -> None:
        self._door = door
        self._heard = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._door.full:
            self._transport.abort()
            return
        self._door.begin()
        self._waits = True
        self._timer = asyncio.get_running_loop().call_later(_ENTER_SECONDS, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._transport is None or not self._waits:
            return
        self._heard += data
        line, end, early = self._heard.partition(b"\r\n")
        if not end and len(self._heard) <= MAX_LINE:
            return
        self._over()
        if not end:
            self._transport.abort()
            return
        self._transport.pause_reading()
        self._door.enter(self._transport, line, early)

    def connection_lost(self, error: Exception | None) -> None:
        self._over()

    def _over(self) -> None:
        if self._waits:
            self._waits = False
            self._door.end()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
