"""The suppression list: who gets nothing but security mail, why, by whom and until when; added, released, as a file."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from postroom.clock import iso
from postroom.errors import NotFound, PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.preference import Suppression, Why
from postroom.web.api.recipients import CSV_MEDIA, suppression_lines
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.words import N_

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["REASONS", "pages", "path_of_message", "source_words"]

pages = Pages()

REASONS = {
    Why.NO_MAILBOX: ("bad", N_("no such mailbox")),
    Why.COMPLAINT: ("bad", N_("complained")),
    Why.UNSUBSCRIBED: ("idle", N_("unsubscribed")),
    Why.BY_HAND: ("idle", N_("by hand")),
}
"""Why somebody is on the list: the colour and the words."""
_SOURCES = {
    "delivery": N_("a delivery"),
    "import": N_("an import"),
    "recipient": N_("the recipient"),
    "report": N_("a report that came back"),
}
_RELEASED = {
    Why.NO_MAILBOX: N_(
        "If the mailbox is still not there, the server refuses it again, and that harms your reputation."
    ),
    Why.COMPLAINT: N_("This recipient reported your mail as unwanted. Write again only with a new consent."),
    Why.UNSUBSCRIBED: N_("This recipient asked for no more mail. Write again only with a new consent."),
    Why.BY_HAND: N_("Somebody put the address on the list on purpose; the note says why, if there is one."),
}
_LABELS = {
    "address": N_("E-mail address"),
    "why": N_("Reason"),
    "note": N_("Note"),
    "expires_at": N_("Until the end of"),
    "csv": N_("Addresses, or a table"),
}
_PAGE = 100


@pages.get("/suppressions", Scope.RECIPIENTS)
async def list_suppressed(visit: Visit) -> Response:
    form = Form.of({"like": visit.query.get("like", "").strip(), "why": visit.query.get("why", "")})
    why = Why(form.text("why")) if form.text("why") in list(Why) else None
    after = visit.query.get("after", "")
    found = await visit.wait(
        visit.office.suppressions(
            visit.actor, after=after, limit=_PAGE + 1, why=why, like=form.text("like"), tenant_id=visit.tenant
        )
    )
    more = len(found) > _PAGE
    return visit.page(
        "suppressions/list.html",
        form=form,
        found=[(one, path_of_message(visit, one), source_words(visit, one.source)) for one in found[:_PAGE]],
        filtered=bool(form.text("like") or why),
        first=visit.here(after=None) if after else "",
        following=visit.here(after=found[_PAGE - 1].address) if more else "",
        reasons=REASONS,
        options=[("", visit.say("all")), *_reasons(visit)],
    )


@pages.get("/suppressions/new", Scope.RECIPIENTS)
async def begin(visit: Visit) -> Response:
    return _form(visit, Form.of({"address": visit.query.get("address", ""), "why": Why.BY_HAND}))


@pages.post("/suppressions/new", Scope.RECIPIENTS)
async def add(visit: Visit) -> Response:
    form = visit.form
    values: dict[str, object] = dict(form.given("address", "why", "note"))
    values["expires_at"] = _end_of(visit, form.text("expires_at").strip())
    try:
        one = await visit.wait(visit.office.suppress(visit.actor, values, visit.tenant))
    except PostroomError as error:
        return _form(visit, form.refused(error), status=error.status)
    said = visit.say("%(address)s gets nothing but security mail from now on.", address=one.address)
    return visit.go("/suppressions", said)


@pages.get("/suppressions/release", Scope.RECIPIENTS)
async def ask_release(visit: Visit) -> Response:
    return await _release_page(visit, visit.query.get("address", ""), Form())


@pages.post("/suppressions/release", Scope.RECIPIENTS)
async def release(visit: Visit) -> Response:
    address = visit.form.text("address")
    try:
        await visit.wait(visit.office.release_suppressed(visit.actor, address, visit.tenant))
    except NotFound as error:
        return visit.go("/suppressions", visit.say(error.text), "trouble")
    return visit.go("/suppressions", visit.say("%(address)s gets mail again.", address=address))


@pages.get("/suppressions/import", Scope.RECIPIENTS)
async def begin_import(visit: Visit) -> Response:
    return _import_form(visit, Form())


@pages.post("/suppressions/import", Scope.RECIPIENTS)
async def take_import(visit: Visit) -> Response:
    """All of them, or none."""
    text = visit.form.text("csv")
    try:
        importing = await asyncio.to_thread(visit.office.import_suppressions, visit.actor, text, visit.tenant)
        count = await visit.wait(importing)
    except PostroomError as error:
        return _import_form(visit, visit.form.refused(error), status=error.status)
    said = visit.words.count(
        "One address is new on the list, or changed.", "%(number)s addresses are new on the list, or changed.", count
    )
    return visit.go("/suppressions", said)


@pages.get("/suppressions/suppressions.csv", Scope.RECIPIENTS)
async def export(visit: Visit) -> Response:
    """The whole list as a file that can be imported again."""
    lines = await suppression_lines(visit.office, visit.actor, visit.tenant)
    headers = {"content-disposition": 'attachment; filename="suppressions.csv"'}
    return StreamingResponse(lines, media_type=CSV_MEDIA, headers=headers)


def source_words(visit: Visit, source: str) -> str:
    """Who put somebody on the list."""
    return visit.say(_SOURCES[source]) if source in _SOURCES else source


def path_of_message(visit: Visit, one: Suppression) -> str:
    """The message that showed it, for who may see messages; "" where there is none."""
    there = one.message_id is not None and visit.may(Scope.READ)
    return visit.url(f"/log/{encode('m', one.message_id)}") if there and one.message_id is not None else ""


async def _release_page(visit: Visit, address: str, form: Form) -> Response:
    view = await visit.wait(visit.office.preference(visit.actor, address, visit.tenant))
    one = view.suppression
    if one is None:
        raise NotFound("This recipient is not on the list.")
    told = [visit.say(_RELEASED[one.why])]
    if one.note:
        told.append(visit.say("The note: %(note)s", note=one.note))
    return visit.page(
        "confirm.html",
        form=form,
        title=visit.say("Write to %(address)s again?", address=one.address),
        sentence=visit.say("All mail goes to this address from then on. What was not sent meanwhile is not sent now."),
        consequences=told,
        action=visit.url("/suppressions/release"),
        hidden={"address": one.address},
        save=visit.say("Take off the list"),
        cancel=visit.url("/suppressions"),
    )


def _form(visit: Visit, form: Form, *, status: int = 200) -> Response:
    labels = {name: visit.say(text) for name, text in _LABELS.items()}
    return visit.page("suppressions/new.html", status, form=form, labels=labels, reasons=_reasons(visit))


def _import_form(visit: Visit, form: Form, *, status: int = 200) -> Response:
    labels = {name: visit.say(text) for name, text in _LABELS.items()}
    return visit.page("suppressions/import.html", status, form=form, labels=labels)


def _reasons(visit: Visit) -> list[tuple[str, str]]:
    return [(why.value, visit.say(text)) for why, (_, text) in REASONS.items()]


def _end_of(visit: Visit, text: str) -> str:
    """The end of that day in the reader's zone; what is no day is left to the office to refuse."""
    try:
        day = date.fromisoformat(text)
        return iso(round(datetime.combine(day + timedelta(days=1), time(), visit.zone).timestamp() * 1000))
    except (ValueError, OverflowError):
        return text
