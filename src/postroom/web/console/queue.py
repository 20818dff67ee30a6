"""The queue: what waits at each account, since when, how fast it leaves and when it will be empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from postroom.clock import now_ms
from postroom.errors import NotFound, PostroomError
from postroom.ids import decode, encode
from postroom.model.application import Scope
from postroom.model.bulk_job import BulkAct
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.reports import Query
from postroom.web.console.jobs import begin
from postroom.web.console.routes import Pages

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()


@pages.get("/queue", Scope.READ)
async def shown(visit: Visit) -> Response:
    lines = await visit.wait(visit.reports.queue(visit.actor, visit.tenant))
    accounts = visit.office.snapshot.accounts
    tenants = await visit.wait(visit.reports.queue_of_tenants(visit.actor)) if _sees_tenants(visit) else []
    own = {one.id for one in accounts.values() if one.tenant_id == visit.tenant_id}
    return visit.page(
        "queue/queue.html",
        lines=lines,
        tenants=tenants,
        names={one.id: one.name for one in visit.office.snapshot.tenants.values()},
        own=own,
        waiting=sum(line.waiting for line in lines),
        held=sum(line.held for line in lines),
        in_doubt=sum(line.unknown for line in lines),
        sending=sum(line.sending for line in lines),
        oldest_ms=min((line.oldest_ms for line in lines if line.oldest_ms is not None), default=None),
        now=now_ms(),
    )


def _sees_tenants(visit: Visit) -> bool:
    """Somebody of the installation, who looks at his own page, where there are others."""
    own = visit.tenant_id == visit.actor.tenant_id == INSTALLATION
    return own and visit.actor.everywhere and len(visit.office.snapshot.tenants) > 1


@pages.post("/queue/retry", Scope.ACT)
async def retry(visit: Visit) -> Response:
    """What an account's mail waits for is not waited for: a job tries all of it now."""
    visit.need(Scope.READ)
    number = decode("a", visit.form.text("account"))
    if number is None:
        raise NotFound("There is no such account here.")
    try:
        return await begin(visit, BulkAct.RETRY, Query(account=encode("a", number), state=State.DEFERRED))
    except PostroomError as error:
        return visit.go("/queue", said=visit.say(error.text), kind="trouble")


@pages.post("/queue", Scope.SETTINGS_WRITE)
async def act(visit: Visit) -> Response:
    """Pauses or resumes an account."""
    name, number = visit.form.text("act"), decode("a", visit.form.text("account"))
    account = visit.office.snapshot.accounts.get(number or 0)
    if account is None or name not in ("pause", "resume", "sure-pause"):
        raise NotFound("There is no such account here.")
    ref = encode("a", account.id)
    if name == "pause":
        return _sure(visit, ref, account.name)
    try:
        if name == "resume":
            await visit.wait(visit.office.resume_account(visit.actor, ref, visit.tenant))
            return visit.go("/queue", said=visit.say("%(name)s sends again.", name=account.name))
        await visit.wait(visit.office.pause_account(visit.actor, ref, visit.form.text("reason"), visit.tenant))
    except PostroomError as error:
        return visit.go("/queue", said=visit.say(error.text), kind="trouble")
    return visit.go("/queue", said=visit.say("%(name)s is paused. Its mail waits.", name=account.name))


def _sure(visit: Visit, ref: str, name: str) -> Response:
    return visit.page(
        "confirm.html",
        form=visit.form,
        title=visit.say("Pause this account?"),
        sentence=name,
        consequences=[
            visit.say("Nothing leaves through it until somebody resumes it; applications go on handing over mail."),
            visit.say("Nothing is lost and nothing bounces: what waits is held here."),
        ],
        action=visit.url("/queue"),
        save=visit.say("Pause"),
        cancel=visit.url("/queue"),
        hidden={"act": "sure-pause", "account": ref},
        typed=("reason", visit.say("Why (others see it)")),
    )
