"""DKIM keys: made, their record pasted into the DNS and looked for, replaced, retired. No private key is ever shown."""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.dkim import DkimAlgorithm, DkimKey, DkimState
from postroom.office.dkim import DkimView
from postroom.office.dkim_values import RSA_BITS
from postroom.office.views import SenderView
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["pages"]

pages = Pages()

STATES = {
    DkimState.WAITING: ("wait", N_("waits for its record")),
    DkimState.ACTIVE: ("good", N_("signs")),
    DkimState.MISSING: ("bad", N_("its record is gone")),
    DkimState.RETIRED: ("idle", N_("retired")),
}
ALGORITHMS = (
    (DkimAlgorithm.RSA, "RSA", N_("Every receiver knows it.")),
    (DkimAlgorithm.ED25519, "Ed25519", N_("Newer and shorter, not yet known everywhere: best beside an RSA key.")),
)
_LABELS = {
    "domain": N_("Domain"),
    "algorithm": N_("Kind of key"),
    "bits": N_("Length in bits"),
    "selector": N_("Selector"),
    "private_key": N_("A private key that you have already, as PEM"),
}


@pages.get("/dkim", Scope.SETTINGS_READ)
async def list_keys(visit: Visit) -> Response:
    views = await visit.wait(visit.office.dkim_keys(visit.actor, visit.tenant))
    return visit.page("dkim/list.html", views=views, states=STATES)


@pages.get("/dkim/new", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    senders = await visit.wait(visit.office.senders(visit.actor, visit.tenant))
    views = await visit.wait(visit.office.dkim_keys(visit.actor, visit.tenant))
    signed = {view.key.domain for view in views}
    without = [domain for domain in _domains(senders) if domain not in signed]
    filled = {"domain": without[0] if without else "", "algorithm": DkimAlgorithm.RSA, "bits": RSA_BITS[0]}
    return _form(visit, Form.of(filled))


@pages.post("/dkim/new", Scope.SETTINGS_WRITE)
async def create(visit: Visit) -> Response:
    form = visit.form
    values: dict[str, object] = {name: form.text(name) for name in ("domain", "selector") if form.text(name).strip()}
    if form.text("private_key").strip():
        values["private_key"] = form.text("private_key")
    else:
        values["algorithm"] = form.text("algorithm") or DkimAlgorithm.RSA.value
        if values["algorithm"] == DkimAlgorithm.RSA:
            values["bits"] = form.text("bits") or RSA_BITS[0]
    try:
        made = await visit.office.create_dkim_key(visit.actor, values, visit.tenant)
    except PostroomError as error:
        return _form(visit, form.refused(error), status=error.status)
    return visit.go(_path(made.key), visit.say("The key is made. It signs once its record is in the DNS."))


@pages.get("/dkim/{key}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    return await _page(visit, Form())


@pages.post("/dkim/{key}/check", Scope.SETTINGS_WRITE)
async def check(visit: Visit) -> Response:
    """Looks for its record now; once that is there and right, the key signs."""
    before = await _meant(visit)
    after = await visit.office.check_dkim_key(visit.actor, before.key.id, visit.tenant)
    if after.key.signs and not before.key.signs:
        return visit.go(_path(after.key), visit.say("The record is there: the key signs from now on."))
    return visit.go(_path(after.key), visit.say("The DNS was asked."), "note")


@pages.post("/dkim/{key}/rotate", Scope.SETTINGS_WRITE)
async def rotate(visit: Visit) -> Response:
    view = await _meant(visit)
    try:
        made = await visit.office.rotate_dkim_key(visit.actor, view.key.id, visit.tenant)
    except PostroomError as error:
        return await _page(visit, visit.form.refused(error), status=error.status)
    said = visit.say(
        "This is the successor. The old key signs until this one's record has been seen, and retires then."
    )
    return visit.go(_path(made.key), said, "note")


@pages.get("/dkim/{key}/retire", Scope.SETTINGS_WRITE)
async def ask_retire(visit: Visit) -> Response:
    one = (await _meant(visit)).key
    others = await visit.wait(visit.office.dkim_keys(visit.actor, visit.tenant))
    signing = [
        view.key for view in others if view.key.signs and view.key.domain == one.domain and view.key.id != one.id
    ]
    told = [visit.say("Leave its record in the DNS for a week: mail that it signed is still being read.")]
    if one.signs and not signing:
        told.insert(
            0, visit.say("No other key signs for %(domain)s: its mail leaves unsigned then.", domain=one.domain)
        )
    return _ask(
        visit, one, "retire", visit.say("Retire this key?"), visit.say("It signs no more. That can't be undone."), told
    )


@pages.post("/dkim/{key}/retire", Scope.SETTINGS_WRITE)
async def retire(visit: Visit) -> Response:
    view = await _meant(visit)
    retired = await visit.wait(visit.office.retire_dkim_key(visit.actor, view.key.id, visit.tenant))
    return visit.go(_path(retired.key), visit.say("The key is retired."))


@pages.get("/dkim/{key}/delete", Scope.SETTINGS_WRITE)
async def ask_delete(visit: Visit) -> Response:
    one = (await _meant(visit)).key
    told = [visit.say("Its private key is destroyed. It can't be restored.")]
    if one.retired_ms is not None:
        told.append(visit.say("Take its record out of the DNS once mail that it signed has been read."))
    return _ask(visit, one, "delete", visit.say("Delete this key?"), visit.say("It does not sign at present."), told)


@pages.post("/dkim/{key}/delete", Scope.SETTINGS_WRITE)
async def delete(visit: Visit) -> Response:
    view = await _meant(visit)
    try:
        await visit.wait(visit.office.delete_dkim_key(visit.actor, view.key.id, visit.tenant))
    except PostroomError as error:
        return await _page(visit, visit.form.refused(error), status=error.status)
    return visit.go("/dkim", visit.say("%(name)s is deleted.", name=view.key.name))


def _ask(visit: Visit, one: DkimKey, act: str, title: str, sentence: str, told: list[str]) -> Response:
    return visit.page(
        "confirm.html",
        form=Form(),
        title=title,
        sentence=f"{one.name}. {sentence}",
        consequences=told,
        action=visit.url(f"{_path(one)}/{act}"),
        save=visit.say("Retire") if act == "retire" else visit.say("Delete"),
        cancel=visit.url(_path(one)),
    )


async def _page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    view = await _meant(visit)
    return visit.page(
        "dkim/show.html",
        status,
        form=form,
        view=view,
        one=view.key,
        id=encode("y", view.key.id),
        state=STATES[view.key.state],
    )


def _form(visit: Visit, form: Form, *, status: int = 200) -> Response:
    return visit.page(
        "dkim/new.html",
        status,
        form=form,
        labels={name: visit.say(text) for name, text in _LABELS.items()},
        algorithms=[(value, text, visit.say(sentence)) for value, text, sentence in ALGORITHMS],
        lengths=[(bits, str(bits)) for bits in RSA_BITS],
    )


def _domains(senders: list[SenderView]) -> list[str]:
    return list(dict.fromkeys(one.sender.address.rpartition("@")[2].casefold() for one in senders))


def _path(one: DkimKey) -> str:
    return f"/dkim/{encode('y', one.id)}"


async def _meant(visit: Visit) -> DkimView:
    return await visit.wait(visit.office.dkim_key(visit.actor, visit.request.path_params["key"], visit.tenant))
