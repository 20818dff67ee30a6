"""Identity providers: who else says who somebody is (OpenID Connect). For the installation's administrator."""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.provider import Provider
from postroom.office.by_provider import ProviderCheck
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["pages"]

pages = Pages()

_TEXTS = ("name", "issuer", "client_id", "client_secret", "email_domains", "groups_claim")
_FLAGS = ("create_users", "link_by_email", "enabled")
_LABELS = {
    "name": N_("Name"),
    "issuer": N_("Issuer"),
    "client_id": N_("Client id"),
    "client_secret": N_("Client secret"),
    "email_domains": N_("Domains whose people may come in"),
    "groups_claim": N_("Name of the claim that tells groups"),
    "roles": N_("Roles by group"),
    "default_roles": N_("Roles that everybody from there gets"),
}


@pages.get("/providers", Scope.ADMIN)
async def list_providers(visit: Visit) -> Response:
    found = await visit.wait(visit.office.providers(visit.actor, visit.tenant))
    return visit.page("providers/list.html", found=found)


@pages.get("/providers/new", Scope.ADMIN)
async def begin(visit: Visit) -> Response:
    return await _form(visit, Form.of({"enabled": True}), None)


@pages.post("/providers/new", Scope.ADMIN)
async def create(visit: Visit) -> Response:
    try:
        made = await visit.wait(visit.office.create_provider(visit.actor, _values(visit.form), visit.tenant))
    except PostroomError as error:
        return await _form(visit, visit.form.refused(error), None, status=error.status)
    return visit.go(_path(made), visit.say("%(name)s is there. Check it now.", name=made.name))


@pages.get("/providers/{provider}", Scope.ADMIN)
async def show(visit: Visit) -> Response:
    one = await _meant(visit)
    return await _form(visit, _stored(one), one)


@pages.post("/providers/{provider}", Scope.ADMIN)
async def change(visit: Visit) -> Response:
    one = await _meant(visit)
    try:
        changing = visit.office.change_provider(visit.actor, one.id, _values(visit.form), visit.tenant)
        changed = await visit.wait(changing)
    except PostroomError as error:
        return await _form(visit, visit.form.refused(error), one, status=error.status)
    return visit.go(_path(changed), visit.say("%(name)s is changed.", name=changed.name))


@pages.post("/providers/{provider}/check", Scope.ADMIN)
async def check(visit: Visit) -> Response:
    one = await _meant(visit)
    try:
        checked = await visit.office.check_provider(visit.actor, one.id, visit.tenant)
    except PostroomError as error:
        return await _form(visit, _stored(one).refused(error), one, status=error.status)
    return await _form(visit, _stored(one), one, checked=checked)


@pages.get("/providers/{provider}/delete", Scope.ADMIN)
async def ask_delete(visit: Visit) -> Response:
    one = await _meant(visit)
    return visit.page(
        "confirm.html",
        form=Form(),
        title=visit.say("Delete %(name)s?", name=one.name),
        sentence=visit.say("Nobody can sign in by it any more. It can't be undone."),
        consequences=[visit.say("Its people stay users, and are signed out.")],
        action=visit.url(f"{_path(one)}/delete"),
        save=visit.say("Delete"),
        cancel=visit.url(_path(one)),
    )


@pages.post("/providers/{provider}/delete", Scope.ADMIN)
async def delete(visit: Visit) -> Response:
    one = await _meant(visit)
    await visit.wait(visit.office.delete_provider(visit.actor, one.id, visit.tenant))
    return visit.go("/providers", visit.say("%(name)s is deleted.", name=one.name))


async def _form(
    visit: Visit, form: Form, one: Provider | None, *, checked: ProviderCheck | None = None, status: int = 200
) -> Response:
    roles = [
        (role.name, visit.say(role.name), "")
        for role in await visit.wait(visit.office.roles(visit.actor, visit.tenant))
    ]
    return visit.page(
        "providers/form.html",
        status,
        form=form,
        one=one,
        id=encode("i", one.id) if one else "",
        checked=checked,
        roles=roles,
        labels={name: visit.say(text) for name, text in _LABELS.items()},
    )


def _stored(one: Provider) -> Form:
    texts = {name: getattr(one, name) for name in ("name", "issuer", "client_id", "groups_claim")}
    return Form.of(
        texts
        | {name: getattr(one, name) for name in _FLAGS}
        | {
            "email_domains": ", ".join(one.email_domains),
            "roles": "\n".join(f"{group} = {role}" for group, role in one.roles),
            "default_roles": one.default_roles,
        }
    )


def _values(form: Form) -> dict[str, object]:
    values: dict[str, object] = dict(form.given(*_TEXTS))
    values |= {name: form.values[name][-1] == "true" for name in _FLAGS if name in form.values}
    if not values.get("client_secret"):
        values.pop("client_secret", None)
    if "roles" in form.values:
        lines = [line.partition("=") for line in form.text("roles").splitlines() if line.strip()]
        values["roles"] = [f"{group.strip()}{mark}{role.strip()}" for group, mark, role in lines]
        values["default_roles"] = form.all("default_roles")
    return values


def _path(one: Provider) -> str:
    return f"/providers/{encode('i', one.id)}"


async def _meant(visit: Visit) -> Provider:
    return await visit.wait(visit.office.provider(visit.actor, visit.request.path_params["provider"], visit.tenant))
