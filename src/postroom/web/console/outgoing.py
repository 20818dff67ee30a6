"""Outgoing mail: what holds for all mail of a tenant, where each value comes from, and changing it part by part.

A value that is left as it was stays inherited; what is changed is set here, and each can be inherited again. A part
that is saved changes only what was changed on the page, so two people who change different things don't undo each
other.
"""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import NotFound, PostroomError
from postroom.model.application import Scope
from postroom.model.tenant import Mode
from postroom.web.console.forms import Form
from postroom.web.console.outgoing_values import PARTS, Part, choices_of, shown
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()
_BY_KEY = {part.key: part for part in PARTS}
_PREVIEW = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)


@pages.get("/outgoing", Scope.SETTINGS_READ)
async def outgoing(visit: Visit) -> Response:
    parts = [(part, [shown(one, visit) for one in part.settings]) for part in PARTS]
    return visit.page("outgoing/outgoing.html", parts=parts, footer=visit.held.footer.value)


@pages.get("/outgoing/footer-preview", Scope.SETTINGS_READ)
async def preview(visit: Visit) -> Response:
    """The footer's HTML as it is, in a frame that runs and loads nothing."""
    footer = visit.held.footer.value
    body = footer.html if footer is not None else ""
    page = f"<!doctype html><html><head><title>Footer</title></head><body>{body}</body></html>"
    headers = {"content-security-policy": _PREVIEW, "x-frame-options": "SAMEORIGIN"}
    return Response(page, 200, headers, media_type="text/html; charset=utf-8")


@pages.get("/outgoing/{part}", Scope.SETTINGS_WRITE)
async def show_part(visit: Visit) -> Response:
    part = _part(visit)
    return _form(visit, part, Form.of({one.name: shown(one, visit).value for one in part.settings}))


@pages.post("/outgoing/{part}", Scope.SETTINGS_WRITE)
async def save_part(visit: Visit) -> Response:
    part, form = _part(visit), visit.form
    reset = form.text("inherit")
    if reset in {one.name for one in part.settings}:
        changes: dict[str, object] = {reset: None}
    else:
        before = {one.name: shown(one, visit).value for one in part.settings}
        changes = {name: value for name, value in form.given(*before).items() if value != before[name]}
    try:
        if changes:
            await visit.wait(visit.office.change_tenant(visit.actor, changes, visit.tenant))
    except PostroomError as error:
        return _form(visit, part, form.refused(error), error.status)
    if reset:
        return visit.go(f"/outgoing/{part.key}", said=visit.say("It is inherited again."))
    return visit.go("/outgoing", said=_said(visit, changes) if changes else "")


def _said(visit: Visit, changes: dict[str, object]) -> str:
    if changes.get("mode") in (Mode.SMTP, Mode.NATIVE):
        return visit.say("Saved. Mail leaves from now on.")
    if "mode" in changes:
        return visit.say("Saved. Mail stays here from now on.")
    return visit.say("Saved.")


def _part(visit: Visit) -> Part:
    part = _BY_KEY.get(visit.request.path_params["part"])
    if part is None:
        raise NotFound("There is no such part of the settings.")
    return part


def _form(visit: Visit, part: Part, form: Form, status: int = 200) -> Response:
    settings = [(shown(one, visit), choices_of(one, visit)) for one in part.settings]
    labels = {one.name: visit.say(one.label) for one in part.settings}
    return visit.page("outgoing/part.html", status, part=part, settings=settings, form=form, labels=labels)
