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
from postroom.model.grant import OAuth2Provider
from postroom.model.state import State
from postroom.office.grants import own_callback
from postroom.policy.candidates import Offer
from postroom.policy.presets import find, presets
from postroom.web.console.examples import examples
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.signing_in import signed_in, source
from postroom.web.console.visit import FIRST_RUN, Visit
from postroom.web.console.words import N_

__all__ = ["pages"]

pages = Pages()
_SERVER = (
    "sender_name", "sender_address", "host", "port", "encryption", "user", "preset", "login",
    "oauth2_provider", "oauth2_tenant", "oauth2_client_id",
)  # fmt: skip
_LABELS = {
    "host": N_("Server"),
    "port": N_("Port"),
    "user": N_("User name"),
    "secret": N_("Password"),
    "sender_address": N_("Mail comes from"),
    "sender_name": N_("Name beside it"),
    "encryption": N_("Encryption"),
    "oauth2_client_id": N_("Client id"),
    "oauth2_tenant": N_("Directory (tenant) at Microsoft"),
    "client_secret": N_("Client secret"),
}
_CONSENT_SECONDS = 15 * 60


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
        return _server(visit, Form.of(_shown(view.account)))
    wanted = visit.query.get("preset", "")
    preset, region = find(wanted) if wanted in dict(_providers()) else (None, "")
    if preset is not None or "by_hand" in visit.query:
        filled: dict[str, Any] = {"encryption": Encryption.STARTTLS.value, "port": 587, **_blank(visit)}
        if preset is not None:
            filled |= {"preset": wanted, **preset.values(region)}
        return _server(visit, Form.of(filled), hint=preset.hint if preset else "")
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
    return _server(visit, Form.of({name: filled.get(name) for name in _SERVER}), offer=best)


@pages.post("/welcome/server", Scope.SETTINGS_WRITE)
async def save_server(visit: Visit) -> Response:
    form = visit.form
    if form.text("do") in (Login.PASSWORD.value, Login.OAUTH2.value):  # the other way of logging in, nothing saved yet
        return _server(visit, form.with_values(login=form.text("do")))
    oauth = form.text("login") == Login.OAUTH2
    values: dict[str, object] = {
        name: value
        for name, value in form.given(*_SERVER).items()
        if value and (oauth or not name.startswith("oauth2_"))
    }
    try:
        account = await _saved(visit, values)
        await _sender(visit, form.text("sender_address"), form.text("sender_name"))
    except PostroomError as error:
        return _server(visit, form.refused(error), status=error.status)
    return visit.go("/welcome/connect" if oauth else "/welcome/test", account=account)


async def _saved(visit: Visit, values: Mapping[str, object]) -> str:
    """The account's id, made or changed. Raises BadInput."""
    ref, form = visit.form.text("account"), visit.form
    secret = form.text("client_secret" if values.get("login") == Login.OAUTH2 else "secret") or None
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
    known = [("", visit.say("Choose …")), *_providers()]
    return visit.page("welcome/address.html", form=form, presets=known, nothing=nothing)


def _providers() -> list[tuple[str, str]]:
    """What to choose among: of a provider that has its cloud in several places, the one that nearly everybody has."""
    return [
        (f"{one.id}:{next(iter(one.regions))}" if one.login is Login.OAUTH2 and one.regions else one.id, one.name)
        for one in presets().values()
    ]


def _server(visit: Visit, form: Form, *, status: int = 200, offer: Offer | None = None, hint: str = "") -> Response:
    provider = form.text("oauth2_provider")
    return visit.page(
        "welcome/server.html",
        status,
        form=form,
        offer=offer,
        hint=hint,
        oauth=form.text("login") == Login.OAUTH2,
        may_connect=bool(provider),
        microsoft=provider.startswith(OAuth2Provider.MICROSOFT),
        provider_name=_provider_name(visit, provider),
        returns=own_callback(visit.desk.settings),
        labels={name: visit.say(text) for name, text in _LABELS.items()},
    )


def _provider_name(visit: Visit, provider: str) -> str:
    if provider.startswith(OAuth2Provider.MICROSOFT):
        return "Microsoft"
    return "Google" if provider == OAuth2Provider.GOOGLE else visit.say("the provider")


def _blank(visit: Visit) -> dict[str, str]:
    mailbox = visit.user.email if visit.user else ""
    return {"sender_address": mailbox, "sender_name": _organisation(visit), "user": mailbox}


def _organisation(visit: Visit) -> str:
    tenant = visit.looked_at
    return tenant.name if tenant is not None and tenant.name != "installation" else ""


def _shown(account: Any) -> dict[str, Any]:
    return {name: getattr(account, name) for name in _SERVER} | {"account": encode("a", account.id)}


# -- the consent ------------------------------------------------------------------------------------------------------


@pages.get("/welcome/connect", Scope.SETTINGS_WRITE)
async def show_connect(visit: Visit) -> Response:
    """Before somebody goes to the provider, and where he comes back to when he did not consent."""
    return await _connect_page(visit, Form.of({"account": visit.query.get("account", "")}))


@pages.post("/welcome/connect", Scope.SETTINGS_WRITE)
async def connect(visit: Visit) -> Response:
    """To the provider; the step that comes after is remembered by this browser."""
    form = visit.form
    try:
        consent = await visit.wait(visit.office.begin_consent(visit.actor, form.text("account"), "", visit.tenant))
    except PostroomError as error:
        return await _connect_page(visit, form.refused(error), status=error.status)
    response = visit.away(consent.url)
    visit.jar.write(response, FIRST_RUN, form.text("account"), seconds=_CONSENT_SECONDS)
    return response


async def _connect_page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    ref = form.text("account")
    view = await visit.wait(visit.office.account(visit.actor, ref, visit.tenant))
    grant = await visit.wait(visit.office.grant(visit.actor, view.account.id, visit.tenant))
    if grant.granted_ms is not None and grant.verdict is None and not form.wrong:
        return visit.go("/welcome/test", visit.say("Connected."), account=ref)
    name = _provider_name(visit, view.account.oauth2_provider)
    returns = own_callback(visit.desk.settings)
    return visit.page(
        "welcome/connect.html", status, form=form, account=view.account, provider_name=name, returns=returns
    )


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
