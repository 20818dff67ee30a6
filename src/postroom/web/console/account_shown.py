"""An account's page: how it stands, what it needs, and what can be done with it."""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import Conflict, PostroomError
from postroom.ids import encode
from postroom.model.account import CertificateCheck, Encryption, Login
from postroom.model.application import Scope
from postroom.office.grants import GrantView
from postroom.office.views import AccountView
from postroom.policy import presets
from postroom.reports.views import Volume
from postroom.web.console.account_edit import account_page
from postroom.web.console.account_list import ENCRYPTION_WORDS, HEALTH
from postroom.web.console.account_summary import choice_words
from postroom.web.console.chart import chart_of
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit

__all__ = ["meant", "pages"]

pages = Pages()


async def meant(visit: Visit) -> AccountView:
    """The account that the address names. Raises NotFound."""
    ref = visit.request.path_params["account"]
    return await visit.wait(visit.office.account(visit.actor, ref, visit.tenant))


@pages.get("/accounts/{account}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    return await _page(visit, await meant(visit))


async def _page(visit: Visit, view: AccountView, form: Form | None = None, *, status: int = 200) -> Response:
    one = view.account
    volumes = await visit.wait(visit.reports.volumes(visit.actor, visit.tenant))
    mail = None
    if visit.may(Scope.READ):
        mail = await visit.wait(visit.reports.activity(visit.actor, visit.tenant, account_id=one.id))
    oauth = one.login is Login.OAUTH2
    grant: GrantView | None = None
    if oauth:
        grant = await visit.wait(visit.office.grant(visit.actor, one.id, visit.tenant))
    snapshot = visit.office.snapshot
    connector = None if one.connector_id is None else snapshot.connectors.get(one.connector_id)
    fallback = None if one.fallback_account_id is None else snapshot.accounts.get(one.fallback_account_id)
    preset = presets.of_account(one)
    return visit.page(
        "accounts/show.html",
        status,
        view=view,
        one=one,
        form=form or Form(),
        id=encode("a", one.id),
        health=HEALTH[view.health],
        chart=None if mail is None else chart_of(mail.hours, visit),
        more=mail is not None and mail.whole_since_ms is not None,
        volume=volumes.get(one.id) or Volume(one.id),
        grant=grant,
        connector=connector,
        fallback=fallback,
        preset=preset,
        encryption=ENCRYPTION_WORDS[one.encryption],
        login=choice_words("login")[one.login.value],
        flow=choice_words("oauth2_flow")[one.oauth2_flow.value],
        checks=choice_words("certificate_check"),
        encrypted=one.encryption is not Encryption.NONE,
        ignored=one.encryption is not Encryption.NONE and one.certificate_check is CertificateCheck.IGNORE,
    )


@pages.post("/accounts/{account}/pause", Scope.SETTINGS_WRITE)
async def pause(visit: Visit) -> Response:
    view = await meant(visit)
    try:
        reason = visit.form.text("reason")
        view = await visit.wait(visit.office.pause_account(visit.actor, view.account.id, reason, visit.tenant))
    except PostroomError as error:
        return await _page(visit, view, visit.form.refused(error), status=error.status)
    return visit.go(account_page(view.account), visit.say("Paused. Its mail waits; nothing bounces."))


@pages.post("/accounts/{account}/resume", Scope.SETTINGS_WRITE)
async def resume(visit: Visit) -> Response:
    view = await meant(visit)
    view = await visit.wait(visit.office.resume_account(visit.actor, view.account.id, visit.tenant))
    return visit.go(account_page(view.account), visit.say("It goes on."))


@pages.post("/accounts/{account}/enabled", Scope.SETTINGS_WRITE)
async def switch(visit: Visit) -> Response:
    """On or off."""
    view, wanted = await meant(visit), visit.form.flag("enabled")
    values = {"enabled": wanted}
    view = await visit.wait(visit.office.change_account(visit.actor, view.account.id, values, tenant_id=visit.tenant))
    said = visit.say("Switched on.") if wanted else visit.say("Switched off. Its mail waits.")
    return visit.go(account_page(view.account), said)


@pages.post("/accounts/{account}/default", Scope.SETTINGS_WRITE)
async def make_default(visit: Visit) -> Response:
    """With a question in between, where nothing has proved yet that this server takes mail."""
    view = await meant(visit)
    force = visit.form.flag("force")
    try:
        making = visit.office.set_default_account(visit.actor, view.account.id, visit.tenant, force=force)
        view = await visit.wait(making)
    except Conflict:
        return visit.page(
            "confirm.html",
            409,
            form=visit.form,
            title=visit.say("Make %(name)s the default untested?", name=view.account.name),
            sentence=visit.say("No test message has left through it yet, with this very server and login."),
            consequences=[
                visit.say("All mail that names no account leaves through it from now on."),
                visit.say("If the server refuses it, mail waits until that is mended."),
                visit.say("When a test message leaves through it, it becomes the default by itself."),
            ],
            action=visit.url(f"{account_page(view.account)}/default"),
            hidden={"force": "true"},
            save=visit.say("Make it the default all the same"),
            cancel=visit.url(account_page(view.account)),
        )
    said = visit.say("%(name)s is the default account now; waiting mail moved along.", name=view.account.name)
    return visit.go(account_page(view.account), said)


@pages.post("/accounts/{account}/duplicate", Scope.SETTINGS_WRITE)
async def duplicate(visit: Visit) -> Response:
    view = await meant(visit)
    copy = await visit.office.duplicate_account(visit.actor, view.account.id, "", visit.tenant)
    said = visit.say("This is the copy. What was typed for the first one alone did not come along: its password.")
    return visit.go(f"{account_page(copy.account)}/edit", said, "note", group="login")


@pages.get("/accounts/{account}/delete", Scope.SETTINGS_WRITE)
async def ask_delete(visit: Visit) -> Response:
    return await _delete_page(visit, await meant(visit), Form())


@pages.post("/accounts/{account}/delete", Scope.SETTINGS_WRITE)
async def delete(visit: Visit) -> Response:
    view = await meant(visit)
    heir = visit.form.text("move_to") or None
    try:
        await visit.wait(visit.office.delete_account(visit.actor, view.account.id, heir, visit.tenant))
    except PostroomError as error:
        return await _delete_page(visit, view, visit.form.refused(error), status=error.status)
    said = visit.say("%(name)s is deleted. It can be restored under Deleted accounts.", name=view.account.name)
    return visit.go("/accounts", said)


async def _delete_page(visit: Visit, view: AccountView, form: Form, *, status: int = 200) -> Response:
    end = await visit.wait(visit.office.account_end(visit.actor, view.account.id, visit.tenant))
    return visit.page("accounts/delete.html", status, form=form, view=view, end=end, back=account_page(view.account))
