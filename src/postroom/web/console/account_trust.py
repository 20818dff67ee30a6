"""An account's certificate as its server shows it now, and trusting just that one; and consent for OAuth2.

Rules it keeps: nothing is trusted but by a form that carries the fingerprint which was shown; consent is given at the
provider, by a link that this page offers, and never on a page of ours.
"""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import BadInput, Fault, PostroomError
from postroom.model.application import Scope
from postroom.model.grant import OAuth2Flow
from postroom.office.grants import meaning, own_callback
from postroom.web.console.account_edit import account_page
from postroom.web.console.account_shown import meant
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()


@pages.post("/accounts/{account}/certificate", Scope.SETTINGS_WRITE)
async def look(visit: Visit) -> Response:
    """What the server shows at this moment. It is asked for with a form, because it connects somewhere."""
    return await _certificate_page(visit, Form())


@pages.post("/accounts/{account}/certificate/trust", Scope.SETTINGS_WRITE)
async def trust(visit: Visit) -> Response:
    view, form = await meant(visit), visit.form
    secret = form.text("secret") or None
    try:
        view = await visit.office.trust_certificate(
            visit.actor, view.account.id, form.text("fingerprint"), secret, visit.tenant
        )
    except PostroomError as error:
        return await _certificate_page(visit, form.refused(error), status=error.status)
    said = visit.say("This certificate is trusted now, and no other.")
    if view.secret_dropped:
        said += " " + visit.say("Its password has to be typed again before mail can leave.")
    return visit.go(account_page(view.account), said, "trouble" if view.secret_dropped else "done")


async def _certificate_page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    view = await meant(visit)
    seen = None
    try:
        seen = await visit.office.look_at_certificate(visit.actor, view.account.id, visit.tenant)
    except PostroomError as error:
        form = form if form.wrong else form.refused(error)
        status = error.status if status == 200 else status
    return visit.page(
        "accounts/certificate.html", status, form=form, view=view, seen=seen, back=account_page(view.account)
    )


@pages.get("/accounts/{account}/connect", Scope.SETTINGS_WRITE)
async def ask_connect(visit: Visit) -> Response:
    """Explains what comes, and offers the two ways: consent, or a refresh token got elsewhere."""
    return await _connect_page(visit, Form())


@pages.post("/accounts/{account}/connect", Scope.SETTINGS_WRITE)
async def connect(visit: Visit) -> Response:
    """Begins a consent (and shows the link to the provider), or takes a refresh token."""
    view, form = await meant(visit), visit.form
    try:
        if form.text("refresh_token"):
            await _take_token(visit, view.account.id, form.text("refresh_token").strip())
            return visit.go(account_page(view.account), visit.say("Connected."))
        consent = await visit.wait(visit.office.begin_consent(visit.actor, view.account.id, "", visit.tenant))
    except PostroomError as error:
        return await _connect_page(visit, form.refused(error), status=error.status)
    return visit.away(consent.url)


@pages.post("/accounts/{account}/disconnect", Scope.SETTINGS_WRITE)
async def disconnect(visit: Visit) -> Response:
    view = await meant(visit)
    await visit.wait(visit.office.forget_grant(visit.actor, view.account.id, visit.tenant))
    return visit.go(account_page(view.account), visit.say("Disconnected. Its mail waits until it is connected again."))


async def _take_token(visit: Visit, account_id: int, token: str) -> None:
    """Raises BadInput when the provider does not take it."""
    finding = visit.office.oauth_account(visit.actor, account_id, OAuth2Flow.REFRESH_TOKEN, visit.tenant)
    account = await visit.wait(finding)
    refused = await visit.desk.grants.accept(visit.actor, account, token)
    if refused is not None:
        verdict = meaning(account, refused)
        raise BadInput([Fault("refresh_token", f"{verdict.title} {verdict.explanation}", verdict.remedy)])


async def _connect_page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    view = await meant(visit)
    return visit.page(
        "accounts/connect.html",
        status,
        form=form,
        view=view,
        by_token=view.account.oauth2_flow is OAuth2Flow.REFRESH_TOKEN,
        returns=own_callback(visit.desk.settings),
        back=account_page(view.account),
    )
