"""An identity provider that people can set up to fail: real HTTP (or HTTPS) in threads of its own, OAuth2 as RFC 6749,
7523 and 7636 want it. Its access tokens are JWTs (HS256), which Dovecot can check by itself.

It is strict, so that a sloppy client is found out: PKCE, redirect addresses, assertions and the client's secret are
checked; a refresh token that was replaced is refused, and the whole grant with it (as RFC 9700 advises), unless it is
told to have `grace`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

__all__ = ["CLIENT", "KEY", "Provider"]

KEY = b"the key that signs the access tokens of the tests, long enough"
CLIENT = "mail-app"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Refused(Exception):
    """What is answered with 400: (error, description)."""


class Provider:
    """`with Provider() as provider:` and accounts with `provider.token_url`. What is public may be changed at any time.

    `client_secret`: "" for a public client; `public_key`: what checks assertions. `fails`: an (error, description), or
    "500", "garbage", "redirect", "cut", "silent"; for every question while it is set. `tokens_last`: seconds, as told.
    `grace`: a replaced refresh token is taken again, as by Microsoft and Google. `key`: what signs access tokens.
    `issued`, `questions`: what was given and asked, in order.
    """

    def __init__(self, context: ssl.SSLContext | None = None, user: str = "ann@example.test") -> None:
        self.user = user
        self.client_secret = ""
        self.public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | None = None
        self.fails: str | tuple[str, str] = ""
        self.rotates = True
        self.grace = False
        self.key = KEY
        self.tokens_last = 3600
        self.gives_refresh = True
        self.slow = 0.0
        self.questions: list[dict[str, str]] = []
        self.issued: list[str] = []
        self.redirects: list[str] = []
        self.claims: list[dict[str, Any]] = []
        self.revoked = False
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh = ""
        self._spent: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"{'http' if context is None else 'https'}://localhost:{self.port}"
        self.token_url = f"{self.url}/token"
        self.authorize_url = f"{self.url}/authorize"
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # -- for tests --------------------------------------------------------------------------------------------------

    def account(self, **more: object) -> dict[str, object]:
        """The fields of an account that logs in with this provider's tokens."""
        return {
            "login": "oauth2",
            "user": self.user,
            "oauth2_provider": "custom",
            "oauth2_client_id": CLIENT,
            "oauth2_token_url": self.token_url,
            "oauth2_authorize_url": self.authorize_url,
            "oauth2_scope": "smtp offline_access",
            **more,
        }

    def refresh_token(self) -> str:
        """One as somebody could type it."""
        with self._lock:
            self.revoked = False
            return self._new_refresh()

    def access_token(self, seconds: int = 3600) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "sub": self.user, "email": self.user, "iat": now, "exp": now + seconds}
        body = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part({**claims, 'jti': secrets.token_hex(8)})}"
        return f"{body}.{_coded(hmac.digest(self.key, body.encode(), 'sha256'))}"

    # -- answers ----------------------------------------------------------------------------------------------------

    def authorize(self, asked: Mapping[str, str]) -> str:
        """Consents at once: where the person is sent back to."""
        if asked.get("client_id") != CLIENT or asked.get("code_challenge_method") != "S256":
            raise Refused("invalid_request", "no client, or no PKCE")
        back = {"state": asked["state"]}
        if isinstance(self.fails, tuple):
            back |= {"error": self.fails[0], "error_description": self.fails[1]}
        else:
            code = secrets.token_urlsafe(12)
            self._codes[code] = dict(asked)
            back["code"] = code
        self.redirects.append(f"{asked['redirect_uri']}?{urlencode(back)}")
        return self.redirects[-1]

    def token(self, form: dict[str, str]) -> dict[str, object]:
        with self._lock:
            self.questions.append(form)
            if isinstance(self.fails, tuple):
                raise Refused(*self.fails)
            if form.get("grant_type") == _BEARER:
                self.claims.append(self._checked(form["assertion"]))
            else:
                self._check_client(form)
            self._check_grant(form)
            answer: dict[str, object] = {"token_type": "Bearer", "expires_in": self.tokens_last}
            answer["access_token"] = self.access_token(self.tokens_last)
            self.issued.append(str(answer["access_token"]))
            wanted = {"authorization_code": self.gives_refresh, "refresh_token": self.gives_refresh and self.rotates}
            if wanted.get(form["grant_type"]):
                answer["refresh_token"] = self._new_refresh()
            return answer

    def _new_refresh(self) -> str:
        if self._refresh:
            self._spent.add(self._refresh)
        self._refresh = secrets.token_urlsafe(24)
        self.issued.append(self._refresh)
        return self._refresh

    def _check_client(self, form: Mapping[str, str]) -> None:
        if form.get("client_id") != CLIENT:
            raise Refused("invalid_client", "no such client")
        if self.public_key is not None:
            if form.get("client_assertion_type") != _ASSERTION:
                raise Refused("invalid_client", "an assertion is wanted")
            claims = self._checked(form["client_assertion"])
            if claims["iss"] != CLIENT or claims["sub"] != CLIENT:
                raise Refused("invalid_client", "whose assertion is that?")
            self.claims.append(claims)
        elif form.get("client_secret", "") != self.client_secret:
            raise Refused("invalid_client", "the secret is wrong")

    def _check_grant(self, form: Mapping[str, str]) -> None:
        kind = form.get("grant_type")
        if kind == "authorization_code":
            asked = self._codes.pop(form["code"], None)
            proof = _coded(hashlib.sha256(form["code_verifier"].encode()).digest())
            if asked is None or asked["redirect_uri"] != form["redirect_uri"] or asked["code_challenge"] != proof:
                raise Refused("invalid_grant", "the code is not good")
            self.revoked = False
        elif kind == "refresh_token":
            given = form["refresh_token"]
            if given in self._spent and self.grace:
                return
            if given in self._spent:
                self.revoked = True
                raise Refused("invalid_grant", "that token was replaced; somebody has stolen it")
            if self.revoked or given != self._refresh:
                raise Refused("invalid_grant", "revoked")
        elif kind not in ("client_credentials", _BEARER):
            raise Refused("unsupported_grant_type", str(kind))

    def _checked(self, assertion: str) -> dict[str, Any]:
        """The claims of an assertion whose signature, audience and times are right."""
        head, body, signature = assertion.split(".")
        algorithm = json.loads(_decoded(head))["alg"]
        data, mark, key = f"{head}.{body}".encode(), _decoded(signature), self.public_key
        if algorithm == "ES256" and isinstance(key, ec.EllipticCurvePublicKey):
            r, s = int.from_bytes(mark[:32], "big"), int.from_bytes(mark[32:], "big")
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            key.verify(mark, data, pss if algorithm == "PS256" else padding.PKCS1v15(), hashes.SHA256())
        else:
            raise Refused("invalid_client", "no key for that")
        claims: dict[str, Any] = json.loads(_decoded(body))
        now = time.time()
        if claims["aud"] != self.token_url or not claims["nbf"] <= now < claims["exp"] <= now + 3600:
            raise Refused("invalid_client", "not for here, or not for now")
        return {**claims, "header": json.loads(_decoded(head))}


def _handler(provider: Provider) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = _flat(urlsplit(self.path).query)
            try:
                self._say(302, b"", location=provider.authorize(asked))
            except Refused as refused:
                self._say(400, str(refused.args).encode())

        def do_POST(self) -> None:
            form = _flat(self.rfile.read(int(self.headers["Content-Length"])).decode())
            time.sleep(provider.slow)
            match provider.fails:
                case "500":
                    self._say(500, b"<h1>Oh</h1>")
                case "garbage":
                    self._say(200, b"\x00\xff{{{")
                case "redirect":
                    self._say(307, b"", location="http://127.0.0.1:1/")
                case "cut":
                    self.close_connection = True
                case _:
                    self._tell(form)

        def _tell(self, form: dict[str, str]) -> None:
            try:
                self._say(200, json.dumps(provider.token(form)).encode())
            except Refused as refused:
                error, words = refused.args
                self._say(400, json.dumps({"error": error, "error_description": words}).encode())

        def _say(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    return Handler


def _flat(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _part(value: Mapping[str, object]) -> str:
    return _coded(json.dumps(value).encode())


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
