"""An identity provider (OpenID Connect) on this machine: real HTTP, keys of its own, and wrong in every way when told.

It lets in whoever comes, as the person in `claims`. What a test changes is plain attributes; what it was asked stands
in `asked`. Tokens are signed with `cryptography` alone, so that no library refuses to make a wrong one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["CLIENT", "SECRET", "IdentityProvider", "SigningKey", "identity_provider", "token_of"]

CLIENT, SECRET = "postroom", "a client secret: of + odd % signs"


def text_of(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


class SigningKey:
    """An RSA key with a name."""

    def __init__(self, name: str, size: int = 2048) -> None:
        self.name = name
        self._key = rsa.generate_private_key(65537, size)
        numbers = self._key.public_key().public_numbers()
        self.public: dict[str, Any] = {
            "kty": "RSA",
            "use": "sig",
            "kid": name,
            "n": text_of(numbers.n.to_bytes(size // 8, "big")),
            "e": text_of(numbers.e.to_bytes(3, "big")),
        }

    def sign(self, octets: bytes) -> bytes:
        return self._key.sign(octets, padding.PKCS1v15(), SHA256())


def token_of(key: SigningKey, claims: Mapping[str, Any], head: Mapping[str, Any] | None = None) -> str:
    """A token by this key. `head` replaces what its head says, None takes it away. `none` and `HS256` are meant so."""
    said = {"alg": "RS256", "kid": key.name, **(head or {})}
    said = {name: value for name, value in said.items() if value is not None}
    content = f"{text_of(json.dumps(said).encode())}.{text_of(json.dumps(claims).encode())}"
    if said.get("alg") == "none":
        return f"{content}."
    if said.get("alg") == "HS256":
        signature = hmac.digest(json.dumps(key.public).encode(), content.encode(), "sha256")
    else:
        signature = key.sign(content.encode())
    return f"{content}.{text_of(signature)}"


class IdentityProvider:
    """`claims`: who comes; `more`: what else the token says, or says otherwise (None takes a claim away); `head`: the
    token's head; `token`, `found`, `key_set`: answers that replace the right ones.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "ann-1", "email": "ann@example.org", "email_verified": True}
        self.more: dict[str, Any] = {}
        self.head: dict[str, Any] = {}
        self.key = SigningKey("first")
        self.published: list[SigningKey] = [self.key]
        self.token: Callable[[], tuple[int, bytes]] | None = None
        self.found: dict[str, Any] = {}
        self.key_set: bytes | None = None
        self.seconds = 0.0
        """How long every answer takes."""
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.secret = SECRET
        self.address = ""
        self._codes: dict[str, dict[str, str]] = {}

    def rotate(self) -> None:
        """New tokens are signed with a new key, and only that is published."""
        self.key = SigningKey(f"key-{secrets.token_hex(4)}")
        self.published = [self.key]

    def visit(self, address: str) -> dict[str, str]:
        """What a browser does that is sent there: what it brings back, as the query of the address it is sent to."""
        answer = httpx2.get(address, follow_redirects=False, trust_env=False, timeout=60)
        assert answer.status_code == 302, answer.text
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        return {name: values[0] for name, values in query.items()}

    # -- what it answers ----------------------------------------------------------------------------------------------

    def facts(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize?realm=acme",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "end_session_endpoint": f"{self.address}/logout",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "authorization_response_iss_parameter_supported": True,
            **self.found,
        }

    def authorize(self, query: Mapping[str, str]) -> str:
        assert query["realm"] == "acme"
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = dict(query)
        back = {"code": code, "state": query["state"], "iss": self.address}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def exchange(self, form: Mapping[str, str], authorization: str) -> tuple[int, bytes]:
        if self.token is not None:
            return self.token()
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode() if authorization else ""
        given = parse_qs(f"v={pair.partition(':')[2]}").get("v", [""])[0] or form.get("client_secret", "")
        if given != self.secret:
            return 401, b'{"error": "invalid_client"}'
        asked = self._codes.pop(form["code"], None)
        verified = text_of(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or verified != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, b'{"error": "invalid_grant"}'
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": asked["nonce"]}
        claims = {name: value for name, value in (claims | self.claims | self.more).items() if value is not None}
        return 200, json.dumps({"token_type": "Bearer", "id_token": token_of(self.key, claims, self.head)}).encode()

    def answer(self, method: str, path: str, body: bytes, authorization: str) -> tuple[int, bytes, str]:
        self.asked.append(path.partition("?")[0])
        if self.seconds:
            time.sleep(self.seconds)
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        if path.startswith("/authorize"):
            return 302, b"", self.authorize(query)
        if path == "/token" and method == "POST":
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            self.forms.append(form)
            return (*self.exchange(form, authorization), "")
        if path == "/keys":
            keys = {"keys": [key.public for key in self.published]}
            return 200, json.dumps(keys).encode() if self.key_set is None else self.key_set, ""
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps(self.facts()).encode(), ""
        return 404, b"", ""


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """One that listens on a free port of this machine."""
    provider = IdentityProvider()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, octets, place = provider.answer(
                self.command, self.path, body, self.headers.get("authorization") or ""
            )
            self.send_response(status)
            if place:
                self.send_header("location", place)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(octets)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked may have given up
                self.wfile.write(octets)

        do_GET = do_POST = _serve  # noqa: N815  (the names that http.server calls)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
