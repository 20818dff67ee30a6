"""The proof matrix: which sender gets through which account, by what the servers themselves answered."""

from __future__ import annotations

from starlette.responses import Response

from postroom.errors import PostroomError
from postroom.model.application import Scope
from postroom.model.proof import ProofState
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["pages"]

pages = Pages()

STATES = {
    ProofState.PROVEN: ("good", N_("proven")),
    ProofState.REFUSED: ("bad", N_("refused")),
    ProofState.UNTESTED: ("idle", N_("untested")),
}


@pages.get("/proofs", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    return await _page(visit, Form())


@pages.post("/proofs", Scope.SETTINGS_WRITE)
async def prove(visit: Visit) -> Response:
    """Asks the servers now: about one pair, or about all that mail takes."""
    form = visit.form
    try:
        asking = visit.office.prove(
            visit.actor, form.text("sender"), form.text("account"), visit.tenant, visit.language
        )
        await visit.wait(asking)
    except PostroomError as error:
        return await _page(visit, form.refused(error), status=error.status)
    return visit.go("/proofs", visit.say("The servers are asked; the answers come here in a moment."), "note")


async def _page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    views = await visit.wait(visit.office.proofs(visit.actor, visit.tenant, visit.language))
    accounts = list(dict.fromkeys(one.account for one in views))
    known = {(one.sender, one.account): one for one in views}
    senders = list(dict.fromkeys(one.sender for one in views))
    return visit.page(
        "senders/proofs.html",
        status,
        form=form,
        accounts=accounts,
        rows=[(sender, [known.get((sender, account)) for account in accounts]) for sender in senders],
        refused=[one for one in views if one.state is ProofState.REFUSED],
        pending=any(one.pending for one in views),
        states=STATES,
    )
