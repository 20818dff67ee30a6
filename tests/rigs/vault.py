"""A vault as tests need one: HashiCorp Vault's HTTP API over real HTTPS, in a thread, and told to fail in each way.

After the API documentation of HashiCorp Vault (KV version 1 and 2, AppRole, /sys/internal/ui/mounts): the paths, the
status codes and the shapes of errors are the real ones. Nothing of Postroom is imported here.
"""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

__all__ = ["FakeVault"]

ROLE, TOKEN = "role-5f1c", "hvs.root-token-9d2b"


class FakeVault:
    """`secrets`: (mount, path) → fields. `mode`: "", sealed, slow, busy, odd. `asked`: every path with its token."""

    def __init__(self, certificate: Path | None = None) -> None:
        """`certificate`: PEM with key and chain; without it, plain HTTP on this machine."""
        self.secrets: dict[tuple[str, str], dict[str, Any] | None] = {}
        self.versions = {"kv": "2", "old": "1", "team/kv": "2"}
        self.tokens: dict[str, bool] = {TOKEN: True}
        self.secret_ids = {"sid-1"}
        self.namespace = ""
        self.mode = ""
        self.lease = 3_600
        self.asked: list[tuple[str, str]] = []
        self._logins = 0
        vault = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                vault.answer(self, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                vault.answer(self, json.loads(body))

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://localhost:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def answer(self, handler: http.server.BaseHTTPRequestHandler, body: Any) -> None:
        token = handler.headers.get("X-Vault-Token", "")
        path = unquote(handler.path)
        self.asked.append((path, token))
        status, document = self._answer(path, token, handler.headers.get("X-Vault-Namespace", ""), body)
        octets = document if isinstance(document, bytes) else json.dumps(document).encode()
        with suppress(OSError):  # who asked may have gone
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(octets)))
            handler.end_headers()
            handler.wfile.write(octets)

    def _answer(self, path: str, token: str, namespace: str, body: Any) -> tuple[int, Any]:
        if self.mode == "slow":
            time.sleep(2)
        if self.mode == "sealed":
            return 503, {"errors": ["Vault is sealed"]}
        if self.mode == "busy":
            return 429, {"errors": ["request path rate limit quota exceeded"]}
        if self.mode == "odd":
            return 200, b"<html>hello</html>"
        if path == "/v1/auth/approle/login":
            return self._log_in(body)
        if path.startswith("/v1/auth/"):
            return 404, {"errors": ["no handler for route"]}
        if namespace != self.namespace or token not in self.tokens:
            return 403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}
        if not self.tokens[token]:
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        if path.startswith("/v1/sys/internal/ui/mounts/"):
            return self._mount(path.removeprefix("/v1/sys/internal/ui/mounts/").rstrip("/"))
        return self._read(path.removeprefix("/v1/"))

    def _log_in(self, body: Any) -> tuple[int, Any]:
        if body.get("role_id") != ROLE or body.get("secret_id") not in self.secret_ids:
            return 400, {"errors": ["invalid role or secret ID"]}
        self._logins += 1
        token = f"hvs.login-{self._logins}"
        self.tokens[token] = True
        return 200, {"auth": {"client_token": token, "lease_duration": self.lease, "renewable": True}}

    def _mount(self, mount: str) -> tuple[int, Any]:
        if mount not in self.versions:
            return 403, {"errors": ["preflight capability check returned 403"]}
        options = {"version": self.versions[mount]}
        return 200, {"data": {"path": f"{mount}/", "type": "kv", "options": options}}

    def _read(self, path: str) -> tuple[int, Any]:
        mount = next((one for one in sorted(self.versions, key=len, reverse=True) if path.startswith(f"{one}/")), "")
        if not mount:
            return 404, {"errors": [f'no handler for route "{path}". route entry not found.']}
        rest = path.removeprefix(f"{mount}/")
        if self.versions[mount] == "1" or not rest.startswith("data/"):
            return 404, {"errors": []}
        key = (mount, rest.removeprefix("data/"))
        if key not in self.secrets:
            return 404, {"errors": []}
        metadata = {"version": 3, "deletion_time": "", "destroyed": False}
        fields = self.secrets[key]
        return (404 if fields is None else 200), {"data": {"data": fields, "metadata": metadata}}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
