"""Kinds of mail: what applications name their mail by, and how people get it who have chosen nothing."""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.kind import Files, Kind, Way
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["LABELS", "WAYS", "pages"]

pages = Pages()

WAYS = {
    Way.AT_ONCE: N_("At once"),
    Way.HOURLY: N_("In a digest every hour"),
    Way.DAILY: N_("In a daily digest"),
    Way.WEEKLY: N_("In a weekly digest"),
    Way.NONE: N_("Not at all"),
}
FILES = (
    (Files.KEEP, N_("Go along with the digest"), N_("Good for small files.")),
    (Files.LINK, N_("Are linked from it"), N_("Needs a public address of this Postroom, where the link leads.")),
)
LABELS = {
    "name": N_("The word that applications use"),
    "title": N_("What recipients are told it is"),
    "title_de": N_("The same in German"),
    "description": N_("What it is about, for recipients"),
    "description_de": N_("What it is about, in German"),
    "way": N_("Who has chosen nothing gets it"),
    "mandatory": N_("Mandatory: always, and at once"),
    "bulk": N_("Bulk: mail to many"),
    "attachments": N_("Attachments of mail in a digest"),
}
_TEXTS = ("name", "title", "title_de", "description", "description_de", "way", "attachments")
_BOXES = ("mandatory", "bulk")


@pages.get("/kinds", Scope.SETTINGS_READ)
async def list_kinds(visit: Visit) -> Response:
    found = await visit.wait(visit.office.kinds(visit.actor, visit.tenant))
    own = [one for one in found if one.tenant_id == visit.tenant_id]
    names = visit.office.snapshot.tenants
    return visit.page(
        "kinds/list.html",
        own=own,
        inherited=[(one, names[one.tenant_id].name) for one in found if one.tenant_id != visit.tenant_id],
        ways=WAYS,
        choose=visit.held.recipients_choose.value,
    )


@pages.get("/kinds/new", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    return _form(visit, _stored(Kind(0, 0, "")), None)


@pages.post("/kinds/new", Scope.SETTINGS_WRITE)
async def create(visit: Visit) -> Response:
    try:
        made = await visit.wait(visit.office.create_kind(visit.actor, _values(visit.form), visit.tenant))
    except PostroomError as error:
        return _form(visit, visit.form.refused(error), None, status=error.status)
    said = visit.say("%(name)s is there. Applications name it from now on.", name=made.name)
    return visit.go(_path(made), said)


@pages.get("/kinds/{kind}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    one = await _meant(visit)
    return _form(visit, _stored(one), one)


@pages.post("/kinds/{kind}", Scope.SETTINGS_WRITE)
async def change(visit: Visit) -> Response:
    one = await _meant(visit)
    try:
        changing = visit.office.change_kind(visit.actor, one.id, _values(visit.form), visit.tenant)
        changed = await visit.wait(changing)
    except PostroomError as error:
        return _form(visit, visit.form.refused(error), one, status=error.status)
    return visit.go(_path(changed), visit.say("%(name)s is changed.", name=changed.name))


@pages.get("/kinds/{kind}/delete", Scope.SETTINGS_WRITE)
async def ask_delete(visit: Visit) -> Response:
    return await _delete_page(visit, await _meant(visit), Form())


@pages.post("/kinds/{kind}/delete", Scope.SETTINGS_WRITE)
async def delete(visit: Visit) -> Response:
    one = await _meant(visit)
    try:
        await visit.wait(visit.office.delete_kind(visit.actor, one.id, visit.tenant))
    except PostroomError as error:
        return await _delete_page(visit, one, visit.form.refused(error), status=error.status)
    return visit.go("/kinds", visit.say("%(name)s is deleted.", name=one.name))


async def _delete_page(visit: Visit, one: Kind, form: Form, *, status: int = 200) -> Response:
    told = [visit.say("Mail that names it leaves at once from then on, whatever its recipients have chosen.")]
    if one.mandatory:
        told.append(visit.say("It is not mandatory any more: it does not pass the suppression list."))
    else:
        told.append(visit.say("What waits for a digest still goes with it. What recipients chose is kept."))
    users = await visit.wait(visit.office.applications(visit.actor, visit.tenant))
    naming = [app.name for app in users if one.name in app.kinds]
    if naming:
        told.append(visit.say("These applications may name it:") + " " + ", ".join(naming))
    return visit.page(
        "confirm.html",
        status,
        form=form,
        title=visit.say("Delete %(name)s?", name=one.name),
        sentence=visit.say("It can be restored."),
        consequences=told,
        action=visit.url(f"{_path(one)}/delete"),
        save=visit.say("Delete"),
        cancel=visit.url(_path(one)),
    )


def _form(visit: Visit, form: Form, one: Kind | None, *, status: int = 200) -> Response:
    return visit.page(
        "kinds/form.html",
        status,
        form=form,
        one=one,
        id=encode("d", one.id) if one else "",
        ways=[(way.value, visit.say(text)) for way, text in WAYS.items()],
        files=[(value, visit.say(text), visit.say(sentence)) for value, text, sentence in FILES],
        labels={name: visit.say(text) for name, text in LABELS.items()},
        may_write=visit.may(Scope.SETTINGS_WRITE),
        choose=visit.held.recipients_choose.value,
    )


def _stored(one: Kind) -> Form:
    return Form.of({name: getattr(one, name) for name in (*_TEXTS, *_BOXES)})


def _values(form: Form) -> dict[str, object]:
    return {**form.given(*_TEXTS), **form.boxes(*_BOXES)}


def _path(one: Kind) -> str:
    return f"/kinds/{encode('d', one.id)}"


async def _meant(visit: Visit) -> Kind:
    return await visit.wait(visit.office.kind(visit.actor, visit.request.path_params["kind"], visit.tenant))
