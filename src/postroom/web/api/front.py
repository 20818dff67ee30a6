"""What every answer of the API passes: request id, security headers, HEAD, and the last net for unexpected errors.

Plain ASGI, for each layer of Starlette's middleware costs more than all of this. The API knows no cookies, no origin
is allowed to call from a browser (no CORS headers), so there is nothing a foreign page could ride on.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from postroom.web.api.problems import MEDIA_TYPE, Problem, problem_of

__all__ = ["SECURITY", "App", "Receive", "Scope", "Send", "answer", "guarded", "request_id", "tell"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
)
"""On every answer that does not say otherwise: nothing here is a page, and nothing may be kept by a cache."""

_given_id = re.compile(rb"[A-Za-z0-9._-]{1,64}").fullmatch
_process = os.urandom(4).hex()
_numbers = itertools.count(1)


def request_id(given: bytes | None) -> str:
    """The caller's X-Request-Id if it is fit for a log, else one of our own."""
    if given is not None and _given_id(given):
        return given.decode("ascii")
    return f"{_process}-{next(_numbers):x}"


async def answer(send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """One whole answer, with the security headers."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length, *SECURITY]})
    await send({"type": "http.response.body", "body": body})


async def tell(send: Send, problem: Problem, identity: str) -> None:
    """One problem as the answer."""
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"x-request-id", identity.encode())]
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in problem.headers]
    await answer(send, problem.status, problem.body(identity), headers)


async def guarded(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Calls the app; whatever it does, the answer is complete, marked and safe."""
    identity = request_id(dict(scope["headers"]).get(b"x-request-id"))
    head = scope["method"] == "HEAD"
    inner = {**scope, "method": "GET"} if head else scope
    inner.setdefault("state", {})["request_id"] = identity
    started = False

    async def marked(message: Message) -> None:
        nonlocal started
        if message["type"] == "http.response.start":
            started = True
            message["headers"] = _with_marks(message.get("headers", ()), identity)
        elif head:
            message["body"] = b""
        await send(message)

    try:
        await app(inner, receive, marked)
    except Exception as error:
        problem = problem_of(error, identity)
        if not started:
            await tell(send, problem, identity)


def _with_marks(headers: Iterable[tuple[bytes, bytes]], identity: str) -> list[tuple[bytes, bytes]]:
    given = list(headers)
    names = {name for name, _ in given}
    marks = [(b"x-request-id", identity.encode())]
    return given + marks + [(name, value) for name, value in SECURITY if name not in names]
