"""Senders: the addresses mail may leave from, each with its reply addresses and, where wished, its own account."""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.dns import Severity
from postroom.model.sender import Sender
from postroom.office.views import SenderView
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["LABELS", "pages"]

pages = Pages()

_FIELDS = ("address", "name", "reply_to", "return_path", "confirmation_address", "account_id")
SEVERITIES = {Severity.OK: "good", Severity.INFO: "note", Severity.WARNING: "warn", Severity.FAULT: "bad"}
LABELS = {
    "address": N_("Address"),
    "name": N_("Name that goes with it"),
    "reply_to": N_("Reply e-mail (Reply-To)"),
    "return_path": N_("Reply e-mail for delivery errors (Return-Path)"),
    "confirmation_address": N_("Confirmation e-mail"),
    "account_id": N_("Account its mail leaves through"),
    "addresses": N_("Public IP addresses of your mail server"),
}


@pages.get("/senders", Scope.SETTINGS_READ)
async def list_senders(visit: Visit) -> Response:
    views = await visit.wait(visit.office.senders(visit.actor, visit.tenant))
    said = visit.query.get("text", "").strip()
    shown = [one for one in views if said.casefold() in f"{one.sender.name} {one.sender.address}".casefold()]
    return visit.page(
        "senders/list.html",
        every=views,
        shown=shown,
        accounts=visit.office.snapshot.accounts,
        form=Form.of({"text": said}),
    )


@pages.get("/senders/new", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    return await _form(visit, Form.of({"address": visit.query.get("address", "")}), None)


@pages.post("/senders/new", Scope.SETTINGS_WRITE)
async def create(visit: Visit) -> Response:
    try:
        made = await visit.wait(visit.office.create_sender(visit.actor, _values(visit.form), visit.tenant))
    except PostroomError as error:
        return await _form(visit, visit.form.refused(error), None, status=error.status)
    return visit.go(_path(made.sender), visit.say("%(name)s may be sent from now.", name=made.sender.address))


@pages.get("/senders/{sender}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    view = await _meant(visit)
    return await _form(visit, _stored(view), view)


@pages.post("/senders/{sender}", Scope.SETTINGS_WRITE)
async def change(visit: Visit) -> Response:
    view = await _meant(visit)
    try:
        changing = visit.office.change_sender(visit.actor, view.sender.id, _values(visit.form), visit.tenant)
        changed = await visit.wait(changing)
    except PostroomError as error:
        return await _form(visit, visit.form.refused(error), view, status=error.status)
    return visit.go(_path(changed.sender), visit.say("%(name)s is changed.", name=changed.sender.address))


@pages.post("/senders/{sender}/dns", Scope.SETTINGS_WRITE)
async def look_into_dns(visit: Visit) -> Response:
    """SPF, DKIM and DMARC for mail as it would leave. It may take half a minute."""
    view = await _meant(visit)
    typed = visit.form.text("addresses").replace(",", " ").split()
    try:
        await visit.office.check_dns(visit.actor, {"sender": view.sender.address, "addresses": typed}, visit.tenant)
    except PostroomError as error:
        stored = _stored(view).with_values(addresses=visit.form.text("addresses"))
        return await _form(visit, stored.refused(error), view, status=error.status)
    return visit.go(_path(view.sender), visit.say("The DNS was asked."))


@pages.post("/senders/{sender}/default", Scope.SETTINGS_WRITE)
async def make_default(visit: Visit) -> Response:
    view = await _meant(visit)
    await visit.wait(visit.office.set_default_sender(visit.actor, view.sender.id, visit.tenant))
    said = visit.say("Mail that names no sender leaves from %(name)s now.", name=view.sender.address)
    return visit.go(_path(view.sender), said)


@pages.post("/senders/{sender}/release", Scope.SETTINGS_WRITE)
async def release(visit: Visit) -> Response:
    view = await _meant(visit)
    await visit.wait(visit.office.release_sender(visit.actor, view.sender.id, visit.tenant))
    return visit.go(_path(view.sender), visit.say("Released. The mail held for it is tried again."))


@pages.get("/senders/{sender}/delete", Scope.SETTINGS_WRITE)
async def ask_delete(visit: Visit) -> Response:
    return _delete_page(visit, await _meant(visit), Form())


@pages.post("/senders/{sender}/delete", Scope.SETTINGS_WRITE)
async def delete(visit: Visit) -> Response:
    view = await _meant(visit)
    try:
        await visit.wait(visit.office.delete_sender(visit.actor, view.sender.id, visit.tenant))
    except PostroomError as error:
        return _delete_page(visit, view, visit.form.refused(error), status=error.status)
    return visit.go("/senders", visit.say("%(name)s is deleted.", name=view.sender.address))


def _delete_page(visit: Visit, view: SenderView, form: Form, *, status: int = 200) -> Response:
    return visit.page(
        "confirm.html",
        status,
        form=form,
        title=visit.say("Delete %(name)s?", name=view.sender.address),
        sentence=visit.say("No new mail can leave from it then. It can be restored."),
        consequences=[visit.say("Mail that was accepted before leaves all the same.")],
        action=visit.url(f"{_path(view.sender)}/delete"),
        save=visit.say("Delete"),
        cancel=visit.url(_path(view.sender)),
    )


async def _form(visit: Visit, form: Form, view: SenderView | None, *, status: int = 200) -> Response:
    accounts = await visit.wait(visit.office.accounts(visit.actor, visit.tenant))
    options = [("", visit.say("The default account"))]
    options += [(encode("a", one.account.id), one.account.name) for one in accounts]
    checks = await visit.wait(visit.office.dns_checks(visit.actor, visit.tenant)) if view else []
    return visit.page(
        "senders/form.html",
        status,
        form=form,
        view=view,
        id=encode("s", view.sender.id) if view else "",
        options=options,
        checks=[one for one in checks if view and one.sender.casefold() == view.sender.address.casefold()],
        severities=SEVERITIES,
        labels={name: visit.say(text) for name, text in LABELS.items()},
        may_write=visit.may(Scope.SETTINGS_WRITE),
    )


def _stored(view: SenderView) -> Form:
    one = view.sender
    stored = {name: getattr(one, name) for name in _FIELDS if name != "account_id"}
    return Form.of(stored | {"account_id": "" if one.account_id is None else encode("a", one.account_id)})


def _values(form: Form) -> dict[str, object]:
    values: dict[str, object] = dict(form.given(*_FIELDS))
    if values.get("account_id") == "":
        values["account_id"] = None
    return values


def _path(sender: Sender) -> str:
    return f"/senders/{encode('s', sender.id)}"


async def _meant(visit: Visit) -> SenderView:
    return await visit.wait(visit.office.sender(visit.actor, visit.request.path_params["sender"], visit.tenant))
