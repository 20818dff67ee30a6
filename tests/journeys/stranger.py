"""A server that says whatever a test tells it to, one thread a connection, and keeps every octet it was given."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

__all__ = ["Stranger", "Visit"]


class Visit:
    """One connection, from the stranger's side."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""
        self.heard = bytearray()

    def say(self, data: bytes) -> None:
        self._connection.sendall(data)

    def line(self) -> bytes:
        """The next line, or what came before the end."""
        while b"\n" not in self._rest:
            data = self._connection.recv(65_536)
            if not data:
                break
            self.heard += data
            self._rest += data
        line, end, self._rest = self._rest.partition(b"\n")
        return line + end

    def start_tls(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        """From here on encrypted; the encrypted socket, for what it knows of the link."""
        encrypted = context.wrap_socket(self._connection, server_side=True)
        self._connection = encrypted
        return encrypted

    def answer(self, replies: dict[bytes, bytes]) -> None:
        """Answers each line by its first word until the other side leaves or there is no answer for it."""
        while line := self.line():
            reply = replies.get(line.split(None, 1)[0].upper() if line.strip() else b"")
            if reply is None:
                return
            self.say(reply)

    def hang_up(self) -> None:
        """Whatever has become of the connection: TLS takes the plain socket over."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def wait_for_the_end(self) -> None:
        while self.line():
            pass


class Stranger:
    """`with Stranger(lambda visit: visit.say(b"220 hello\\r\\n")) as stranger:` and connect to `stranger.port`."""

    def __init__(self, script: Callable[[Visit], None], host: str = "127.0.0.1", port: int = 0) -> None:
        self._script = script
        self._door = socket.create_server((host, port), backlog=64)
        self.port = int(self._door.getsockname()[1])
        self.visits: list[Visit] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._receiving = threading.Thread(target=self._receive, daemon=True)

    @property
    def heard(self) -> bytes:
        """All that was ever said to it."""
        return b"".join(bytes(visit.heard) for visit in self.visits)

    def _receive(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._door.accept()
                self._sockets.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        visit = Visit(connection)
        self.visits.append(visit)
        with contextlib.suppress(OSError), connection:
            self._script(visit)

    def __enter__(self) -> Self:
        self._receiving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for visit in self.visits:
            visit.hang_up()
        for thread in (self._receiving, *self._threads):
            thread.join(5)
