"""The silent mailbox: mail that was kept instead of sent, read like mail, and released if it should leave after all.

Three panes: where it came from, the list, the mail. On telephones one at a time: the address says which.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

from postroom.errors import NotFound, PostroomError
from postroom.ids import decode, encode
from postroom.model.application import Scope
from postroom.model.bulk_job import BulkAct
from postroom.model.state import State
from postroom.reports import Letter, Query
from postroom.web.console.jobs import begin, counted
from postroom.web.console.routes import Pages

if TYPE_CHECKING:
    from postroom.reports import MessageView
    from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()
_ON_PAGE = 30


@pages.get("/silent", Scope.READ)
async def mailbox(visit: Visit) -> Response:
    query = visit.query
    wanted = Query(state=State.SILENCED, application=query.get("application") or None, text=query.get("text", "")[:500])
    cursor = query.get("cursor") or None
    page = await visit.wait(visit.reports.search(visit.actor, wanted, cursor, _ON_PAGE, visit.tenant))
    chosen = decode("m", query.get("message", "")) if query.get("message") else None
    view = await _view(visit, chosen) if chosen is not None else None
    applications = visit.office.snapshot.applications.values()
    own = sorted(one.name for one in applications if one.tenant_id == visit.tenant_id)
    return visit.page(
        "silent/mailbox.html",
        page=page,
        view=view,
        mail=await _mail(visit, view) if view is not None else None,
        id="" if view is None else encode("m", view.message.id),
        applications=own,
        application=query.get("application", ""),
        searched=query.get("text", ""),
        first=not cursor,
    )


async def _view(visit: Visit, number: int) -> MessageView:
    return await visit.wait(visit.reports.message(visit.actor, number, visit.tenant, visit.language))


async def _mail(visit: Visit, view: MessageView) -> Letter | None:
    """What can be read of it; None for who may not see contents, or when it is not kept."""
    if not visit.may(Scope.CONTENT) or not view.has_content or view.message.secret:
        return None
    try:
        content = await visit.wait(visit.reports.content(visit.actor, view.message.id, visit.tenant))
    except NotFound:  # wiped at this very moment
        return None
    return await asyncio.to_thread(Letter, content)


@pages.post("/silent", Scope.ACT)
async def release(visit: Visit) -> Response:
    """One message, or all; to its own recipients, or as a copy to another."""
    form = visit.form
    to = form.text("to").replace(",", " ").split() or None
    if form.text("act") == "all":
        return await _release_all(visit, to)
    number = decode("m", form.text("message"))
    if number is None:
        raise NotFound("There is no such message here.")
    try:
        receipt = await visit.wait(visit.outbox.release(visit.there, number, to))
    except PostroomError as error:
        if isinstance(error, NotFound):
            raise
        return visit.go("/silent", said=_why(visit, error), kind="trouble", message=form.text("message"))
    return visit.go(f"/log/{encode('m', receipt.message_id)}", said=visit.say("It is on its way."))


async def _release_all(visit: Visit, to: list[str] | None) -> Response:
    if not visit.form.flag("sure"):
        _, count = await counted(visit, Query(state=State.SILENCED))
        sentence = visit.say("Everything in the silent mailbox leaves, the oldest first.")
        if to:
            sentence = visit.say("A copy of everything in the silent mailbox goes to %(to)s.", to=", ".join(to))
        return visit.page(
            "confirm.html",
            form=visit.form,
            title=visit.say("Release all?"),
            sentence=f"{count} {sentence}",
            consequences=[
                visit.say("What has left can't be called back."),
                visit.say("What is older than its content is kept stays here."),
            ],
            action=visit.url("/silent"),
            save=visit.say("Release all"),
            cancel=visit.url("/silent"),
            hidden={"act": "all", "sure": "true", "to": " ".join(to or ())},
        )
    try:
        return await begin(visit, BulkAct.RELEASE, Query(state=State.SILENCED), to)
    except PostroomError as error:
        return visit.go("/silent", said=_why(visit, error), kind="trouble")


def _why(visit: Visit, error: PostroomError) -> str:
    faults = getattr(error, "faults", ())
    return " ".join(f"{visit.say(one.problem)} {visit.say(one.mend)}" for one in faults) or visit.say(error.text)
