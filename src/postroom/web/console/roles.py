"""Roles: the ready ones, and a tenant's own."""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import NotFound, PostroomError
from postroom.model.application import Scope
from postroom.model.person import Role
from postroom.office.roles import role_word
from postroom.policy.rights import SENTENCES, beyond
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()


@pages.get("/roles", Scope.USERS)
async def list_roles(visit: Visit) -> Response:
    found = await visit.wait(visit.office.roles(visit.actor, visit.tenant))
    users = await visit.wait(visit.office.users(visit.actor, visit.tenant))
    rows = [(role, role_word(role), [one.login for one in users if role_word(role) in one.roles]) for role in found]
    return visit.page("users/roles.html", rows=rows, sentences=SENTENCES)


@pages.get("/roles/new", Scope.USERS)
async def begin(visit: Visit) -> Response:
    return _form(visit, Form(), None)


@pages.post("/roles/new", Scope.USERS)
async def create(visit: Visit) -> Response:
    try:
        made = await visit.wait(visit.office.create_role(visit.actor, _values(visit.form), visit.tenant))
    except PostroomError as error:
        return _form(visit, visit.form.refused(error), None, status=error.status)
    return visit.go("/roles", visit.say("%(name)s is there.", name=made.name))


@pages.get("/roles/{role}", Scope.USERS)
async def show(visit: Visit) -> Response:
    role = await _meant(visit)
    return _form(visit, Form.of({"name": role.name, "scopes": sorted(role.scopes)}), role)


@pages.post("/roles/{role}", Scope.USERS)
async def change(visit: Visit) -> Response:
    role = await _meant(visit)
    try:
        changing = visit.office.change_role(visit.actor, role_word(role), _values(visit.form), visit.tenant)
        changed = await visit.wait(changing)
    except PostroomError as error:
        return _form(visit, visit.form.refused(error), role, status=error.status)
    return visit.go("/roles", visit.say("%(name)s is changed. Whoever has it signs in again.", name=changed.name))


@pages.get("/roles/{role}/delete", Scope.USERS)
async def ask_delete(visit: Visit) -> Response:
    return _delete_page(visit, await _meant(visit), Form())


@pages.post("/roles/{role}/delete", Scope.USERS)
async def delete(visit: Visit) -> Response:
    role = await _meant(visit)
    try:
        await visit.wait(visit.office.delete_role(visit.actor, role_word(role), visit.tenant))
    except PostroomError as error:
        return _delete_page(visit, role, visit.form.refused(error), status=error.status)
    return visit.go("/roles", visit.say("%(name)s is deleted.", name=role.name))


def _delete_page(visit: Visit, role: Role, form: Form, *, status: int = 200) -> Response:
    return visit.page(
        "confirm.html",
        status,
        form=form,
        title=visit.say("Delete %(name)s?", name=role.name),
        sentence=visit.say("It can be deleted while nobody has it."),
        action=visit.url(f"/roles/{role_word(role)}/delete"),
        save=visit.say("Delete"),
        cancel=visit.url("/roles"),
    )


def _form(visit: Visit, form: Form, role: Role | None, *, status: int = 200) -> Response:
    """Rights that the visitor does not have himself are not offered: he can't give them."""
    own = visit.actor.scopes
    scopes = [
        (scope.value, scope.value, visit.say(SENTENCES[scope]))
        for scope in Scope
        if scope is not Scope.SEND and not beyond(own, [scope])
    ]
    labels = {"name": visit.say("Name"), "scopes": visit.say("Its rights")}
    word = "" if role is None else role_word(role)
    return visit.page("users/role.html", status, form=form, role=role, word=word, scopes=scopes, labels=labels)


def _values(form: Form) -> dict[str, object]:
    return {"name": form.text("name"), "scopes": form.all("scopes")}


async def _meant(visit: Visit) -> Role:
    """One of the tenant's own. Raises NotFound."""
    word = visit.request.path_params["role"]
    for role in await visit.wait(visit.office.roles(visit.actor, visit.tenant)):
        if not role.ready and role_word(role) == word:
            return role
    raise NotFound("There is no such role here.")
