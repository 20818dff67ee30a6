"""A connection as bytes, as lean as the loop allows: one future a wait, none when data are there already.

Rules it keeps:
- What goes wrong is data: `gone` says what ended the link, and nothing raises because of the other side.
- What arrived before the end can still be read after it (a server's last words before it hung up).
- Input is bounded: reading pauses when nobody takes it. Output goes to the kernel in pieces, so that a large body is
  never copied whole and `handed` is an honest upper bound of what can have left.
- What was received in clear is dropped when TLS starts, and the link ends: those bytes were nobody's answer.
- One timer a link, re-armed only when it fires too early: a conversation of a thousand replies costs one.

Replies, commands and their timeouts are the business of `drive`; where to connect to is `dial`'s.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import cast

from postroom.model.attempt import Failure
from postroom.wire.certificate import TlsInfo, not_the_trusted, why_refused
from postroom.wire.failures import of_os_error
from postroom.wire.handshake import NOTHING_MORE, Expected, why_failed
from postroom.wire.layer import TlsLayer

__all__ = ["Gone", "Link", "Tried"]

PIECE = 65_536
"""Octets handed to the transport at once."""
MAX_WAITING = 1_048_576
"""Octets that may wait to be taken before reading pauses; more than the replies to any group of commands of ours."""
CLOSE_SECONDS = 5.0
"""How long the last bytes of a closed link may take before it is cut."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Why a link is of no use any more. `reset`: it was cut and not closed in order."""

    failure: Failure
    detail: str
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """One address and what came of it: `failure` is None for the one that was connected to."""

    address: str
    failure: Failure | None
    detail: str
    ms: float

    def __str__(self) -> str:
        return f"{self.address}: {self.detail} ({self.ms:.0f} ms)"


class Link(asyncio.Protocol):
    """One connection, made by `dial`. `peer` is the address it leads to, `tried` the way there, `host` the name.

    Without a socket it runs over whatever else behaves as a transport: a channel of SSH.

    `handed` counts the octets of text given to the system so far. `block`: seconds without progress that are borne
    while bytes are being written.
    """

    __slots__ = (
        "_choked",
        "_chunks",
        "_closed",
        "_deadline",
        "_expected",
        "_layer",
        "_loop",
        "_patience",
        "_paused",
        "_pending",
        "_shaking",
        "_socket",
        "_timer",
        "_timer_at",
        "_transport",
        "_waiter",
        "_waiting",
        "block",
        "gone",
        "handed",
        "host",
        "peer",
        "tried",
    )

    def __init__(
        self, sock: socket.socket | None, host: str, peer: str, *, tried: tuple[Tried, ...] = (), block: float = 180.0
    ) -> None:
        self.host = host
        self.peer = peer
        self.tried = tried
        self.block = block
        self.gone: Gone | None = None
        self.handed = 0
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._transport: asyncio.Transport | None = None
        self._layer: TlsLayer | None = None
        self._expected = NOTHING_MORE
        self._shaking = False
        self._chunks: list[bytes] = []
        self._waiting = 0
        self._paused = False
        self._pending: deque[memoryview] = deque()
        self._choked = False
        self._waiter: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline = 0.0
        self._patience = 0.0

    # Reading

    def take(self) -> bytes:
        """What has arrived and was not taken yet; b"" when there is nothing."""
        chunks = self._chunks
        if not chunks:
            return b""
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._waiting = 0
        if self._paused and self._transport is not None and self.gone is None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def give_back(self, data: bytes) -> None:
        """Puts octets that were taken, but not meant for who took them, in front of what is taken next."""
        if data:
            self._chunks.insert(0, data)
            self._waiting += len(data)

    @property
    def waiting(self) -> bool:
        """Whether something has arrived that was not taken yet."""
        return bool(self._chunks)

    def wait(self) -> asyncio.Future[None]:
        """Done at the next event: data, progress in writing, the end of the link or of the patience.

        Ask `gone` first: a link that is gone has no more events. One task at a time.
        """
        waiter = self._next_event()
        if self._chunks:
            waiter.set_result(None)
        return waiter

    def _next_event(self) -> asyncio.Future[None]:
        if self._waiter is not None and not self._waiter.done():
            raise RuntimeError("two tasks wait on one link")
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def patience(self, seconds: float) -> None:
        """From now on a wait of more than `seconds` ends the link as timed out, until this is called again."""
        self._patience = seconds
        self._deadline = deadline = monotonic() + seconds
        if self._timer is None or self._timer_at > deadline:
            self._arm(seconds)

    async def read(self, seconds: float) -> bytes | Gone:
        """At least one octet, or why there will be none within `seconds`."""
        self.patience(seconds)
        while not (data := self.take()):
            if self.gone is not None:
                return self.gone
            await self.wait()
        return data

    # Writing

    def write(self, data: bytes) -> None:
        """Sends `data`, now or as fast as the other side takes it; look at `writing` for a large one."""
        if self._pending or self._choked or len(data) > PIECE:
            self._pending.append(memoryview(data))
            self._pump()
        else:
            self._hand(data)

    @property
    def writing(self) -> bool:
        """Whether the other side takes data more slowly than they were written."""
        return self._choked or bool(self._pending)

    @property
    def accepted(self) -> int:
        """Octets given to `write` so far; `accepted - handed` of them have certainly not left."""
        return self.handed + sum(map(len, self._pending))

    async def drain(self) -> Gone | None:
        """Waits until all is with the system, or the link is gone; `block` seconds without progress end it."""
        self.patience(self.block)
        handed = self.handed
        while self.writing and self.gone is None:
            await self._next_event()  # data that nobody takes meanwhile are none
            if self.handed != handed:
                handed = self.handed
                self.patience(self.block)
        return self.gone

    def _hand(self, data: bytes | memoryview) -> None:
        if self._transport is None or self.gone is not None:
            return
        if self._layer is not None:
            try:
                encrypted = self._layer.encrypt(data)
            except ssl.SSLError as error:
                self.lose(self._tls_failure(error))
                return
            self.handed += len(data)
            self._transport.write(encrypted)
        else:
            self.handed += len(data)
            self._transport.write(data)

    def _pump(self) -> None:
        pending = self._pending
        while pending and not self._choked and self.gone is None:
            view = pending.popleft()
            if len(view) > PIECE:
                pending.appendleft(view[PIECE:])
            self._hand(view[:PIECE])

    # TLS

    async def start_tls(
        self,
        context: ssl.SSLContext,
        server_name: str,
        seconds: float,
        *,
        expected: Expected = NOTHING_MORE,
        from_start: bool = False,
    ) -> Gone | None:
        """The handshake; None when the link is encrypted and the server is the right one.

        `expected`: what the server has to show besides what the context asks for. Without `from_start` nothing may have
        arrived: octets sent in clear ahead of the handshake are not used, the link ends (INJECTED; RFC 3207, 6).
        """
        self._expected = expected
        early = self.take()
        if early and not from_start:
            self.lose(
                Gone(Failure.INJECTED, "The server, or somebody on the way, sent data in clear before TLS began.")
            )
        if self.gone is not None:
            return self.gone
        try:
            self._layer = TlsLayer(context, server_name)
        except ValueError as error:  # UnicodeError too: a name that TLS can't carry
            self.lose(Gone(Failure.TLS, f"TLS can't be started for a server of this name: {error}."))
            return self.gone
        self._shaking = True
        self.patience(seconds)
        self._shake(early)
        while self._shaking and self.gone is None:
            await self.wait()
        if self.gone is None and expected.pin and self._layer.fingerprint() != expected.pin:
            self.lose(Gone(Failure.CERTIFICATE, not_the_trusted(self._layer.fingerprint())))
        return self.gone

    @property
    def encrypted(self) -> bool:
        return self._layer is not None and not self._shaking

    def describe_tls(self) -> TlsInfo | None:
        """Protocol, cipher and certificate, None on a link in clear. Costs some 50 microseconds: for people."""
        return self._layer.describe() if self._layer is not None and not self._shaking else None

    def bindings(self) -> tuple[tuple[str, bytes], ...]:
        """What a login can be bound to (RFC 5929): type and data, the best first. Nothing on a link in clear."""
        return self._layer.bindings() if self._layer is not None and not self._shaking else ()

    def _shake(self, data: bytes) -> None:
        layer = self._layer
        if layer is None or self._transport is None:
            return
        try:
            complete = layer.shake(data)
            text = layer.decrypt(b"") if complete else b""
        except ssl.SSLError as error:
            self._transport.write(layer.outgoing())  # the alert tells the other side why
            self._end(self._tls_failure(error))
            self.close()
            return
        if out := layer.outgoing():
            self._transport.write(out)
        if complete:
            self._shaking = False
            if text:
                self._keep(text)
            self._wake()

    def shown(self) -> Sequence[bytes]:
        """The certificates that the server showed, its own first, DER; also when they were refused. Else empty."""
        return self._layer.chain() if self._layer is not None else ()

    def _tls_failure(self, error: ssl.SSLError) -> Gone:
        if isinstance(error, ssl.SSLCertVerificationError):
            why = why_refused(error, self.shown(), self.host, own_ca=self._expected.own_ca)
            return Gone(Failure.CERTIFICATE, why)
        return Gone(Failure.TLS, why_failed(error, self._expected))

    # The end

    def close(self) -> None:
        """Closes in order: what was written still leaves, for a few seconds."""
        transport = self._transport
        if transport is None:
            return
        if self._layer is not None and not self._shaking and self.gone is None:
            transport.write(self._layer.farewell())
        self._end(Gone(Failure.CLOSED, "The link was closed by us."))
        transport.close()
        self._disarm()
        self._timer = self._loop.call_later(CLOSE_SECONDS, transport.abort)

    def abort(self) -> None:
        """Cuts the link now."""
        self.lose(Gone(Failure.CLOSED, "The link was cut by us."))

    async def closed(self) -> None:
        """Waits until the system has let go of the connection; call `close` or `abort` first."""
        await asyncio.shield(self._closed)

    def lose(self, gone: Gone) -> None:
        """Ends the link now, for this reason. What the transport still held never leaves."""
        transport = self._transport
        if transport is not None:
            if self._layer is None and self.gone is None:
                self.handed -= transport.get_write_buffer_size()  # abort drops it: it never left
            self._end(gone)
            transport.abort()
        else:
            self._end(gone)

    def _end(self, gone: Gone) -> None:
        if self.gone is None:
            self.gone = gone
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    # The one timer

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer_at = self._deadline
        self._timer = self._loop.call_later(seconds, self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        waiter = self._waiter
        if waiter is None or waiter.done():
            return  # nobody waits; `patience` arms it again
        left = self._deadline - monotonic()
        if left > 0:
            self._arm(left)
            return
        what = "answer the TLS handshake" if self._shaking else "take any data" if self.writing else "answer"
        self.lose(Gone(Failure.TIMEOUT, f"The server did not {what} for {self._patience:.3g} seconds."))

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, though not by its class

    def data_received(self, data: bytes) -> None:
        if self._layer is not None:
            if self._shaking:
                self._shake(data)
                return
            data = self._decrypted(self._layer, data)
            if not data:
                return
        self._keep(data)
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _keep(self, data: bytes) -> None:
        self._chunks.append(data)
        self._waiting += len(data)
        if self._waiting > MAX_WAITING and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _decrypted(self, layer: TlsLayer, data: bytes) -> bytes:
        try:
            text = layer.decrypt(data)
        except ssl.SSLError as error:
            self.lose(self._tls_failure(error))
            return b""
        if self._transport is not None and (out := layer.outgoing()):
            self._transport.write(out)
        if layer.ended:
            if text:
                self._keep(text)
            self._end(self._closed_by_server())
            return b""
        return text

    def eof_received(self) -> bool:
        self._end(self._closed_by_server())
        return False

    def _closed_by_server(self) -> Gone:
        if not self._shaking:
            return Gone(Failure.CLOSED, "The server closed the connection.")
        text = "The server closed the connection during the TLS handshake"
        return Gone(Failure.CLOSED, f"{text}: it may know only older versions of TLS, or not expect TLS at all.")

    def connection_lost(self, error: Exception | None) -> None:
        self._disarm()
        if error is not None and self.gone is None:
            self._hear_last_words()
        self._transport = None
        self._end(self._why_lost(error))
        if not self._closed.done():
            self._closed.set_result(None)

    def _why_lost(self, error: Exception | None) -> Gone:
        if not isinstance(error, OSError):
            return self._closed_by_server()
        failure, why = of_os_error(error)
        where = " during the TLS handshake" if self._shaking else ""
        return Gone(failure, f"The connection to the server broke{where}: {why}.", reset=failure is Failure.CLOSED)

    def _hear_last_words(self) -> None:
        """A server that refuses a body says so and hangs up; our write may fail before the loop has read that."""
        if self._socket is None:
            return
        try:
            while data := self._socket.recv(PIECE):
                self.data_received(data)
        except (OSError, ValueError, RuntimeError):  # the last is uvloop's, when so much was said that reading pauses
            return

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False
        self._pump()
        self._wake()
