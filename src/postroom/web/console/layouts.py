"""Layouts: the frames that the words of templates stand in."""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.template import Layout
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["LABELS", "pages"]

pages = Pages()

LABELS = {
    "name": N_("The word that templates use"),
    "html": N_("HTML"),
    "text": N_("Text"),
    "default": N_("The default one"),
}


@pages.get("/layouts/new", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    return _form(visit, Form.of({"html": "{{ content }}", "text": ""}), None)


@pages.post("/layouts/new", Scope.SETTINGS_WRITE)
async def create(visit: Visit) -> Response:
    try:
        values = visit.form.given("name", "html", "text")
        made = await visit.wait(visit.office.create_layout(visit.actor, values, visit.tenant))
    except PostroomError as error:
        return _form(visit, visit.form.refused(error), None, status=error.status)
    return visit.go("/templates", visit.say("%(name)s is there.", name=made.name))


@pages.get("/layouts/{layout}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    one = await _meant(visit)
    return _form(visit, Form.of({"html": one.html, "text": one.text, "default": one.default}), one)


@pages.post("/layouts/{layout}", Scope.SETTINGS_WRITE)
async def change(visit: Visit) -> Response:
    one = await _meant(visit)
    try:
        values = {**visit.form.given("html", "text"), **visit.form.boxes("default")}
        changed = await visit.wait(visit.office.change_layout(visit.actor, one.id, values, visit.tenant))
    except PostroomError as error:
        return _form(visit, visit.form.refused(error), one, status=error.status)
    return visit.go("/templates", visit.say("%(name)s is changed.", name=changed.name))


@pages.get("/layouts/{layout}/delete", Scope.SETTINGS_WRITE)
async def ask_delete(visit: Visit) -> Response:
    return _delete_page(visit, await _meant(visit), Form())


@pages.post("/layouts/{layout}/delete", Scope.SETTINGS_WRITE)
async def delete(visit: Visit) -> Response:
    one = await _meant(visit)
    try:
        await visit.wait(visit.office.delete_layout(visit.actor, one.id, visit.tenant))
    except PostroomError as error:
        return _delete_page(visit, one, visit.form.refused(error), status=error.status)
    return visit.go("/templates", visit.say("%(name)s is deleted.", name=one.name))


def _delete_page(visit: Visit, one: Layout, form: Form, *, status: int = 200) -> Response:
    path = f"/layouts/{encode('l', one.id)}"
    return visit.page(
        "confirm.html",
        status,
        form=form,
        title=visit.say("Delete %(name)s?", name=one.name),
        sentence=visit.say("It can be restored."),
        consequences=[visit.say("Templates that name no layout stand alone, where it is the default one.")],
        action=visit.url(f"{path}/delete"),
        save=visit.say("Delete"),
        cancel=visit.url(path),
    )


def _form(visit: Visit, form: Form, one: Layout | None, *, status: int = 200) -> Response:
    return visit.page(
        "templates/layout.html",
        status,
        form=form,
        one=one,
        id=encode("l", one.id) if one else "",
        labels={name: visit.say(text) for name, text in LABELS.items()},
        may_write=visit.may(Scope.SETTINGS_WRITE),
    )


async def _meant(visit: Visit) -> Layout:
    return await visit.wait(visit.office.layout(visit.actor, visit.request.path_params["layout"], visit.tenant))
