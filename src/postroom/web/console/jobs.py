"""Jobs: one act on everything that a search finds. How far it is, what it could not be done to, the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from postroom.errors import NotFound, PostroomError
from postroom.ids import decode, encode
from postroom.model.application import Scope
from postroom.model.bulk_job import BulkAct, BulkJob, BulkState
from postroom.reports import Query
from postroom.web.api.jobs import can_be_undone
from postroom.web.api.searching import search_json
from postroom.web.console.routes import Pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postroom.web.console.visit import Visit

__all__ = ["begin", "counted", "pages"]

pages = Pages()
_ON_PAGE = 50


def N_(text: str) -> str:  # noqa: N802 - what gettext calls a text that is told later
    return text


ACTS = {
    BulkAct.HOLD: N_("Hold messages"),
    BulkAct.RELEASE: N_("Release messages"),
    BulkAct.RETRY: N_("Try messages now"),
    BulkAct.RESEND: N_("Send messages again"),
    BulkAct.CANCEL: N_("Cancel messages"),
}
STATES = {
    BulkState.GATHERING: ("warn", N_("looking for the messages")),
    BulkState.RUNNING: ("warn", N_("under way")),
    BulkState.STOPPED: ("bad", N_("stopped")),
    BulkState.DONE: ("good", N_("done")),
}
FILTERS = {
    "recipient": N_("Recipient"), "sender": N_("Sender"), "subject": N_("Words of the subject"), "state": N_("State"),
    "kind": N_("Kind"), "application": N_("Application"), "account": N_("Account"), "tag": N_("Tag"),
    "since": N_("From"), "until": N_("Until"), "text": N_("Search"),
}  # fmt: skip


async def counted(visit: Visit, query: Query) -> tuple[int, str]:
    """How many messages that means, and the sentence that says so."""
    found = await visit.wait(visit.reports.count(visit.actor, query, visit.tenant))
    if found.exact:
        said = visit.words.count("One message is found.", "%(number)s messages are found.", found.number)
    else:
        said = visit.words.count(
            "More than one message is found.", "More than %(number)s messages are found.", found.number
        )
    return found.number, said


async def begin(visit: Visit, act: BulkAct, query: Query, to: Sequence[str] | None = None) -> Response:
    """Starts it and goes to its page. Raises what `Jobs.start` does."""
    job = await visit.wait(visit.desk.jobs.start(visit.there, act, query, to))
    return visit.go(f"/jobs/{encode('j', job.id)}")


@pages.get("/jobs", Scope.READ)
async def listed(visit: Visit) -> Response:
    found = await visit.wait(visit.desk.jobs.jobs(visit.there))
    return visit.page(
        "jobs/list.html",
        jobs=found,
        acts={act: visit.say(text) for act, text in ACTS.items()},
        states=_states(visit),
        searched=lambda job: _searched(visit, job),
        running=any(not job.over for job in found),
    )


@pages.get("/jobs/{job}", Scope.READ)
async def shown(visit: Visit) -> Response:
    number = _number(visit)
    job = await visit.wait(visit.desk.jobs.job(visit.there, number))
    below = decode("m", visit.query.get("below", ""))
    refusals = await visit.wait(visit.desk.jobs.refusals(visit.there, number, below, _ON_PAGE)) if job.refused else []
    return visit.page(
        "jobs/show.html",
        job=job,
        id=encode("j", job.id),
        title=visit.say(ACTS[job.act]),
        state=_states(visit)[job.state],
        searched=_searched(visit, job),
        refusals=refusals,
        older=encode("m", refusals[-1].message_id) if len(refusals) == _ON_PAGE else "",
        undoable=can_be_undone(job) and visit.may(Scope.ACT),
    )


def _states(visit: Visit) -> dict[BulkState, tuple[str, str]]:
    return {state: (kind, visit.say(text)) for state, (kind, text) in STATES.items()}


def _searched(visit: Visit, job: BulkJob) -> list[tuple[str, str]]:
    """What was searched for, as people read it."""
    names = {encode("a", one.id): one.name for one in visit.office.snapshot.accounts.values()}
    found = search_json(job.search)
    return [(visit.say(FILTERS[name]), names.get(value, value)) for name, value in found.items() if name in FILTERS]


@pages.post("/jobs/{job}", Scope.ACT)
async def act(visit: Visit) -> Response:
    """Stops it, or takes it back."""
    number, name = _number(visit), visit.form.text("act")
    path = f"/jobs/{encode('j', number)}"
    try:
        if name == "stop":
            await visit.wait(visit.desk.jobs.stop(visit.there, number))
            return visit.go(path, said=visit.say("It is stopped. What it has done stays done."))
        if name == "undo":
            back = await visit.wait(visit.desk.jobs.undo(visit.there, number))
            return visit.go(f"/jobs/{encode('j', back.id)}")
    except PostroomError as error:
        if isinstance(error, NotFound):
            raise
        return visit.go(path, said=visit.say(error.text), kind="trouble")
    raise NotFound


def _number(visit: Visit) -> int:
    number = decode("j", visit.request.path_params["job"])
    if number is None:
        raise NotFound("There is no such job here, or not any more.")
    return number
