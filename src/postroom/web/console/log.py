"""The mailing log: everything that was handed over, newest first; found, filtered, acted upon and taken away as CSV."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from postroom.clock import iso
from postroom.errors import BadInput, PostroomError
from postroom.ids import decode, encode
from postroom.model.application import Scope
from postroom.model.state import State
from postroom.reports import MessageLine, Page, Query
from postroom.web.api.csv_text import csv_line
from postroom.web.console.acts import ACTS, act_on
from postroom.web.console.log_filters import NAMES, filters_of, is_filtered, wanted
from postroom.web.console.routes import Pages

if TYPE_CHECKING:
    from postroom.web.console.forms import Form
    from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()

_ON_PAGE = 50
_AT_ONCE = 200
_MOST = 500
"""Messages that are acted upon at once."""
_COLUMNS = (
    "id", "created", "from", "to", "recipients", "subject", "state", "kind", "application", "tags", "reply",
)  # fmt: skip
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
        return _shown(visit, form.refused(error), _EMPTY)
    return _shown(visit, form, page)


async def _page(visit: Visit, query: Query, cursor: str) -> Page:
    return await visit.wait(visit.reports.search(visit.actor, query, cursor or None, _ON_PAGE, visit.tenant))


def _shown(visit: Visit, form: Form, page: Page) -> Response:
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
        query=more,
        filtered=is_filtered(form),
        detailed=any(form.text(name) for name in NAMES if name not in ("text", "state")) or form.wrong,
        first=not visit.query.get("cursor"),
        states=[(state.value, state.value) for state in State],
        applications=[(name, name) for name in own],
        names={one.id: one.name for one in applications.values()},
        acts=[(name, visit.say(act.button)) for name, act in ACTS.items()] if visit.may(Scope.ACT) else [],
    )


# -- acting on several ------------------------------------------------------------------------------------------------


@pages.post("/log", Scope.ACT)
async def act(visit: Visit) -> Response:
    """First how many and what it means; then, with `sure`, it is done."""
    form, name = filters_of(visit), visit.form.text("act")
    query = {one: form.text(one) for one in NAMES if form.text(one)}
    if visit.form.flag("all"):
        chosen = await _all_found(visit, form)
    else:
        chosen = [number for text in visit.form.all("id") if (number := decode("m", text)) is not None][:_MOST]
    if name not in ACTS or not chosen:
        said = visit.say("Choose the messages first, then what is to be done with them.")
        return visit.go("/log", said=said, kind="note", **query)
    if not visit.form.flag("sure"):
        return _asked(visit, name, chosen, query)
    return await _done(visit, name, chosen, query)


async def _all_found(visit: Visit, form: Form) -> list[int]:
    """What the filters find, the newest first, as many as are acted upon at once."""
    query, cursor, found = wanted(visit, form), None, list[int]()
    while len(found) < _MOST:
        page = await _some(visit, query, cursor)
        found += [line.message.id for line in page.items]
        cursor = page.next
        if cursor is None:
            break
    return found[:_MOST]


def _asked(visit: Visit, name: str, chosen: Sequence[int], query: dict[str, str]) -> Response:
    one = ACTS[name]
    return visit.page(
        "log/sure.html",
        form=visit.form,
        title=visit.say(one.title),
        sentence=_how_many(visit, len(chosen)),
        consequences=[visit.say(text) for text in one.consequences],
        action=visit.url("/log"),
        save=visit.say(one.button),
        cancel=visit.url("/log", **query),
        danger=one.danger,
        act=name,
        chosen=[encode("m", number) for number in chosen],
        query=query,
    )


def _how_many(visit: Visit, number: int) -> str:
    said = visit.words.count("One message is chosen.", "%(number)s messages are chosen.", number)
    if number < _MOST:
        return said
    more = visit.say("That is as many as can be acted upon at once: the newest of them.")
    return f"{said} {more}"


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
    """What the filters find, as long as it lasts: read page by page while it is sent."""
    query = wanted(visit, filters_of(visit))
    first = await _some(visit, query, None)
    headers = {"content-disposition": 'attachment; filename="mailing-log.csv"'}
    return StreamingResponse(_lines(visit, query, first), media_type="text/csv; charset=utf-8", headers=headers)


async def _some(visit: Visit, query: Query, cursor: str | None) -> Page:
    return await visit.wait(visit.reports.search(visit.actor, query, cursor, _AT_ONCE, visit.tenant))


async def _lines(visit: Visit, query: Query, page: Page) -> AsyncIterator[str]:
    names = {one.id: one.name for one in visit.office.snapshot.applications.values()}
    yield csv_line(_COLUMNS)
    while True:
        yield "".join(csv_line(_cells(line, names)) for line in page.items)
        if page.next is None:
            return
        page = await _some(visit, query, page.next)


def _cells(line: MessageLine, names: dict[int, str]) -> list[str]:
    one = line.message
    return [
        encode("m", one.id),
        iso(one.created_ms),
        one.sender,
        line.to,
        str(line.recipients),
        one.subject,
        line.state.value,
        one.kind,
        names.get(one.application_id or 0, ""),
        " ".join(one.tags),
        line.reply,
    ]
