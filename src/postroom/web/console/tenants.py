"""Tenants: whose mail leaves from here, apart from everybody else's. For those who manage the installation."""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import Forbidden, NotFound, PostroomError
from postroom.ids import decode, encode
from postroom.model.application import Scope
from postroom.model.deletion import Content, Waiting
from postroom.model.tenant import INSTALLATION, Tenant
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["pages"]

pages = Pages()

_WAITING = (
    ("", N_("Stop if any mail waits"), ""),
    (Waiting.SEND_FIRST.value, N_("Let it leave first"), N_("Nothing new is taken; delete again once it has left.")),
    (Waiting.CANCEL.value, N_("Take it back"), N_("It is never sent.")),
)
_CONTENT = (
    (Content.KEEP.value, N_("Keep the log as its retention says"), N_("Readable for the installation's people only.")),
    (Content.DELETE.value, N_("Delete the log as well"), N_("It can't be had back.")),
)  # fmt: skip


def _of_the_installation(visit: Visit) -> None:
    """Raises Forbidden for a tenant's own people, who may do everything there and nothing with other tenants."""
    if visit.actor.tenant_id != INSTALLATION:
        raise Forbidden(visit.say("Tenants are managed by the people of the installation."))


@pages.get("/tenants", Scope.TENANTS)
async def list_tenants(visit: Visit) -> Response:
    _of_the_installation(visit)
    found = await visit.wait(visit.office.tenants(visit.actor))
    snapshot = visit.office.snapshot
    told = {one.id: snapshot.settings(one.id) for one in found if one.deleted_ms is None}
    counts = {
        one.id: (
            sum(each.tenant_id == one.id for each in snapshot.accounts.values()),
            sum(each.tenant_id == one.id for each in snapshot.applications.values()),
        )
        for one in found
    }
    return visit.page(
        "tenants/list.html", found=found, told=told, counts=counts, installation=INSTALLATION, form=Form()
    )


@pages.get("/tenants/new", Scope.TENANTS)
async def begin(visit: Visit) -> Response:
    _of_the_installation(visit)
    return visit.page("tenants/new.html", form=Form(), labels={"name": visit.say("Name")})


@pages.post("/tenants/new", Scope.TENANTS)
async def create(visit: Visit) -> Response:
    _of_the_installation(visit)
    try:
        made = await visit.wait(visit.office.create_tenant(visit.actor, visit.form.text("name")))
    except PostroomError as error:
        return visit.refused("tenants/new.html", error, labels={"name": visit.say("Name")})
    return visit.go(_path(made), visit.say("%(name)s is there.", name=made.name))


@pages.get("/tenants/{id}", Scope.TENANTS)
async def show(visit: Visit) -> Response:
    one = await _meant(visit)
    return _page(visit, one, Form.of({"name": one.name}))


@pages.post("/tenants/{id}", Scope.TENANTS)
async def rename(visit: Visit) -> Response:
    one = await _meant(visit)
    try:
        changed = await visit.wait(visit.office.change_tenant(visit.actor, visit.form.given("name"), one.id))
    except PostroomError as error:
        return _page(visit, one, visit.form.refused(error), status=error.status)
    return visit.go(_path(changed), visit.say("%(name)s is changed.", name=changed.name))


@pages.post("/tenants/{id}/suspended", Scope.TENANTS)
async def suspend(visit: Visit) -> Response:
    one, wanted = await _meant(visit), visit.form.flag("suspended")
    try:
        await visit.wait(visit.office.change_tenant(visit.actor, {"suspended": wanted}, one.id))
    except PostroomError as error:
        return _page(visit, one, Form.of({"name": one.name}).refused(error), status=error.status)
    said = (
        visit.say("Suspended: it hands nothing over, and nothing of it leaves.") if wanted else visit.say("It goes on.")
    )
    return visit.go(_path(one), said)


@pages.get("/tenants/{id}/delete", Scope.TENANTS)
async def ask_delete(visit: Visit) -> Response:
    return _delete_page(visit, await _meant(visit), Form.of({"waiting": "", "content": Content.KEEP.value}))


@pages.post("/tenants/{id}/delete", Scope.TENANTS)
async def delete(visit: Visit) -> Response:
    one, form = await _meant(visit), visit.form
    waiting = next((word for word in Waiting if word.value == form.text("waiting")), None)
    content = next((word for word in Content if word.value == form.text("content")), Content.KEEP)
    try:
        deleting = visit.office.delete_tenant(
            visit.actor, one.id, confirm=form.text("confirm"), waiting=waiting, content=content
        )
        done = await visit.wait(deleting)
    except PostroomError as error:
        return _delete_page(visit, one, form.refused(error), status=error.status)
    if not done.done:
        said = visit.say("Mail of it has to leave first: %(left)s. Delete it again then.", left=str(done.remaining))
        return visit.go(_path(one), said, "note")
    return visit.go("/tenants", visit.say("%(name)s is deleted.", name=one.name))


def _page(visit: Visit, one: Tenant, form: Form, *, status: int = 200) -> Response:
    return visit.page(
        "tenants/show.html",
        status,
        one=one,
        id=encode("t", one.id),
        form=form,
        told=visit.office.snapshot.settings(one.id),
        is_installation=one.id == INSTALLATION,
        inside=visit.url_in(one.id),
        labels={"name": visit.say("Name")},
        may_write=visit.may(Scope.SETTINGS_WRITE),
    )


def _delete_page(visit: Visit, one: Tenant, form: Form, *, status: int = 200) -> Response:
    return visit.page(
        "tenants/delete.html",
        status,
        one=one,
        form=form,
        waiting=[(value, visit.say(text), visit.say(more) if more else "") for value, text, more in _WAITING],
        content=[(value, visit.say(text), visit.say(more)) for value, text, more in _CONTENT],
        back=_path(one),
        labels={"confirm": visit.say("Its name"), "waiting": visit.say("Mail that has not left")},
    )


def _path(one: Tenant) -> str:
    return f"/tenants/{encode('t', one.id)}"


async def _meant(visit: Visit) -> Tenant:
    """Raises NotFound, Forbidden."""
    _of_the_installation(visit)
    number = decode("t", visit.request.path_params["id"])
    if number is None:
        raise NotFound("There is no such tenant here.")
    return await visit.wait(visit.office.tenant(visit.actor, number))
