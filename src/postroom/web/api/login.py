"""Who asks: the key of the Authorization header (RFC 6750 section 2.1), and what it may do.

The scope a route needs is written once, where the route is, and is both asked for and documented from there. The
facades ask again: a door that forgot would still be shut. A missing, malformed, unknown, expired and revoked key are
answered alike, in the same words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from postroom.errors import Forbidden, Unauthenticated
from postroom.model.application import Actor, Scope
from postroom.web.desk import Desk

__all__ = [
    "SCHEME",
    "Administrator",
    "ContentReader",
    "Doer",
    "Reader",
    "Sending",
    "SettingsReader",
    "SettingsWriter",
    "actor_of",
    "key_text",
    "need",
]

SCHEME = "key"
_LONGEST = 200
_WORDS = "Send a valid key in the header: Authorization: Bearer pr_…"


def key_text(authorization: bytes | None) -> str:
    """The key in an Authorization header. Raises Unauthenticated."""
    if authorization is None:
        raise Unauthenticated(_WORDS)
    scheme, _, key = authorization.partition(b" ")
    key = key.strip()
    if scheme.lower() != b"bearer" or not key or len(key) > _LONGEST or not key.isascii():
        raise Unauthenticated(_WORDS, challenge='Bearer realm="postroom", error="invalid_token"')
    return key.decode("ascii")


async def actor_of(desk: Desk, headers: Mapping[bytes, bytes]) -> Actor:
    """Who sent this request. Raises Unauthenticated."""
    text = key_text(headers.get(b"authorization"))
    known = desk.office.authenticated(text)
    if known is not None:
        return known
    try:
        return await asyncio.wrap_future(desk.office.authenticate(text))
    except Unauthenticated:
        raise Unauthenticated(_WORDS, challenge='Bearer realm="postroom", error="invalid_token"') from None


def need(actor: Actor, scope: Scope) -> None:
    """Raises Forbidden unless the key may do this."""
    if not actor.may(scope):
        raise Forbidden(f"This key has no scope {scope}.", scope=scope.value)


class _KeyLogin(SecurityBase):
    """FastAPI's kind of dependency, so that the document tells which scope each operation needs."""

    def __init__(self) -> None:
        self.scheme_name = SCHEME
        self.model = HTTPBearer(description="A key like `pr_…`, made with POST /v1/applications/{ref}/keys.")

    async def __call__(self, request: Request, wanted: SecurityScopes) -> Actor:
        actor = await actor_of(request.app.state.desk, dict(request.scope["headers"]))
        for scope in wanted.scopes:
            need(actor, Scope(scope))
        return actor


_login = _KeyLogin()

Sending = Annotated[Actor, Security(_login, scopes=[Scope.SEND.value])]
Reader = Annotated[Actor, Security(_login, scopes=[Scope.READ.value])]
ContentReader = Annotated[Actor, Security(_login, scopes=[Scope.CONTENT.value])]
Doer = Annotated[Actor, Security(_login, scopes=[Scope.ACT.value])]
SettingsReader = Annotated[Actor, Security(_login, scopes=[Scope.SETTINGS_READ.value])]
SettingsWriter = Annotated[Actor, Security(_login, scopes=[Scope.SETTINGS_WRITE.value])]
Administrator = Annotated[Actor, Security(_login, scopes=[Scope.ADMIN.value])]
