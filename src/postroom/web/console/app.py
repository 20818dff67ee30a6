"""The console as one ASGI application under `/console`: its pages, its files, and what every answer carries.

Rules it keeps: a form is taken only with its session's token and from our own pages; nothing is run or loaded that
is not ours; no answer is kept by a cache or framed by anybody; an error is a page. What may be done is decided by the
facades, as for the API.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from postroom.errors import Forbidden, NotFound
from postroom.web.api import front
from postroom.web.console import mail, outgoing, overview, profile, set_up, signing_in, standing, welcome
from postroom.web.console.assets import find
from postroom.web.console.cookies import same_form
from postroom.web.console.forms import TOKEN, read_form
from postroom.web.console.refusals import refuse
from postroom.web.console.routes import Page, Pages
from postroom.web.console.visit import Visit
from postroom.web.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PARTS", "POLICY", "Console", "marked"]

PARTS: tuple[Pages, ...] = (
    signing_in.pages,
    welcome.pages,
    overview.pages,
    outgoing.pages,
    profile.pages,
    *mail.PARTS,
    *set_up.PARTS,
)
"""The pages of every module; a new module is added here."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    # not no-referrer: with it, browsers send `Origin: null` with our own forms
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cache-control": "no-store",
}
_YEAR = "public, max-age=31536000, immutable"
_TENANT = re.compile(r"/in/(t_[0-9a-z]+)(?=/)", re.ASCII)


class Console:
    """An ASGI application to be mounted at `/console`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        declared = [page for part in PARTS for page in part.found]
        self._paths = frozenset(page.path for page in declared if page.method == "GET")
        routes = [Route("/static/{name}", _static, methods=["GET"])]
        routes += [Route(page.path, self._handled(page), methods=[page.method]) for page in declared]
        self._router = Router(routes, redirect_slashes=False, default=self._nothing)

    async def __call__(self, scope: front.Scope, receive: front.Receive, send: front.Send) -> None:
        scope["postroom.paths"] = self._paths
        root = scope.get("root_path", "")
        named = _TENANT.match(scope["path"], len(root))
        if named:
            scope["postroom.tenant"] = named[1]
            scope["root_path"] = root + named[0]
        try:
            await self._router(scope, receive, send)
        except HTTPException:  # a page that is only sent to, looked at
            await self._nothing(scope, receive, send)

    def _handled(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            visit = Visit(request, self._desk)
            try:
                response = await _answer(visit, page)
            except Exception as error:
                response = refuse(visit, error)
            return marked(visit.finish(response))

        return handle

    async def _nothing(self, scope: front.Scope, receive: front.Receive, send: front.Send) -> None:
        """An address that no page has, or that is only looked at or only sent to."""
        visit = Visit(Request(scope, receive), self._desk)
        try:
            await visit.recognise()
        except Exception as error:
            response = refuse(visit, error)
        else:
            response = refuse(visit, NotFound())
        await marked(visit.finish(response))(scope, receive, send)


async def _answer(visit: Visit, page: Page) -> Response:
    if not page.open:
        await visit.recognise()
    if visit.request.method == "POST":
        _refuse_foreign(visit)
        visit.form = await read_form(visit.request.receive)
        if not same_form(visit.key, visit.form.text(TOKEN)):
            raise Forbidden(visit.say("This page was open for too long. Go back, load it again and send it again."))
    if page.needs is not None:
        visit.need(page.needs)
    if visit.signed_in and not page.open:
        await standing.look(visit)
    return await page.handler(visit)


def _refuse_foreign(visit: Visit) -> None:
    """Raises Forbidden for a form that another site's page sent (Fetch Metadata; RFC 6454 for older browsers)."""
    headers = visit.request.headers
    site, origin = headers.get("sec-fetch-site", "same-origin"), headers.get("origin", "")
    ours = {urlsplit(visit.desk.settings.public_url).netloc, headers.get("host", "")} - {""}
    if site not in ("same-origin", "none") or (origin and urlsplit(origin).netloc not in ours):
        raise Forbidden(visit.say("This form came from another site's page and was not taken."))


def marked(response: Response) -> Response:
    """The headers of every page, where it does not say otherwise itself."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _static(request: Request) -> Response:
    found = find(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    headers: Mapping[str, str] = {"cache-control": _YEAR, "content-security-policy": "default-src 'none'"}
    return Response(found.body, 200, dict(headers), media_type=found.kind)
