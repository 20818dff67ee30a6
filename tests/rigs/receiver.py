"""A program that takes webhooks: a small HTTP server on loopback, which answers as a test wants."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Given", "Receiver"]


@dataclass(frozen=True, slots=True)
class Given:
    """One request. `event` is its body as JSON; header names are in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Receiver:
    """`answer(given)` says what is answered: a status, or a status with headers and a body, or "slow" or "cut"."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.given: list[Given] = []
        self.answer: Callable[[Given], Any] = lambda given: 204
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                given = receiver._read(self)
                receiver.given.append(given)
                receiver._reply(self, receiver.answer(given))

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *words: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def types(self) -> list[str]:
        return [one.event["type"] for one in self.given]

    @staticmethod
    def _read(handler: BaseHTTPRequestHandler) -> Given:
        length = int(handler.headers.get("content-length", "0"))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        return Given(handler.path, headers, handler.rfile.read(length))

    def _reply(self, handler: BaseHTTPRequestHandler, answer: Any) -> None:
        if answer == "cut":
            handler.close_connection = True
            return
        if answer == "slow":
            self.released.wait(30)
            answer = 204
        status, headers, body = (answer, {}, b"") if isinstance(answer, int) else answer
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if "content-length" not in {name.lower() for name in headers}:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
