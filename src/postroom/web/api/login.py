"""Who asks: the key or session token of the Authorization header (RFC 6750 section 2.1), and what it may do.

The scope a route needs is written once, where the route is, and is both asked for and documented from there. The
facades ask again: a door that forgot would still be shut. A missing, malformed, unknown, expired and revoked key are
answered alike, in the same words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from postroom.errors import Forbidden, NotFound, Unauthenticated
from postroom.model.application import Actor, Scope
from postroom.web.desk import Desk

__all__ = [
    "SCHEME",
    "Administrator",
    "Anybody",
    "ApplicationManager",
    "Auditor",
    "ContentReader",
    "Doer",
    "Reader",
    "RecipientManager",
    "Sending",
    "SettingsReader",
    "SettingsWriter",
    "TenantManager",
    "UserManager",
    "actor_of",
    "at",
    "client_address",
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
        raise Forbidden(f"This key or user has not the right {scope}.", scope=scope.value)


class _KeyLogin(SecurityBase):
    """FastAPI's kind of dependency, so that the document tells which scope each operation needs."""

    def __init__(self) -> None:
        self.scheme_name = SCHEME
        words = "A key like `pr_…`, made with POST /v1/applications/{ref}/keys, or the token `ps_…` of a session."
        self.model = HTTPBearer(description=words)

    async def __call__(self, request: Request, wanted: SecurityScopes) -> Actor:
        actor = await actor_of(request.app.state.desk, dict(request.scope["headers"]))
        for scope in wanted.scopes:
            need(actor, Scope(scope))
        return replace(actor, door="api", address=client_address(request))


def at(actor: Actor, tenant_id: int | None) -> Actor:
    """The same who asks, for this tenant; None is his own. Raises NotFound for one that he does not reach."""
    if tenant_id is None or tenant_id == actor.tenant_id:
        return actor
    if not actor.reaches(tenant_id):
        raise NotFound("There is no such tenant here.")
    return replace(actor, tenant_id=tenant_id)


def client_address(request: Request) -> str:
    """Where the request came from, as far as this process can see."""
    return "" if request.client is None else request.client.host


_login = _KeyLogin()

Sending = Annotated[Actor, Security(_login, scopes=[Scope.SEND.value])]
Reader = Annotated[Actor, Security(_login, scopes=[Scope.READ.value])]
ContentReader = Annotated[Actor, Security(_login, scopes=[Scope.CONTENT.value])]
Doer = Annotated[Actor, Security(_login, scopes=[Scope.ACT.value])]
SettingsReader = Annotated[Actor, Security(_login, scopes=[Scope.SETTINGS_READ.value])]
SettingsWriter = Annotated[Actor, Security(_login, scopes=[Scope.SETTINGS_WRITE.value])]
ApplicationManager = Annotated[Actor, Security(_login, scopes=[Scope.APPLICATIONS.value])]
RecipientManager = Annotated[Actor, Security(_login, scopes=[Scope.RECIPIENTS.value])]
UserManager = Annotated[Actor, Security(_login, scopes=[Scope.USERS.value])]
TenantManager = Annotated[Actor, Security(_login, scopes=[Scope.TENANTS.value])]
Auditor = Annotated[Actor, Security(_login, scopes=[Scope.AUDIT.value])]
Anybody = Annotated[Actor, Security(_login, scopes=[])]
"""Whoever is known: what one does with one's own needs no right."""
Administrator = Annotated[Actor, Security(_login, scopes=[Scope.ADMIN.value])]
