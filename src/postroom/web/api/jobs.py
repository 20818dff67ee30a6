"""`/v1/jobs`: one act on everything that a search of the log finds, in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Query as FromQuery
from pydantic import Field

from postroom import ids
from postroom.errors import BadInput, NotFound
from postroom.model.bulk_job import UNDO, BulkAct, BulkJob, BulkRefusal, BulkState
from postroom.reports import Query
from postroom.web.api.answers import identity, moment
from postroom.web.api.describing import answers, json_answer, list_of, object_of, ref
from postroom.web.api.faults import Faults
from postroom.web.api.login import Doer, Reader, at
from postroom.web.api.requests import At, Chosen, Route, TenantQuery, Values, chosen
from postroom.web.api.searching import SEARCH, search_json, search_of

__all__ = ["can_be_undone", "router", "schemas"]

router = APIRouter(prefix="/v1/jobs", tags=["messages"], route_class=Route)

_LETTER = "j"
_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer"}
_ID: dict[str, Any] = {"anyOf": [_TEXT, {"type": "null"}]}
_MOMENT: dict[str, Any] = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
_TO: dict[str, Any] = {
    "oneOf": [_TEXT, {"type": "array", "items": _TEXT}],
    "description": "For release and resend: copies go to these instead. Needs the right to see contents.",
}
_ACT: dict[str, Any] = {"type": "string", "enum": [one.value for one in BulkAct]}
_ASKED = object_of(act=_ACT | {"description": "What is done to each message."}, search=SEARCH, to=_TO) | {
    "required": ["act", "search"]
}
_EXAMPLE = {"act": "hold", "search": {"state": "deferred", "subject": "invoice"}}
_JOB: dict[str, dict[str, Any]] = {
    "id": _TEXT | {"description": "Like `j_…`."},
    "tenant_id": _TEXT,
    "act": _ACT,
    "state": {
        "type": "string",
        "enum": [one.value for one in BulkState],
        "description": "`gathering`: it writes down what the search finds; then it is `running`.",
    },
    "search": SEARCH,
    "to": {"type": "array", "items": _TEXT, "description": "Who gets copies instead."},
    "found": _COUNT | {"description": "Messages it has gathered; all of them once it runs."},
    "done": _COUNT | {"description": "Of these, those it was done to."},
    "refused": _COUNT | {"description": "Those it could not be done to; `/refusals` says why."},
    "can_be_undone": {"type": "boolean", "description": "Whether it can be taken back now."},
    "undo_of": _ID | {"description": "The job that it takes back."},
    "undone_by": _ID | {"description": "The job that takes it back."},
    "started_at": _MOMENT,
    "started_by": _TEXT,
    "ended_at": _MOMENT,
    "stopped_by": _TEXT | {"description": "Who stopped it, if somebody did."},
}
_REFUSAL: dict[str, dict[str, Any]] = {
    "message_id": _TEXT,
    "subject": _TEXT,
    "why": _TEXT | {"description": "Why it could not be done, in a sentence."},
}
_REFUSALS = object_of(
    refusals={"type": "array", "items": ref("JobRefusal")},
    next={"anyOf": [_TEXT, {"type": "null"}], "description": "The `cursor` of what follows, or null."},
)


def schemas() -> dict[str, dict[str, Any]]:
    return {
        "Job": object_of(**_JOB) | {"description": "One act on all that a search found."},
        "JobRefusal": object_of(**_REFUSAL) | {"description": "A message that a job could not act upon."},
    }


def job_json(job: BulkJob) -> dict[str, Any]:
    return {
        "id": ids.encode(_LETTER, job.id),
        "tenant_id": identity("t", job.tenant_id),
        "act": job.act.value,
        "state": job.state.value,
        "search": search_json(job.search),
        "to": list(job.to),
        "found": job.found,
        "done": job.done,
        "refused": job.refused,
        "can_be_undone": can_be_undone(job),
        "undo_of": identity(_LETTER, job.undo_of),
        "undone_by": identity(_LETTER, job.undone_by),
        "started_at": moment(job.started_ms),
        "started_by": job.started_by,
        "ended_at": moment(job.ended_ms),
        "stopped_by": job.stopped_by,
    }


def can_be_undone(job: BulkJob) -> bool:
    return job.over and job.act in UNDO and not job.to and job.done > 0 and job.undone_by is None


def job_number(text: str) -> int:
    """The number behind `j_…`. Raises NotFound."""
    number = ids.decode(_LETTER, text)
    if number is None:
        raise NotFound("There is no such job here, or not any more.")
    return number


@router.get("", **answers(list_of("jobs", "Job"), "The jobs, the newest first."))
async def list_jobs(actor: Reader, desk: At, tenant: Chosen) -> Response:
    """List the jobs of the last weeks"""
    found = await asyncio.wrap_future(desk.jobs.jobs(at(actor, tenant)))
    return json_answer({"jobs": [job_json(job) for job in found]})


@router.post("", **answers(ref("Job"), "It is under way.", status=202, takes=_ASKED, example=_EXAMPLE, conflicts=True))
async def start_job(actor: Doer, desk: At, tenant: Chosen, values: Values) -> Response:
    """Act on everything that a search finds

    In the background: first the messages are gathered that the search finds now, then each is acted upon once, the
    oldest first. `/v1/message-count` says beforehand how many there are.
    """
    act, query, to = _asked(values)
    job = job_json(await asyncio.wrap_future(desk.jobs.start(at(actor, tenant), act, query, to)))
    return json_answer(job, 202, {"location": f"/v1/jobs/{job['id']}"})


def _asked(values: Mapping[str, Any]) -> tuple[BulkAct, Query, list[str] | None]:
    """Raises BadInput with every fault."""
    faults = Faults()
    for name in values:
        if name not in _ASKED["properties"]:
            faults.unknown("", name, tuple(_ASKED["properties"]), {})
    act, query = BulkAct.HOLD, Query()
    try:
        act = BulkAct(str(values.get("act")))
    except ValueError:
        problem = "is missing." if values.get("act") is None else "is nothing that can be done to messages."
        faults.add("act", problem, f"There are: {', '.join(BulkAct)}.")
    try:
        query = search_of(values.get("search"))
    except BadInput as error:
        faults.extend(error.faults)
    given = values.get("to")
    to = [given] if isinstance(given, str) else given
    if to is not None and not (isinstance(to, list) and to and all(isinstance(one, str) for one in to)):
        faults.add("to", "is neither an address nor a list of addresses.", 'Write ["ann@example.org"].')
    if faults:
        raise BadInput(faults)
    return act, query, to


@router.get("/{job}", **answers(ref("Job"), "The job."))
async def read_job(job: str, actor: Reader, desk: At, tenant: Chosen) -> Response:
    """Read a job, and how far it is

    Jobs are kept for thirty days after their end.
    """
    return json_answer(job_json(await asyncio.wrap_future(desk.jobs.job(at(actor, tenant), job_number(job)))))


class _Paged(TenantQuery):
    limit: int = Field(50, ge=1, le=200, description="How many at once.")
    cursor: str = Field("", description="`next` of the page before.")


@router.get("/{job}/refusals", **answers(_REFUSALS, "The messages, the newest first."))
async def list_refusals(job: str, actor: Reader, desk: At, query: Annotated[_Paged, FromQuery()]) -> Response:
    """List the messages that a job could not act upon, and why"""
    below = ids.decode("m", query.cursor) if query.cursor else None
    if query.cursor and below is None:
        faults = Faults()
        faults.add("cursor", "is no cursor of ours.", "Take it from the page before, or leave it out.")
        raise BadInput(faults)
    there = at(actor, chosen(desk, query))
    found = await asyncio.wrap_future(desk.jobs.refusals(there, job_number(job), below, query.limit))
    following = ids.encode("m", found[-1].message_id) if len(found) == query.limit else None
    return json_answer({"refusals": [_refusal(one) for one in found], "next": following})


def _refusal(one: BulkRefusal) -> dict[str, Any]:
    return {"message_id": ids.encode("m", one.message_id), "subject": one.subject, "why": one.why}


@router.post("/{job}/stop", **answers(ref("Job"), "It is over."))
async def stop_job(job: str, actor: Doer, desk: At, tenant: Chosen) -> Response:
    """Stop a job

    What it has done stays done. Stopping one that is over changes nothing.
    """
    return json_answer(job_json(await asyncio.wrap_future(desk.jobs.stop(at(actor, tenant), job_number(job)))))


@router.post("/{job}/undo", **answers(ref("Job"), "The job that takes it back.", status=202, conflicts=True))
async def undo_job(job: str, actor: Doer, desk: At, tenant: Chosen) -> Response:
    """Take back what a job did

    A hold is released, and what was released and still waits is held: of exactly the messages that the job moved.
    One that runs is stopped.
    """
    made = job_json(await asyncio.wrap_future(desk.jobs.undo(at(actor, tenant), job_number(job))))
    return json_answer(made, 202, {"location": f"/v1/jobs/{made['id']}"})
