"""Signing in and out: password, then a code, a recovery code or a passkey; a passkey alone; identity providers.

The session's token becomes the cookie and is in no page. It is always a new one: what the browser had before opens
nothing afterwards. A first step alone is kept in a cookie of its own, which lasts five minutes.
"""

from __future__ import annotations

import json

from starlette.responses import RedirectResponse, Response

from postroom.clock import now_ms
from postroom.errors import PostroomError, TooMany, Unauthenticated
from postroom.office.signing_in import SignedIn
from postroom.web.api.login import client_address
from postroom.web.console.profile import browser_answer
from postroom.web.console.refusals import safe_next
from postroom.web.console.routes import Pages
from postroom.web.console.visit import SESSION, VISITOR, Visit
from postroom.web.letters import send_in_background

__all__ = ["pages", "signed_in"]

pages = Pages()
_STEP = "step"
_ATTEMPT = "attempt"


@pages.get("/sign-in", open=True)
async def show_sign_in(visit: Visit) -> Response:
    return await _page(visit)


@pages.post("/sign-in", open=True)
async def sign_in(visit: Visit) -> Response:
    form = visit.form
    try:
        done = await visit.wait(visit.office.sign_in(form.text("login"), form.text("password"), **source(visit)))
    except PostroomError as error:
        return await _page(visit, error)
    if done.session.pending:
        response = RedirectResponse(visit.url("/sign-in/second-step", next=form.text("next")), 303)
        visit.jar.write(response, _STEP, done.token, seconds=_seconds(done))
        return response
    return signed_in(visit, done, form.text("next"))


@pages.get("/sign-in/second-step", open=True)
async def show_second_step(visit: Visit) -> Response:
    if not visit.jar.read(_STEP):
        return RedirectResponse(visit.url("/sign-in"), 303)
    return visit.page("sign_in/second_step.html", form=visit.form, following=visit.query.get("next", ""))


@pages.post("/sign-in/second-step", open=True)
async def second_step(visit: Visit) -> Response:
    form = visit.form
    try:
        taking = visit.office.second_step(visit.jar.read(_STEP), form.text("code"), **source(visit))
        done = await visit.wait(taking)
    except PostroomError as error:
        values = {"following": form.text("next")}
        return visit.refused("sign_in/second_step.html", _softened(visit, error), **values)
    response = signed_in(visit, done, form.text("next"))
    visit.jar.drop(response, _STEP)
    return response


# -- passkeys and identity providers ----------------------------------------------------------------------------------


@pages.post("/sign-in/passkey", open=True)
async def ask_passkey(visit: Visit) -> Response:
    """The page where the browser is asked for one: by itself, or as the second step of what was begun."""
    form = visit.form
    token = visit.jar.read(_STEP) if form.flag("second") else ""
    try:
        asked = await visit.wait(visit.office.ask_passkey(token, address=client_address(visit.request)))
    except PostroomError as error:
        return await _page(visit, error)
    values = {"attempt": asked.attempt, "options": json.dumps(dict(asked.options)), "following": form.text("next")}
    return visit.page("sign_in/passkey.html", form=form, **values)


@pages.post("/sign-in/passkey/answer", open=True)
async def take_passkey(visit: Visit) -> Response:
    form = visit.form
    try:
        answer = browser_answer(form.text("credential"))
        done = await visit.wait(visit.office.sign_in_by_passkey(form.text("attempt"), answer, **source(visit)))
    except PostroomError as error:
        return await _page(visit, error)
    response = signed_in(visit, done, form.text("next"))
    visit.jar.drop(response, _STEP)
    return response


@pages.post("/sign-in/provider", open=True)
async def leave_for_provider(visit: Visit) -> Response:
    """To the identity provider; what comes back from there is good in this browser alone."""
    form = visit.form
    try:
        sent = await visit.office.begin_by_provider(form.text("provider"), address=client_address(visit.request))
    except PostroomError as error:
        return await _page(visit, error)
    response = visit.away(sent.address)
    visit.jar.write(response, _ATTEMPT, sent.attempt, seconds=max((sent.expires_ms - now_ms()) // 1000, 1))
    return response


@pages.get("/sign-in/provider", open=True)
async def back_from_provider(visit: Visit) -> Response:
    try:
        done = await visit.office.sign_in_by_provider(visit.jar.read(_ATTEMPT), visit.query, **source(visit))
    except PostroomError as error:
        response = await _page(visit, error)
    else:
        response = signed_in(visit, done, "")
    visit.jar.drop(response, _ATTEMPT)
    return response


# -- what was forgotten, and the end ----------------------------------------------------------------------------------


@pages.get("/sign-in/forgotten", open=True)
async def show_forgotten(visit: Visit) -> Response:
    return visit.page("sign_in/forgotten.html", form=visit.form, sent=False)


@pages.post("/sign-in/forgotten", open=True)
async def forgotten(visit: Visit) -> Response:
    """Says the same whoever is asked for."""
    try:
        link = visit.office.forgotten(visit.form.text("login"), address=client_address(visit.request))
        send_in_background(visit.desk, link)
    except PostroomError as error:
        return visit.refused("sign_in/forgotten.html", error, sent=False)
    return visit.page("sign_in/forgotten.html", form=visit.form, sent=True)


@pages.post("/sign-out")
async def sign_out(visit: Visit) -> Response:
    """Here; at the identity provider too, where one was used and offers that."""
    address = await visit.office.sign_out(visit.actor)
    visit.tenant = None
    response = visit.away(address) if address else RedirectResponse(visit.url("/sign-in", said="signed-out"), 303)
    visit.jar.drop(response, SESSION)
    return response


async def _page(visit: Visit, error: PostroomError | None = None) -> Response:
    form = visit.form if error is None else visit.form.refused(_softened(visit, error))
    offered = await visit.wait(visit.office.offered())
    values = {
        "form": form,
        "offered": offered,
        "following": form.text("next") or visit.query.get("next", ""),
        "signed_out": visit.query.get("said") == "signed-out" and error is None,
    }
    return visit.page("sign_in/sign_in.html", 200 if error is None else error.status, **values)


def _softened(visit: Visit, error: PostroomError) -> PostroomError:
    """The same error in words for this page; its status stays."""
    if isinstance(error, TooMany):
        text = visit.say("Too many tries. Wait %(seconds)s seconds, then try again.", seconds=error.seconds)
        return TooMany(text, seconds=error.seconds)
    if isinstance(error, Unauthenticated):
        return Unauthenticated(visit.say(error.text))
    return error


def source(visit: Visit) -> dict[str, str]:
    """Where somebody signs in from, and by which program."""
    agent = visit.request.headers.get("user-agent", "")
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in agent)
    return {"address": client_address(visit.request), "agent": shown}


def signed_in(visit: Visit, done: SignedIn, following: str) -> Response:
    """The cookie of a session that has begun, and on to where somebody wanted to go."""
    response = RedirectResponse(safe_next(following), 303)
    visit.jar.write(response, SESSION, done.token, seconds=_seconds(done))
    visit.jar.drop(response, VISITOR)
    return response


def _seconds(done: SignedIn) -> int:
    return max((done.session.expires_ms - now_ms()) // 1000, 1)
