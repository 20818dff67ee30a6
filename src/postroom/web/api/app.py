"""The API as one ASGI application: the routes, the documentation, and every error as a problem.

`POST /v1/messages` passes by FastAPI's machinery (see `posting`); all else goes through it. Nothing here knows a rule
about mail: rights, tenants and faults are the facades'.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route, compile_path

from postroom import __version__
from postroom.errors import PostroomError
from postroom.office.by_provider import RETURN_PATH
from postroom.office.grants import CALLBACK
from postroom.office.preferences import FILES, PREFERENCES
from postroom.settings import Network, ProxyHeader
from postroom.web.api import (
    account_life,
    accounts,
    as_code,
    audit,
    bulks,
    certificates,
    checks,
    connectors,
    diagnoses,
    discovery,
    dkim,
    dns,
    evidence,
    filters,
    first_run,
    front,
    grants,
    incoming,
    insight,
    installation,
    jobs,
    kinds,
    log_searches,
    mailboxes,
    messages,
    passkeys,
    people,
    presets,
    proofs,
    providers,
    recipients,
    senders,
    settings,
    signing_in,
    staged,
    templates,
    tenants,
    versions,
    webhooks,
)
from postroom.web.api.bulk_posting import BULKS_PATH, BulkPosting
from postroom.web.api.describing import json_answer
from postroom.web.api.document import document_of
from postroom.web.api.page import POLICY, page_of
from postroom.web.api.posting import Posting
from postroom.web.api.problems import (
    MEDIA_TYPE,
    Problem,
    RequestError,
    problem_of,
    problem_of_status,
    unexpected,
)
from postroom.web.api.raw import RAW_PATH, RawPosting
from postroom.web.api.requests import query_faults
from postroom.web.desk import Desk
from postroom.web.forwarded import client_of
from postroom.web.letters import CHOOSING
from postroom.web.preferences import hand_out_file, own_page

if TYPE_CHECKING:
    from postroom.web.console import Console

__all__ = ["Api", "create_app"]

_PARTS = (
    log_searches,
    messages,
    jobs,
    filters,
    evidence,
    account_life,
    accounts,
    staged,
    certificates,
    grants,
    presets,
    discovery,
    connectors,
    kinds,
    templates,
    bulks,
    dkim,
    recipients,
    dns,
    incoming,
    mailboxes,
    senders,
    proofs,
    settings,
    as_code,
    tenants,
    versions,
    people,
    passkeys,
    providers,
    signing_in,
    first_run,
    audit,
    installation,
    insight,
    checks,
    webhooks,
    diagnoses,
)
"""What has routes, in the order in which the document tells of it."""
_HOT = "/v1/messages"
_ONE_HOUR = "max-age=3600"


class Api(FastAPI):
    """FastAPI with the hot path before it and the marks of every answer around it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(
            title="Postroom",
            version=__version__,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            generate_unique_id_function=lambda route: route.name,
        )
        self.state.desk = desk
        self.posting = Posting(desk)
        self.raw = RawPosting(desk, self.posting.admission)
        self.bulks = BulkPosting(desk, self.posting.admission)
        self._proxies, self._proxy_header = _proxies(desk)
        self._page = ""
        self._offered: list[tuple[re.Pattern[str], set[str]]] = []

    def stopping(self) -> None:
        """The server stops: what streams without end, ends."""
        self.state.desk.closing.set()

    async def __call__(self, scope: front.Scope, receive: front.Receive, send: front.Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        if self._proxies and scope.get("client"):
            peer, port = scope["client"]
            scope["client"] = (client_of(peer, scope["headers"], self._proxies, self._proxy_header), port)
        if scope["path"] == _HOT and scope["method"] == "POST":
            await self.posting(scope, receive, send)
        elif scope["path"] == RAW_PATH and scope["method"] == "POST":
            await self.raw(scope, receive, send)
        elif scope["path"] == BULKS_PATH and scope["method"] == "POST":
            await self.bulks(scope, receive, send)
        else:
            await front.guarded(super().__call__, scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = document_of(self)
        return self.openapi_schema

    def methods_at(self, path: str) -> list[str]:
        """Every method that is offered at this path, for Allow (RFC 9110 section 10.2.1)."""
        if not self._offered:
            for template, item in self.openapi()["paths"].items():
                self._offered.append((compile_path(template)[0], {method.upper() for method in item}))
        found = {method for pattern, methods in self._offered if pattern.match(path) for method in methods} or {"GET"}
        return sorted(found | ({"HEAD"} if "GET" in found else set()))

    @property
    def page(self) -> str:
        """The documentation page, made once."""
        self._page = self._page or page_of(self.openapi())
        return self._page


class _Console:
    """The console, loaded when somebody opens it: a Postroom that only programs talk to does without."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._console: Console | None = None

    async def __call__(self, scope: front.Scope, receive: front.Receive, send: front.Send) -> None:
        if self._console is None:
            self._console = await asyncio.to_thread(self._loaded)
        await self._console(scope, receive, send)

    def _loaded(self) -> Console:
        from postroom.web.console import Console

        return Console(self._desk)


async def _choose(request: Request) -> Response:
    from postroom.web.choosing import choose

    return await choose(request)


async def _come_back(request: Request) -> Response:
    from postroom.web.consent import come_back

    return await come_back(request)


def _proxies(desk: Desk) -> tuple[tuple[Network, ...], ProxyHeader]:
    return desk.settings.trusted_proxies, desk.settings.proxy_header


def create_app(desk: Desk) -> FastAPI:
    """The application. It has no lifespan: the engine behind `desk` is started and stopped by others."""
    app = Api(desk)
    app.router.routes.append(Route(_HOT, app.posting, methods=["POST"]))
    app.router.routes.append(Route(RAW_PATH, app.raw, methods=["POST"]))
    app.router.routes.append(Route(BULKS_PATH, app.bulks, methods=["POST"]))
    for part in _PARTS:
        app.include_router(part.router)
    app.add_api_route("/health", insight.read_health, include_in_schema=False)
    app.add_api_route("/ready", insight.read_ready, include_in_schema=False)
    app.add_route("/v1/openapi.json", _document, methods=["GET"])
    app.add_route("/docs", _page, methods=["GET"])
    app.add_route("/", _start, methods=["GET"])
    app.add_route("/console", _console, methods=["GET"])
    app.add_route(RETURN_PATH, _back, methods=["GET"])
    app.router.routes.append(Mount("/console", _Console(desk)))
    app.add_route(CHOOSING, _choose, methods=["GET", "POST"])
    app.add_route(f"{PREFERENCES}/{{token}}", own_page, methods=["GET", "POST"])
    app.add_route(f"{FILES}/{{token}}", hand_out_file, methods=["GET"])
    app.add_route(CALLBACK, _come_back, methods=["GET"])
    app.add_exception_handler(PostroomError, _tell)
    app.add_exception_handler(RequestError, _tell)
    app.add_exception_handler(RequestValidationError, _tell_query)
    app.add_exception_handler(HTTPException, _tell_status)
    app.add_exception_handler(Exception, _tell_unexpected)
    return app


async def _document(request: Request) -> Response:
    return json_answer(request.app.openapi(), headers={"cache-control": _ONE_HOUR})


async def _page(request: Request) -> Response:
    headers = {"content-security-policy": POLICY, "referrer-policy": "no-referrer", "cache-control": _ONE_HOUR}
    return HTMLResponse(request.app.page, headers=headers)


async def _start(request: Request) -> Response:
    """People come to the console, programs to the documentation."""
    people = "text/html" in request.headers.get("accept", "")
    return RedirectResponse("/console/" if people else "/docs", 307, {"vary": "accept"})


async def _back(request: Request) -> Response:
    """From an identity provider: the console finishes what it began."""
    return RedirectResponse(f"/console{RETURN_PATH}?{request.url.query}", 303)


async def _console(request: Request) -> Response:
    return RedirectResponse("/console/", 308)


async def _tell(request: Request, error: Exception) -> Response:
    return _response(request, problem_of(error, _identity(request)))


async def _tell_query(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    return _response(request, problem_of(query_faults(found)))


async def _tell_status(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _response(request, problem_of_status(status, request.app.methods_at(request.url.path)))


async def _tell_unexpected(request: Request, error: Exception) -> Response:
    """Starlette raises the error again after this; `front.guarded` catches and logs it."""
    return _response(request, unexpected(_identity(request)))


def _response(request: Request, problem: Problem) -> Response:
    body = problem.body(_identity(request))
    return Response(body, problem.status, dict(problem.headers), media_type=MEDIA_TYPE)


def _identity(request: Request) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))
