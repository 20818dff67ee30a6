"""One's own profile: language, time zone and look, password, authenticator app, recovery codes, passkeys, sessions.

What proves that it is oneself (a password, a fresh session) is asked for by the office. Recovery codes are the answer
to the form that made them, and are shown nowhere else.
"""

from __future__ import annotations

import json
from typing import Any

import segno
from markupsafe import Markup
from starlette.responses import Response

from postroom.errors import BadInput, Conflict, Fault, PostroomError
from postroom.ids import decode
from postroom.policy.tongue import ENGLISH, LANGUAGES
from postroom.web.console import zones
from postroom.web.console.cookies import LOOK
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit

__all__ = ["browser_answer", "pages"]

pages = Pages()
_NAMES = {ENGLISH: "English", "de": "Deutsch"}
_CHOSEN = ("name", "language", "time_zone", "look")
_LONGEST_ANSWER = 100_000


@pages.get("/me")
async def profile(visit: Visit) -> Response:
    return await _page(visit, {})


async def _page(visit: Visit, refused: dict[str, Form], status: int = 200, **more: Any) -> Response:
    """`refused`: the forms of the page that were not taken, by their names."""
    user = await visit.wait(visit.office.me(visit.actor))
    stored = Form.of({name: getattr(user, name) for name in _CHOSEN})
    values = {
        "me": user,
        "forms": {"choices": stored} | dict.fromkeys(("password", "app", "codes", "passkey"), Form()) | refused,
        "sessions": await visit.wait(visit.office.sessions(visit.actor)),
        "passkeys": await visit.wait(visit.office.passkeys(visit.actor)),
        "codes_left": await visit.wait(visit.office.recovery_codes_left(visit.actor)),
        "languages": [("", visit.say("As my browser says")), *((one, _NAMES[one]) for one in LANGUAGES)],
        "zones": [("", visit.say("As my browser says")), *((name, name) for name in zones.names())],
        "takes_passkeys": (await visit.wait(visit.office.offered())).passkeys,
    }
    return visit.page("profile/profile.html", status, **values | more)


async def _refused(visit: Visit, name: str, error: PostroomError) -> Response:
    return await _page(visit, {name: visit.form.refused(error)}, error.status)


@pages.post("/me")
async def choose(visit: Visit) -> Response:
    try:
        user = await visit.wait(visit.office.change_me(visit.actor, visit.form.given(*_CHOSEN)))
    except PostroomError as error:
        return await _refused(visit, "choices", error)
    visit.user = user
    visit.__dict__.pop("language", None)
    response = visit.go("/me", said=visit.say("Saved."))
    response.set_cookie(LOOK, user.look or "auto", max_age=31_536_000, path="/", samesite="lax")
    return response


@pages.post("/me/password")
async def change_password(visit: Visit) -> Response:
    form = visit.form
    try:
        if form.text("new") != form.text("again"):
            raise BadInput([Fault("again", "differs from the first.", "Type the new password twice.")])
        await visit.wait(visit.office.change_password(visit.actor, form.text("old"), form.text("new")))
    except PostroomError as error:
        return await _refused(visit, "password", _at_new(error))
    return visit.go("/me", said=visit.say("Your password is changed. You are signed out everywhere else."))


def _at_new(error: PostroomError) -> PostroomError:
    """The office calls it `password`; on this page there are three."""
    if not isinstance(error, BadInput):
        return error
    return BadInput(
        [Fault("new" if one.field == "password" else one.field, one.problem, one.mend) for one in error.faults]
    )


# -- the authenticator app --------------------------------------------------------------------------------------------


@pages.post("/me/app")
async def begin_app(visit: Visit) -> Response:
    """The secret is in this answer and nowhere else, as a picture and as text."""
    try:
        setup = await visit.wait(visit.office.begin_second_factor(visit.actor, visit.form.text("password")))
    except PostroomError as error:
        return await _refused(visit, "app", error)
    return visit.page("profile/app.html", form=Form(), secret=setup.secret, code=_picture(setup.address))


@pages.post("/me/app/confirm")
async def confirm_app(visit: Visit) -> Response:
    try:
        codes = await visit.wait(visit.office.confirm_second_factor(visit.actor, visit.form.text("code")))
    except PostroomError as error:
        return visit.refused("profile/app.html", error, secret="", code=None)
    return visit.page("profile/codes.html", codes=codes)


@pages.post("/me/app/remove")
async def remove_app(visit: Visit) -> Response:
    try:
        await visit.wait(visit.office.remove_second_factor(visit.actor, visit.form.text("password")))
    except PostroomError as error:
        return await _refused(visit, "app", error)
    return visit.go("/me", said=visit.say("The authenticator app is not asked for any more."))


@pages.post("/me/codes")
async def renew_codes(visit: Visit) -> Response:
    try:
        codes = await visit.wait(visit.office.renew_recovery_codes(visit.actor, visit.form.text("password")))
    except PostroomError as error:
        return await _refused(visit, "codes", error)
    return visit.page("profile/codes.html", codes=codes)


def _picture(address: str) -> Markup:
    """A QR code as inline SVG without style or script; dark on light, as cameras want it."""
    drawn = segno.make(address, error="m").svg_inline(
        scale=5, border=3, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )
    return Markup(drawn)  # noqa: S704 - made of squares by segno, no text of anybody's in it


# -- passkeys ---------------------------------------------------------------------------------------------------------


@pages.post("/me/passkeys")
async def begin_passkey(visit: Visit) -> Response:
    """The page where the browser is asked for one; that needs the script."""
    try:
        asked = await visit.wait(visit.office.begin_passkey(visit.actor, visit.form.text("password")))
    except PostroomError as error:
        return await _refused(visit, "passkey", error)
    return visit.page(
        "profile/passkey.html", form=Form(), attempt=asked.attempt, options=json.dumps(dict(asked.options))
    )


@pages.post("/me/passkeys/add")
async def add_passkey(visit: Visit) -> Response:
    form = visit.form
    try:
        adding = visit.office.add_passkey(
            visit.actor, form.text("attempt"), form.text("name"), browser_answer(form.text("credential"))
        )
        done = await visit.wait(adding)
    except PostroomError as error:
        return await _refused(visit, "passkey", error)
    if done.recovery_codes:
        return visit.page("profile/codes.html", codes=list(done.recovery_codes))
    return visit.go("/me", said=visit.say("The passkey is there."))


@pages.post("/me/passkeys/remove")
async def remove_passkey(visit: Visit) -> Response:
    form = visit.form
    try:
        await visit.wait(visit.office.remove_passkey(visit.actor, form.text("passkey"), form.text("password")))
    except PostroomError as error:
        return await _refused(visit, "passkey", error)
    return visit.go("/me", said=visit.say("The passkey opens nothing any more."))


def browser_answer(text: str) -> dict[str, Any]:
    """What the browser answered, as JSON in a field. Raises Conflict for what is none."""
    try:
        found = json.loads(text[:_LONGEST_ANSWER])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Conflict("The browser gave no passkey. Try again.")
    return found


# -- sessions ---------------------------------------------------------------------------------------------------------


@pages.post("/me/sessions/end")
async def end_session(visit: Visit) -> Response:
    """One of them, or all others."""
    number = decode("n", visit.form.text("session"))
    if number is None:
        await visit.wait(visit.office.end_other_sessions(visit.actor))
        return visit.go("/me", said=visit.say("You are signed out everywhere else."))
    await visit.wait(visit.office.end_session(visit.actor, number))
    return visit.go("/me", said=visit.say("That session has ended."))
