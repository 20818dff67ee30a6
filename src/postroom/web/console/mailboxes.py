"""Mailboxes that are read: the list with how each stands, their form, trying one out live, connecting it, its log."""

from __future__ import annotations

from typing import NamedTuple

from starlette.responses import Response

from postroom.errors import BadInput, Fault, PostroomError
from postroom.ids import encode
from postroom.model.account import CertificateCheck, Encryption, Login
from postroom.model.application import Scope
from postroom.model.grant import OAuth2Flow
from postroom.model.mailbox import Afterwards, Mailbox, default_mailbox_port
from postroom.model.tenant import INSTALLATION
from postroom.office.grants import meaning, own_callback
from postroom.office.mailbox_health import health, told_of
from postroom.office.mailbox_values import LOGINS as POSSIBLE
from postroom.office.mailboxes import MAILBOX, MailboxView
from postroom.policy.rule import Words
from postroom.web.console.account_choices import CHECKS, FLOWS, LOGINS, PROVIDERS, Choice
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_
from postroom.work.mailboxes import MailboxTrial

__all__ = ["LABELS", "pages"]

pages = Pages()

ENCRYPTIONS = (
    Choice(Encryption.TLS, N_("TLS from the start"), N_("The usual way, with port 993."), "993"),
    Choice(
        Encryption.STARTTLS,
        N_("STARTTLS"),
        N_("Begins in clear and is then encrypted. Usual with port 143."),
        "143",
    ),
    Choice(
        Encryption.NONE,
        N_("Not encrypted"),
        N_("Only for a server on this machine or in a network you trust."),
        "143",
    ),
)
AFTERWARDS = (
    Choice(Afterwards.SEEN, N_("Mark it as read"), N_("It stays where it is.")),
    Choice(Afterwards.MOVE, N_("Move it to another folder"), N_("The folder is made where it is not there.")),
    Choice(Afterwards.DELETE, N_("Delete it"), N_("Postroom keeps what came in as long as its mailing log.")),
    Choice(Afterwards.LEAVE, N_("Leave it untouched"), N_("For a mailbox that people read as well.")),
)
HEALTH = {
    "off": ("idle", N_("switched off")),
    "incomplete": ("warn", N_("not complete")),
    "failing": ("bad", N_("can't be read")),
    "waiting": ("wait", N_("not read yet")),
    "reading": ("good", N_("is read")),
}
STEPS = {
    "connect": N_("Connection"),
    "tls": N_("Encryption"),
    "greeting": N_("Greeting"),
    "login": N_("Login"),
    "folder": N_("Folder"),
}
LABELS = {
    "name": N_("Name"),
    "address": N_("Address"),
    "host": N_("Server"),
    "port": N_("Port"),
    "encryption": N_("Encryption"),
    "login": N_("Login"),
    "user": N_("User name"),
    "secret": N_("Password"),
    "client_secret": N_("Secret of the application"),
    "oauth2_provider": N_("Provider"),
    "oauth2_flow": N_("How tokens are got"),
    "oauth2_tenant": N_("Directory (tenant)"),
    "oauth2_client_id": N_("Client id of the application"),
    "oauth2_scope": N_("Scope"),
    "oauth2_authorize_url": N_("Address where people consent"),
    "oauth2_token_url": N_("Address where tokens are got"),
    "certificate_check": N_("Certificate"),
    "certificate_authority": N_("Your own authority"),
    "certificate_pin": N_("Fingerprint of the certificate"),
    "allow_clear_login": N_("Log in even where others could read the password"),
    "connector_id": N_("Way to the server"),
    "folder": N_("Folder that is read"),
    "afterwards": N_("What becomes of a mail once it is taken in"),
    "move_to": N_("Folder it is moved to"),
    "poll_seconds": N_("Look into it every … seconds"),
    "only_new": N_("Leave alone what lies there now"),
    "enabled": N_("Read this mailbox"),
    "refresh_token": N_("Refresh token"),
}
_FIELDS = tuple(name for name in LABELS if name not in ("secret", "client_secret", "refresh_token"))
_BOXES = ("allow_clear_login", "only_new", "enabled")


class _Tried(NamedTuple):
    """A test as its page shows it. `wrong`: what is to be mended, in the reader's language."""

    trial: MailboxTrial
    wrong: Words | None


@pages.get("/mailboxes", Scope.SETTINGS_READ)
async def list_mailboxes(visit: Visit) -> Response:
    views = await visit.wait(visit.office.mailboxes(visit.actor, visit.tenant))
    shown = [(view, HEALTH[health(view)], told_of(view, visit.language)) for view in views]
    return visit.page("mailboxes/list.html", shown=shown)


@pages.get("/mailboxes/new", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    blank = Mailbox(0, visit.tenant or INSTALLATION, "", "", default_mailbox_port(Encryption.TLS))
    return await _form(visit, Form.of({name: getattr(blank, name) for name in _FIELDS}), None)


@pages.post("/mailboxes/new", Scope.SETTINGS_WRITE)
async def create(visit: Visit) -> Response:
    form = visit.form
    if form.text("do") != "save":
        return await _again(visit, None)
    try:
        making = visit.office.create_mailbox(visit.actor, _values(form), _secret(form), visit.tenant)
        made = await visit.wait(making)
    except PostroomError as error:
        return await _form(visit, form.refused(error), None, status=error.status)
    return visit.go(
        _path(made.mailbox), visit.say("%(name)s is there, and is read from now on.", name=made.mailbox.name)
    )


@pages.get("/mailboxes/{mailbox}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    return await _page(visit, await _meant(visit))


@pages.get("/mailboxes/{mailbox}/edit", Scope.SETTINGS_WRITE)
async def show_form(visit: Visit) -> Response:
    view = await _meant(visit)
    stored = {name: getattr(view.mailbox, name) for name in _FIELDS}
    number = view.mailbox.connector_id
    stored["connector_id"] = "" if number is None else encode("x", number)
    return await _form(visit, Form.of(stored), view)


@pages.post("/mailboxes/{mailbox}/edit", Scope.SETTINGS_WRITE)
async def change(visit: Visit) -> Response:
    view, form = await _meant(visit), visit.form
    if form.text("do") != "save":
        return await _again(visit, view)
    try:
        changing = visit.office.change_mailbox(visit.actor, view.mailbox.id, _values(form), _secret(form), visit.tenant)
        changed = await visit.wait(changing)
    except PostroomError as error:
        return await _form(visit, form.refused(error), view, status=error.status)
    said = visit.say("%(name)s is changed.", name=changed.mailbox.name)
    if changed.secret_dropped:
        said += " " + visit.say("Its password was typed for another server or user, and has to be typed again.")
    return visit.go(_path(changed.mailbox), said, "trouble" if changed.secret_dropped else "done")


async def _again(visit: Visit, view: MailboxView | None) -> Response:
    """The form once more: with the fields of another choice, or with what a test of these values showed."""
    form = visit.form
    if form.text("do") != "test":
        return await _form(visit, form, view)
    ref = None if view is None else view.mailbox.id
    try:
        trial = await visit.desk.mailboxes.test(visit.actor, ref, _values(form), _secret(form), visit.tenant)
    except PostroomError as error:
        return await _form(visit, form.refused(error), view, status=error.status)
    return await _form(visit, form, view, tried=_tried(visit, trial))


@pages.post("/mailboxes/{mailbox}/test", Scope.SETTINGS_WRITE)
async def test(visit: Visit) -> Response:
    """Every step with what was seen; nothing in the mailbox is changed."""
    view = await _meant(visit)
    try:
        trial = await visit.desk.mailboxes.test(visit.actor, view.mailbox.id, tenant_id=visit.tenant)
    except PostroomError as error:
        return await _page(visit, view, form=visit.form.refused(error), status=error.status)
    return await _page(visit, await _meant(visit), tried=_tried(visit, trial))


@pages.post("/mailboxes/{mailbox}/fetch", Scope.ACT)
async def fetch(visit: Visit) -> Response:
    view = await _meant(visit)
    try:
        await visit.wait(visit.office.fetch_mailbox(visit.actor, view.mailbox.id, visit.tenant))
    except PostroomError as error:
        return await _page(visit, view, form=visit.form.refused(error), status=error.status)
    visit.desk.mailboxes.wake(view.mailbox.id)
    return visit.go(_path(view.mailbox), visit.say("It is read within a moment."))


@pages.get("/mailboxes/{mailbox}/connect", Scope.SETTINGS_WRITE)
async def ask_connect(visit: Visit) -> Response:
    return await _connect_page(visit, Form())


@pages.post("/mailboxes/{mailbox}/connect", Scope.SETTINGS_WRITE)
async def connect(visit: Visit) -> Response:
    """Begins a consent (and shows the link to the provider), or takes a refresh token."""
    view, form = await _meant(visit), visit.form
    number = encode(MAILBOX, view.mailbox.id)
    try:
        if form.text("refresh_token"):
            await _take_token(visit, number, form.text("refresh_token").strip())
            return visit.go(_path(view.mailbox), visit.say("Connected."))
        consent = await visit.wait(visit.office.begin_consent(visit.actor, number, "", visit.tenant))
    except PostroomError as error:
        return await _connect_page(visit, form.refused(error), status=error.status)
    return visit.away(consent.url)


async def _take_token(visit: Visit, number: str, token: str) -> None:
    """Raises BadInput when the provider does not take it."""
    access = await visit.wait(visit.office.oauth_account(visit.actor, number, OAuth2Flow.REFRESH_TOKEN, visit.tenant))
    refused = await visit.desk.grants.accept(visit.actor, access, token)
    if refused is not None:
        verdict = meaning(access, refused)
        raise BadInput([Fault("refresh_token", f"{verdict.title} {verdict.explanation}", verdict.remedy)])


@pages.post("/mailboxes/{mailbox}/disconnect", Scope.SETTINGS_WRITE)
async def disconnect(visit: Visit) -> Response:
    view = await _meant(visit)
    await visit.wait(visit.office.forget_grant(visit.actor, encode(MAILBOX, view.mailbox.id), visit.tenant))
    return visit.go(_path(view.mailbox), visit.say("Disconnected. It is not read until it is connected again."))


@pages.get("/mailboxes/{mailbox}/delete", Scope.SETTINGS_WRITE)
async def ask_delete(visit: Visit) -> Response:
    view = await _meant(visit)
    one = view.mailbox
    told = [visit.say("It is not read any more. What came in already stays in Postroom.")]
    if one.has_secret:
        told.append(visit.say("Its password goes with it."))
    return visit.page(
        "confirm.html",
        form=Form(),
        title=visit.say("Delete %(name)s?", name=one.name),
        sentence=visit.say("It can be restored, without its password."),
        consequences=told,
        action=visit.url(f"{_path(one)}/delete"),
        save=visit.say("Delete"),
        cancel=visit.url(_path(one)),
    )


@pages.post("/mailboxes/{mailbox}/delete", Scope.SETTINGS_WRITE)
async def delete(visit: Visit) -> Response:
    view = await _meant(visit)
    await visit.wait(visit.office.delete_mailbox(visit.actor, view.mailbox.id, visit.tenant))
    return visit.go("/mailboxes", visit.say("%(name)s is deleted.", name=view.mailbox.name))


# -- inside -----------------------------------------------------------------------------------------------------------


async def _page(
    visit: Visit, view: MailboxView, *, form: Form | None = None, tried: _Tried | None = None, status: int = 200
) -> Response:
    one = view.mailbox
    log = await visit.wait(visit.office.mailbox_log(visit.actor, one.id, tenant_id=visit.tenant))
    connector = visit.office.snapshot.connectors.get(one.connector_id or 0)
    return visit.page(
        "mailboxes/show.html",
        status,
        view=view,
        one=one,
        id=encode(MAILBOX, one.id),
        health=HEALTH[health(view)],
        wrong=told_of(view, visit.language),
        connector="" if connector is None else connector.name,
        afterwards=next(choice.text for choice in AFTERWARDS if choice.value == one.afterwards),
        encryption=next(choice.text for choice in ENCRYPTIONS if choice.value == one.encryption),
        form=form or Form(),
        tried=tried,
        steps=STEPS,
        log=log,
        by_consent=one.login is Login.OAUTH2 and one.oauth2_flow.needs_consent,
    )


async def _form(
    visit: Visit, form: Form, view: MailboxView | None, *, tried: _Tried | None = None, status: int = 200
) -> Response:
    connectors = await visit.wait(visit.office.connectors(visit.actor, visit.tenant))
    ways = [("", visit.say("Directly")), *((encode("x", one.connector.id), one.connector.name) for one in connectors)]
    return visit.page(
        "mailboxes/form.html",
        status,
        form=form,
        view=view,
        labels={name: visit.say(text) for name, text in LABELS.items()},
        encryptions=ENCRYPTIONS,
        logins=[(one.value, visit.say(one.text)) for one in LOGINS if one.value in POSSIBLE],
        providers=[(one.value, visit.say(one.text)) for one in PROVIDERS],
        flows=[(one.value, visit.say(one.text)) for one in FLOWS],
        checks=[(one.value, visit.say(one.text)) for one in CHECKS],
        afterwards=[(one.value, visit.say(one.text), visit.say(one.sentence)) for one in AFTERWARDS],
        ways=ways,
        may_allow_clear=visit.actor.tenant_id == INSTALLATION,
        passwords=" ".join(one.value for one in POSSIBLE if one is not Login.OAUTH2),
        tried=tried,
        steps=STEPS,
        back=_path(view.mailbox) if view else "/mailboxes",
    )


async def _connect_page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    view = await _meant(visit)
    return visit.page(
        "mailboxes/connect.html",
        status,
        form=form,
        one=view.mailbox,
        by_token=view.mailbox.oauth2_flow is OAuth2Flow.REFRESH_TOKEN,
        returns=own_callback(visit.desk.settings),
        back=_path(view.mailbox),
        labels={name: visit.say(text) for name, text in LABELS.items()},
    )


def _tried(visit: Visit, trial: MailboxTrial) -> _Tried:
    return _Tried(trial, None if trial.words is None else trial.words(visit.language))


def _values(form: Form) -> dict[str, object]:
    """What was on the page. What belongs to another choice was disabled there, and stays as it is."""
    values: dict[str, object] = {**form.given(*(name for name in _FIELDS if name not in _BOXES)), **form.boxes(*_BOXES)}
    for name in ("name", "port", "poll_seconds"):
        if not str(values.get(name, "x")).strip():
            values.pop(name)  # then it is the usual one, or stays
    if values.get("certificate_check") != CertificateCheck.OWN_CA:
        values.pop("certificate_authority", None)
    if values.get("certificate_check") != CertificateCheck.PINNED:
        values.pop("certificate_pin", None)
    return values


def _secret(form: Form) -> str | None:
    name = "client_secret" if form.text("login") == Login.OAUTH2 else "secret"
    return form.text(name) or None


def _path(mailbox: Mailbox) -> str:
    return f"/mailboxes/{encode(MAILBOX, mailbox.id)}"


async def _meant(visit: Visit) -> MailboxView:
    return await visit.wait(visit.office.mailbox(visit.actor, visit.request.path_params["mailbox"], visit.tenant))
