"""The first run: from the link that `serve` prints to a first message sent and a key for the first application.

Each step is a page that stands by itself, so one can stop at any of them, come back, or skip it; nothing leaves before
somebody has said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from postroom.errors import Conflict, NotFound, PostroomError
from postroom.ids import encode
from postroom.model.account import Encryption, Login
from postroom.model.application import Scope
from postroom.model.state import State
from postroom.policy.presets import presets
from postroom.web.console.examples import examples
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.signing_in import signed_in, source
from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()
_SERVER = ("sender_name", "sender_address", "host", "port", "encryption", "user", "preset", "login")


# -- the owner --------------------------------------------------------------------------------------------------------


@pages.get("/welcome", open=True)
async def show_owner(visit: Visit) -> Response:
    token = visit.query.get("token", "")
    good = await visit.wait(visit.office.first_run_open(token))
    form = Form.of({"token": token})
    return visit.page("welcome/owner.html", 200 if good else 404, form=form, good=good)


@pages.post("/welcome", open=True)
async def make_owner(visit: Visit) -> Response:
    form = visit.form
    values, password = form.given("login", "name", "organisation"), form.text("password")
    try:
        begun = await visit.wait(visit.office.first_run(form.text("token"), values, password, **source(visit)))
    except (NotFound, Conflict):
        return visit.page("welcome/owner.html", 404, form=form, good=False)
    except PostroomError as error:
        return visit.refused("welcome/owner.html", error, good=True)
    return signed_in(visit, begun, "/console/welcome/server")


# -- how mail leaves --------------------------------------------------------------------------------------------------


@pages.get("/welcome/server", Scope.SETTINGS_WRITE)
async def show_server(visit: Visit) -> Response:
    """The account that was begun, if there is one; else an address is asked for, or a provider chosen."""
    if visit.query.get("account"):
        view = await visit.wait(visit.office.account(visit.actor, visit.query["account"], visit.tenant))
        return visit.page("welcome/server.html", **_server(Form.of(_shown(view.account))))
    preset = presets().get(visit.query.get("preset", ""))
    if preset is not None or "by_hand" in visit.query:
        filled: dict[str, Any] = {"encryption": Encryption.STARTTLS.value, "port": 587, **_blank(visit)}
        if preset is not None:
            filled |= {"host": preset.host, "preset": preset.id, **preset.values(by_password=True)}
        return visit.page("welcome/server.html", **_server(Form.of(filled), hint=preset.hint if preset else ""))
    return _ask(visit, Form.of({"address": visit.user.email if visit.user else ""}))


@pages.post("/welcome/find", Scope.SETTINGS_WRITE)
async def find_server(visit: Visit) -> Response:
    address = visit.form.text("address")
    try:
        found = await visit.office.discover(visit.actor, address, tenant_id=visit.tenant)
    except PostroomError as error:
        return _ask(visit, visit.form.refused(error))
    if not found.offers:
        return _ask(visit, visit.form, nothing=found.domain)
    best = found.offers[0]
    filled = {**best.values, "sender_address": address, "sender_name": _organisation(visit)}
    form = Form.of({name: filled.get(name) for name in (*_SERVER, "sender_address", "sender_name")})
    return visit.page("welcome/server.html", **_server(form, offer=best))


@pages.post("/welcome/server", Scope.SETTINGS_WRITE)
async def save_server(visit: Visit) -> Response:
    form = visit.form
    values: dict[str, object] = {name: value for name, value in form.given(*_SERVER).items() if value}
    try:
        account = await _saved(visit, values)
        await _sender(visit, form.text("sender_address"), form.text("sender_name"))
    except PostroomError as error:
        return visit.page("welcome/server.html", error.status, **_server(form.refused(error)))
    return visit.go("/welcome/test", account=account)


async def _saved(visit: Visit, values: Mapping[str, object]) -> str:
    """The account's id, made or changed. Raises BadInput."""
    ref, secret = visit.form.text("account"), visit.form.text("secret") or None
    if ref:
        view = await visit.wait(visit.office.change_account(visit.actor, ref, values, secret, visit.tenant))
    else:
        view = await visit.wait(visit.office.create_account(visit.actor, values, secret, visit.tenant))
    return encode("a", view.account.id)


async def _sender(visit: Visit, address: str, name: str) -> None:
    """The default sender. One that is there already is left as it is."""
    known = {one.sender.address.casefold() for one in await visit.wait(visit.office.senders(visit.actor, visit.tenant))}
    if address and address.strip().casefold() not in known:
        values = {"address": address, "name": name}
        await visit.wait(visit.office.create_sender(visit.actor, values, visit.tenant))


def _ask(visit: Visit, form: Form, nothing: str = "") -> Response:
    known = [
        ("", visit.say("Choose …")),
        *((one.id, one.name) for one in presets().values() if one.login is not Login.OAUTH2),
    ]
    return visit.page("welcome/address.html", form=form, presets=known, nothing=nothing)


def _server(form: Form, **more: Any) -> dict[str, Any]:
    ports = {Encryption.NONE: 25, Encryption.STARTTLS: 587, Encryption.TLS: 465}
    return {"form": form, "ports": ports, "offer": None, "hint": ""} | more


def _blank(visit: Visit) -> dict[str, str]:
    mailbox = visit.user.email if visit.user else ""
    return {"sender_address": mailbox, "sender_name": _organisation(visit), "user": mailbox}


def _organisation(visit: Visit) -> str:
    tenant = visit.looked_at
    return tenant.name if tenant is not None and tenant.name != "installation" else ""


def _shown(account: Any) -> dict[str, Any]:
    return {name: getattr(account, name) for name in _SERVER} | {"account": encode("a", account.id)}


# -- the test ---------------------------------------------------------------------------------------------------------


@pages.get("/welcome/test", Scope.SETTINGS_WRITE)
async def show_test(visit: Visit) -> Response:
    if not visit.query.get("account"):
        return RedirectResponse(visit.url("/welcome/server"), 303)
    view = await visit.wait(visit.office.account(visit.actor, visit.query["account"], visit.tenant))
    filled = {
        "account": encode("a", view.account.id),
        "to": visit.user.email if visit.user else "",
        "subject": visit.say("A first message from Postroom"),
        "text": visit.say("If you read this, mail leaves as it should."),
    }
    return visit.page("welcome/test.html", form=Form.of(filled), account=view.account, seen=None)


@pages.post("/welcome/test", Scope.SETTINGS_WRITE)
async def run_test(visit: Visit) -> Response:
    form = visit.form
    view = await visit.wait(visit.office.account(visit.actor, form.text("account"), visit.tenant))
    try:
        receipt = await visit.wait(
            visit.outbox.test_account(
                visit.there, form.text("account"), form.text("to"), form.text("subject"), form.text("text")
            )
        )
    except PostroomError as error:
        return visit.refused("welcome/test.html", error, account=view.account, seen=None)
    message = await visit.wait(
        visit.reports.message(visit.actor, receipt.message_id, visit.tenant, language=visit.language)
    )
    sent = receipt.state == State.SENT
    return visit.page("welcome/test.html", form=form, account=view.account, seen=message.recipients[0], sent=sent)


@pages.post("/welcome/leave", Scope.SETTINGS_WRITE)
async def let_leave(visit: Visit) -> Response:
    """Mail leaves from now on."""
    await visit.wait(visit.office.change_tenant(visit.actor, {"mode": "smtp"}, visit.tenant))
    return visit.go("/welcome/key", said=visit.say("Mail leaves from now on."))


# -- the first application --------------------------------------------------------------------------------------------


@pages.get("/welcome/key", Scope.APPLICATIONS)
async def show_key(visit: Visit) -> Response:
    return visit.page("welcome/key.html", form=Form.of({"name": visit.say("My application")}))


@pages.post("/welcome/key", Scope.APPLICATIONS)
async def make_key(visit: Visit) -> Response:
    """The key is in this answer and nowhere else."""
    name = visit.form.text("name")
    try:
        made = await visit.wait(visit.office.create_application(visit.actor, name, visit.tenant))
        scopes = [Scope.SEND, Scope.READ] if visit.may(Scope.READ) else [Scope.SEND]
        key = await visit.wait(
            visit.office.create_key(visit.actor, encode("p", made.id), scopes, tenant_id=visit.tenant)
        )
    except PostroomError as error:
        return visit.refused("welcome/key.html", error)
    sender = visit.office.snapshot.senders.get(visit.held.default_sender_id.value or 0)
    shown = examples(visit, made.name, key.text, sender.address if sender else "shop@example.com")
    return visit.page("welcome/done.html", key=key.text, examples=shown, mode=visit.held.mode.value.value)
