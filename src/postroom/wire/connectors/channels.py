"""A channel of SSH as a link: asyncssh's channels behave like transports, and a link asks no more of one.

So there is no socket in between and nothing to copy. TLS with the server behind is the link's own, in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import asyncssh

from postroom.model.attempt import Failure
from postroom.smtp.reply import printable
from postroom.wire.connectors.way import Refused
from postroom.wire.link import Gone, Link

__all__ = ["refused_channel", "through_channel"]

_PROHIBITED, _CONNECT_FAILED = asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, asyncssh.OPEN_CONNECT_FAILED


class _Transport:
    """What a link needs of a transport. A channel raises when it is written to after its end; a link is told of that
    end anyway."""

    def __init__(self, channel: asyncssh.SSHTCPChannel[bytes]) -> None:
        self._channel = channel
        self.get_write_buffer_size = channel.get_write_buffer_size
        self.pause_reading = channel.pause_reading
        self.resume_reading = channel.resume_reading
        self.abort = channel.abort
        self.close = channel.close

    def write(self, data: bytes | memoryview) -> None:
        with suppress(OSError):
            self._channel.write(bytes(data))


class _Session(asyncssh.SSHTCPSession[bytes]):
    """Passes on what asyncssh calls to what the loop would call."""

    def __init__(self, link: Link, ended: Callable[[], None]) -> None:
        self._link = link
        self._ended = ended

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        self._link.connection_made(cast("asyncio.BaseTransport", _Transport(chan)))

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._link.data_received(data)

    def eof_received(self) -> bool:
        self._link.eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            text = "The connection to the connector broke, and with it the one to the server."
            self._link.lose(Gone(Failure.CLOSED, text, reset=True))
        self._link.connection_lost(None)
        self._ended()

    def pause_writing(self) -> None:
        self._link.pause_writing()

    def resume_writing(self) -> None:
        self._link.resume_writing()


async def through_channel(
    connection: asyncssh.SSHClientConnection, host: str, port: int, link: Link, ended: Callable[[], None]
) -> None:
    """Puts the link on a channel to `host` (direct-tcpip, RFC 4254, 7.2). Raises what asyncssh raises.

    `ended` is called exactly once: when the channel is over, or when it is certain that there will be none. Whoever
    gives up waiting leaves no channel behind.
    """
    factory: Any = lambda: _Session(link, ended)  # noqa: E731  (asyncssh wants no more exact type)
    opening = asyncio.ensure_future(connection.create_connection(factory, host, port))
    try:
        await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(lambda late: _drop(late, link, ended))
        raise
    except Exception:
        ended()
        raise


def _drop(late: asyncio.Future[Any], link: Link, ended: Callable[[], None]) -> None:
    if late.cancelled() or late.exception() is not None:
        ended()
    else:
        link.abort()


def refused_channel(error: asyncssh.ChannelOpenError) -> Refused:
    """What a refusal to open a channel means (RFC 4254, 5.1). The other side's words are data."""
    said = printable(error.reason)[:200].rstrip(".")
    if error.code == _PROHIBITED:
        return Refused(Failure.CONNECTOR_FORBIDS, f"its rules forbid that{f' ({said})' if said else ''}")
    if error.code == _CONNECT_FAILED:
        return Refused(Failure.CONNECTOR_SERVER, said[:1].lower() + said[1:] or "the connection was refused")
    return Refused(Failure.CONNECTOR_SERVER, f"it opens no channel: {said or error.code}")
