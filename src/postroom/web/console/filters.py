"""Searches of the log that are kept: as chips above it, and the page where they are shared and deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

from postroom.errors import NotFound, PostroomError
from postroom.ids import decode, encode
from postroom.model.application import Scope
from postroom.model.saved_filter import SavedFilter
from postroom.web.console.log_filters import NAMES, filters_of, wanted
from postroom.web.console.routes import Pages

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["Chip", "chips", "pages"]

pages = Pages()
_DAY_MS = 86_400_000


class Chip(NamedTuple):
    """`current`: the log shows just this search."""

    url: str
    name: str
    current: bool


async def chips(visit: Visit, query: dict[str, str]) -> list[Chip]:
    """The reader's own searches and the shared ones."""
    found = await visit.wait(visit.office.filters(visit.actor, visit.tenant))
    asked = [(one.name, _asked(visit, one)) for one in found]
    return [Chip(visit.url("/log", **search), name, search == query) for name, search in asked]


def _asked(visit: Visit, one: SavedFilter) -> dict[str, str]:
    """The search as the log's address has it: its times are days of the reader's."""
    search = {name: str(value) for name, value in one.search.items() if name in NAMES}
    for name, back in (("since", 0), ("until", _DAY_MS)):
        at = one.search.get(f"{name}_ms")
        if at is not None:
            moment = datetime.fromtimestamp((int(at) - min(back, 1)) / 1000, UTC).astimezone(visit.zone)
            search[name] = moment.date().isoformat()
    return search


@pages.get("/filters", Scope.READ)
async def listed(visit: Visit) -> Response:
    found = await visit.wait(visit.office.filters(visit.actor, visit.tenant))
    return visit.page(
        "log/filters.html",
        filters=[(one, encode("o", one.id), visit.url("/log", **_asked(visit, one))) for one in found],
        deletes=lambda one: one.user_id == visit.actor.user_id or visit.may(Scope.SETTINGS_WRITE),
    )


@pages.post("/filters", Scope.READ)
async def keep(visit: Visit) -> Response:
    """Keeps what the log was asked for."""
    form = filters_of(visit)
    query = {name: form.text(name) for name in NAMES if form.text(name)}
    name, shared = visit.form.text("name"), visit.form.flag("shared")
    try:
        await visit.wait(
            visit.office.create_filter(visit.actor, name, wanted(visit, form), visit.tenant, shared=shared)
        )
    except PostroomError as error:
        return visit.go("/log", said=_why(visit, error), kind="trouble", **query)
    return visit.go("/log", said=visit.say("The search is kept."), **query)


@pages.post("/filters/{filter}", Scope.READ)
async def delete(visit: Visit) -> Response:
    number = decode("o", visit.request.path_params["filter"])
    if number is None:
        raise NotFound("There is no such filter here.")
    await visit.wait(visit.office.delete_filter(visit.actor, number, visit.tenant))
    return visit.go("/filters", said=visit.say("The search is deleted."))


def _why(visit: Visit, error: PostroomError) -> str:
    faults = getattr(error, "faults", ())
    return " ".join(f"{visit.say(one.problem)} {visit.say(one.mend)}" for one in faults) or visit.say(error.text)
