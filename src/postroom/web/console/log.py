"""The mailing log: everything that was handed over, newest first; found, filtered, acted upon and taken away as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from postroom.errors import BadInput, PostroomError
from postroom.ids import decode, encode
from postroom.model.application import Scope
from postroom.model.bulk_job import BulkAct
from postroom.model.state import State
from postroom.reports import Page, Query
from postroom.web.api.log_table import first_page, log_csv
from postroom.web.console.acts import ACTS, act_on
from postroom.web.console.filters import chips
from postroom.web.console.jobs import begin, counted
from postroom.web.console.log_filters import NAMES, filters_of, is_filtered, wanted
from postroom.web.console.routes import Pages

if TYPE_CHECKING:
    from postroom.web.console.forms import Form
    from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()

_ON_PAGE = 50
_MOST = 500
"""Messages that are acted upon at once, where they were ticked; all that is found are a job's."""
_EMPTY = Page([], None)


def N_(text: str) -> str:  # noqa: N802 - what gettext calls a text that is told later
    return text


TABS = (
    ("", N_("All")),
    (State.FAILED, N_("Failed")),
    (State.UNKNOWN, N_("In doubt")),
    (State.HELD, N_("Held")),
    (State.DEFERRED, N_("Tried again")),
    (State.QUEUED, N_("Waiting")),
    (State.SENT, N_("Sent")),
)


@pages.get("/log", Scope.READ)
async def listed(visit: Visit) -> Response:
    form = filters_of(visit)
    try:
        page = await _page(visit, wanted(visit, form), visit.query.get("cursor", ""))
    except BadInput as error:
        return await _shown(visit, form.refused(error), _EMPTY)
    return await _shown(visit, form, page)


async def _page(visit: Visit, query: Query, cursor: str) -> Page:
    return await visit.wait(visit.reports.search(visit.actor, query, cursor or None, _ON_PAGE, visit.tenant))


async def _shown(visit: Visit, form: Form, page: Page) -> Response:
    more = {name: form.text(name) for name in NAMES if form.text(name)}
    applications = visit.office.snapshot.applications
    own = sorted(one.name for one in applications.values() if one.tenant_id == visit.tenant_id)
    tabs = [
        (visit.url("/log", **{**more, "state": state}), visit.say(text), form.text("state") == state)
        for state, text in TABS
    ]
    return visit.page(
        "log/list.html",
        form=form,
        page=page,
        tabs=tabs,
        chips=await chips(visit, more),
        query=more,
        filtered=is_filtered(form),
        detailed=any(form.text(name) for name in NAMES if name not in ("text", "state")) or form.wrong,
        first=not visit.query.get("cursor"),
        states=[(state.value, state.value) for state in State],
        applications=[(name, name) for name in own],
        accounts=_accounts(visit, form.text("account")),
        names={one.id: one.name for one in applications.values()},
        acts=[(name, visit.say(act.button)) for name, act in ACTS.items()] if visit.may(Scope.ACT) else [],
    )


def _accounts(visit: Visit, chosen: str) -> list[tuple[str, str]]:
    """The tenant's own, and the one that is looked for."""
    accounts = visit.office.snapshot.accounts.values()
    found = [(encode("a", one.id), one.name) for one in accounts if one.tenant_id == visit.tenant_id]
    if chosen and chosen not in dict(found):
        names = {encode("a", one.id): one.name for one in accounts}
        found.append((chosen, names.get(chosen, chosen)))
    return found


# -- acting on several ------------------------------------------------------------------------------------------------


@pages.post("/log", Scope.ACT)
async def act(visit: Visit) -> Response:
    """First how many and what it means; then, with `sure`, it is done."""
    form, name = filters_of(visit), visit.form.text("act")
    query = {one: form.text(one) for one in NAMES if form.text(one)}
    if visit.form.flag("all") and name in ACTS:
        return await _act_on_all(visit, form, name, query)
    chosen = [number for text in visit.form.all("id") if (number := decode("m", text)) is not None][:_MOST]
    if name not in ACTS or not chosen:
        said = visit.say("Choose the messages first, then what is to be done with them.")
        return visit.go("/log", said=said, kind="note", **query)
    if not visit.form.flag("sure"):
        sentence = visit.words.count("One message is chosen.", "%(number)s messages are chosen.", len(chosen))
        return _asked(visit, name, sentence, query, chosen)
    return await _done(visit, name, chosen, query)


async def _act_on_all(visit: Visit, form: Form, name: str, query: dict[str, str]) -> Response:
    """How many it finds, and what it means; then, with `sure`, a job does it."""
    try:
        wished = wanted(visit, form)
        if visit.form.flag("sure"):
            return await begin(visit, BulkAct(name), wished)
        number, sentence = await counted(visit, wished)
    except PostroomError as error:
        return visit.go("/log", said=_why(visit, error), kind="trouble", **query)
    if not number:
        return visit.go("/log", said=visit.say("Nothing is found."), kind="note", **query)
    return _asked(visit, name, sentence, query, everything=True)


def _why(visit: Visit, error: PostroomError) -> str:
    faults = getattr(error, "faults", ())
    return " ".join(f"{visit.say(one.problem)} {visit.say(one.mend)}" for one in faults) or visit.say(error.text)


def _asked(
    visit: Visit,
    name: str,
    sentence: str,
    query: dict[str, str],
    chosen: Sequence[int] = (),
    *,
    everything: bool = False,
) -> Response:
    one = ACTS[name]
    return visit.page(
        "log/sure.html",
        form=visit.form,
        title=visit.say(one.title),
        sentence=sentence,
        consequences=[visit.say(text) for text in one.consequences],
        action=visit.url("/log"),
        save=visit.say(one.button),
        cancel=visit.url("/log", **query),
        danger=one.danger,
        act=name,
        chosen=[encode("m", number) for number in chosen],
        everything=everything,
        query=query,
    )


async def _done(visit: Visit, name: str, chosen: Sequence[int], query: dict[str, str]) -> Response:
    moved, refused = [], ""
    # All at once, so that they share their commits.
    tries = [(number, act_on(visit, name, number)) for number in chosen]
    for number, future in tries:
        try:
            await visit.wait(future)
            moved.append(number)
        except PostroomError as error:
            refused = visit.say(error.text)
    undo = ACTS[name].undo
    if undo and moved and not visit.form.flag("undone"):
        return visit.page(
            "log/done.html",
            sentence=_told(visit, name, moved, chosen, refused),
            undo=undo,
            chosen=[encode("m", number) for number in moved],
            query=query,
            back=visit.url("/log", **query),
        )
    kind = "done" if moved else "trouble"
    return visit.go("/log", said=_told(visit, name, moved, chosen, refused), kind=kind, **query)


def _told(visit: Visit, name: str, moved: Sequence[int], chosen: Sequence[int], refused: str) -> str:
    said = [ACTS[name].done(visit.words, len(moved))] if moved else []
    left = len(chosen) - len(moved)
    if left:
        said.append(visit.words.count("One could not be moved:", "%(number)s could not be moved:", left))
        said.append(refused)
    return " ".join(said)


# -- as a file --------------------------------------------------------------------------------------------------------


@pages.get("/log.csv", Scope.READ)
async def as_csv(visit: Visit) -> Response:
    """What the filters find, as long as it lasts."""
    query = wanted(visit, filters_of(visit))
    first = await first_page(visit.desk, visit.actor, query, visit.tenant)
    headers = {"content-disposition": 'attachment; filename="mailing-log.csv"'}
    lines = log_csv(visit.desk, visit.actor, query, first, visit.tenant)
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)
