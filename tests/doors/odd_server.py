"""An HTTP server in front of a real Postroom that does something odd to each request, then nothing odd any more."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

__all__ = ["OddServer"]

_PASSED_ON = ("authorization", "idempotency-key", "content-type")


class OddServer:
    """`tricks`, one for each request: `cut before` or `cut after` Postroom has it, `busy`, `gateway` (504 although
    Postroom has it), `broken` (500), and anything else for nothing odd. `keys` are the idempotency keys that came."""

    def __init__(self, url: str, tricks: list[str]) -> None:
        self.keys: list[str | None] = []
        self._tricks = tricks
        self._behind = httpx2.Client(base_url=url, trust_env=False, timeout=60)
        odd = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                odd.keys.append(self.headers["idempotency-key"])
                odd._serve(self, body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name in the library)
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def _serve(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        trick = self._tricks.pop(0) if self._tricks else ""
        if trick == "cut before":
            _cut(request)
        elif trick == "busy":
            problem = json.dumps({"title": "Busy", "detail": "Wait."}).encode()
            _say(request, 503, {"retry-after": "0"}, problem)
        elif trick == "broken":
            _say(request, 500, {}, json.dumps({"title": "Broken", "detail": "Sorry."}).encode())
        else:
            headers = {name: request.headers[name] for name in _PASSED_ON if request.headers[name]}
            answer = self._behind.post(request.path, content=body, headers=headers)
            if trick == "cut after":
                _cut(request)
            elif trick == "gateway":
                _say(request, 504, {}, b"<html>")
            else:
                replayed = {name: answer.headers[name] for name in ("idempotency-replayed",) if name in answer.headers}
                _say(request, answer.status_code, replayed, answer.content)

    def __enter__(self) -> OddServer:
        self._thread.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._behind.close()


def _cut(request: BaseHTTPRequestHandler) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


def _say(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
