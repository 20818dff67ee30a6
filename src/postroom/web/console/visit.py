"""One request to the console: who asks, in which language and zone, and the ways to answer.

A handler is given a `Visit` and nothing else. `actor` and `tenant` go to the verbs of the office, which check every
right again; `there` is the same who asks, placed in the tenant that is looked at, for the verbs that take no tenant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from postroom.errors import Forbidden, NotFound, PostroomError, Unauthenticated
from postroom.ids import decode, encode
from postroom.model.application import Actor, Scope
from postroom.model.person import LOOKS, User
from postroom.model.tenant import Tenant
from postroom.policy.inherit import Inherited
from postroom.policy.rights import SENTENCES
from postroom.policy.tongue import LANGUAGES, preferred
from postroom.web.api.login import at, client_address
from postroom.web.console.cookies import LOOK, ZONE, Flash, Jar, form_token, read_flash
from postroom.web.console.forms import Form
from postroom.web.console.rendering import render
from postroom.web.console.words import Words, words_in
from postroom.web.console.zones import zone_of
from postroom.web.desk import Desk

__all__ = ["FIRST_RUN", "PREFIX", "SESSION", "Visit"]

T = TypeVar("T")
PREFIX = "/console"
SESSION = "session"
VISITOR = "visitor"
FIRST_RUN = "first-run"
"""The cookie that says for which account of the first run somebody went to a provider."""


class Visit:
    """Made once a request. `actor` is there once `recognise` has found one; pages open to everybody have none."""

    def __init__(self, request: Request, desk: Desk) -> None:
        self.request = request
        self.desk = desk
        self.office, self.outbox, self.reports = desk.office, desk.outbox, desk.reports
        self.jar = Jar(request.cookies, secure=desk.settings.public_url.startswith("https:"))
        self.token = self.jar.read(SESSION)
        self.visitor = self.jar.read(VISITOR)
        self.form = Form()
        self.user: User | None = None
        self._actor: Actor | None = None
        self._new_visitor = ""

    # -- who and where ----------------------------------------------------------------------------------------------

    async def recognise(self) -> None:
        """Finds out who asks. Raises Unauthenticated, Forbidden for a tenant that is suspended, NotFound for a tenant
        in the address that is none of his.
        """
        if not self.token.startswith("ps_"):
            raise Unauthenticated("Sign in first.")
        known = self.office.authenticated(self.token)
        if known is None:
            known = await self.wait(self.office.authenticate(self.token))
        actor = replace(known, door="console", address=client_address(self.request))
        user = await self.wait(self.office.me(actor))
        self._actor, self.user = actor, user
        try:
            at(actor, self.tenant)
            if self.looked_at is None:
                raise NotFound("There is no such tenant here.")
        except NotFound:
            self.tenant = None  # the page that says so is one of his own
            raise

    @property
    def actor(self) -> Actor:
        if self._actor is None:
            raise Unauthenticated("Sign in first.")
        return self._actor

    @property
    def signed_in(self) -> bool:
        return self._actor is not None

    @cached_property
    def tenant(self) -> int | None:
        """The tenant that the address names (`/console/in/t_…/…`), None for one's own."""
        text = self.request.scope.get("postroom.tenant", "")
        if not text:
            return None
        number = decode("t", text)
        if number is None:
            raise NotFound("There is no such tenant here.")
        return number

    @property
    def tenant_id(self) -> int:
        """The number of the tenant that is looked at."""
        return self.actor.tenant_id if self.tenant is None else self.tenant

    @property
    def held(self) -> Inherited:
        """What holds for the tenant that is looked at, each value with where it comes from."""
        return self.office.snapshot.settings(self.tenant_id)

    @property
    def looked_at(self) -> Tenant | None:
        return self.office.snapshot.tenants.get(self.tenant_id)

    @property
    def there(self) -> Actor:
        """Who asks, as one of the tenant that is looked at."""
        return at(self.actor, self.tenant)

    def may(self, scope: Scope | str) -> bool:
        return self._actor is not None and self._actor.may(Scope(scope))

    def need(self, scope: Scope) -> None:
        """Raises Forbidden in words for people."""
        if not self.may(scope):
            raise Forbidden(
                self.say("It needs this right: %(right)s", right=self.say(SENTENCES[scope])), needs=scope.value
            )

    # -- how it is told ---------------------------------------------------------------------------------------------

    @cached_property
    def language(self) -> str:
        chosen = self.user.language if self.user is not None else ""
        return chosen if chosen in LANGUAGES else preferred(self.request.headers.get("accept-language", ""))

    @property
    def words(self) -> Words:
        return words_in(self.language)

    def say(self, text: str, /, **named: Any) -> str:
        """A text of ours in the reader's language."""
        return self.words.say(text, **named)

    @cached_property
    def zone(self) -> ZoneInfo:
        return zone_of(self.user.time_zone if self.user is not None else "", self.request.cookies.get(ZONE, ""))

    @property
    def look(self) -> str:
        chosen = (self.user.look if self.user is not None else "") or self.request.cookies.get(LOOK, "")
        return chosen if chosen in LOOKS else "auto"

    # -- addresses --------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The page's own path, like `/accounts`: without `/console` and the tenant."""
        scope = self.request.scope
        return str(scope["path"])[len(scope.get("root_path", "")) :]

    def url(self, path: str, **query: Any) -> str:
        """The address of a page, within the tenant that is looked at."""
        own = self._actor is None or self.tenant is None or self.tenant == self._actor.tenant_id
        tenant = "" if own or self.tenant is None else f"/in/{encode('t', self.tenant)}"
        return self._plain(tenant + path, query)

    def url_in(self, tenant_id: int, path: str = "/") -> str:
        """The address of a page within another tenant."""
        own = tenant_id == self.actor.tenant_id
        return self._plain(path if own else f"/in/{encode('t', tenant_id)}{path}", {})

    @staticmethod
    def _plain(path: str, query: Mapping[str, Any]) -> str:
        asked = urlencode({name: value for name, value in query.items() if value not in (None, "")}, doseq=True)
        return f"{PREFIX}{path}{'?' if asked else ''}{asked}"

    def here(self, **query: Any) -> str:
        """This page's address with other values in its query; None takes one away."""
        return self.url(self.path, **{**self.query, **query})

    @property
    def query(self) -> Mapping[str, str]:
        return dict(self.request.query_params)

    # -- answering --------------------------------------------------------------------------------------------------

    @staticmethod
    async def wait(future: Future[T]) -> T:
        """What a facade's call answers."""
        return await asyncio.wrap_future(future)

    def page(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """A page. A form that was refused is shown with 422 without saying so."""
        form = values.get("form")
        if status == 200 and isinstance(form, Form) and form.wrong:
            status = 422
        return HTMLResponse(render(self, template, values), status)

    def rendered(self, template: str, /, **values: Any) -> str:
        """A part of a page alone, for an answer that comes in parts."""
        return render(self, template, values)

    def refused(self, template: str, error: PostroomError, /, **values: Any) -> Response:
        """The page again with what was typed and what an office verb said against it."""
        form = values.pop("form", self.form)
        return self.page(template, error.status, form=form.refused(error), **values)

    def go(self, path: str, said: str = "", kind: str = "done", **query: Any) -> Response:
        """To another page of ours (303), which says `said` at its top."""
        response = RedirectResponse(self.url(path, **query), 303)
        if said:
            self.jar.write_flash(response, self.key, Flash(kind, said))
        return response

    def away(self, address: str) -> Response:
        """A page that leads to another site: browsers let no form lead there (`form-action 'self'`), but a link may."""
        return self.page("away.html", address=address)

    @property
    def key(self) -> str:
        """What this browser's forms are keyed with: the session's token, or before that a cookie of its own."""
        if self.signed_in:
            return self.token
        if not self.visitor:
            self.visitor = self._new_visitor = Jar.new_visitor()
        return self.visitor

    @property
    def form_token(self) -> str:
        return form_token(self.key)

    @cached_property
    def flash(self) -> Flash | None:
        return read_flash(self.key, self.jar.raw("flash"))

    def finish(self, response: Response) -> Response:
        """Writes the cookies that the answer needs. What was said is said once."""
        if self._new_visitor:
            self.jar.write(response, VISITOR, self._new_visitor)
        if "flash" in self.__dict__ and self.flash is not None:
            self.jar.drop(response, "flash")
        return response
