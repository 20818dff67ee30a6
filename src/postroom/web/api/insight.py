"""`/v1/explain`, `/v1/queue`, `/v1/activity`, `/v1/health`, `/v1/ready`: why mail goes its way, what is not well."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Query as FromQuery
from pydantic import Field

from postroom.errors import BadInput, StoreUnavailable
from postroom.policy.sentences import tell
from postroom.web.api import reading
from postroom.web.api.answers import moment, plain
from postroom.web.api.describing import answers, json_answer, list_of, object_of, ref
from postroom.web.api.faults import Faults
from postroom.web.api.fields import draft_from, in_json_names
from postroom.web.api.login import Reader, SettingsReader
from postroom.web.api.requests import At, Chosen, Route, TenantQuery, Tongue, Values, chosen

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["insight"], route_class=Route)

_COUNT = {"type": "integer"}
_TIME = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
_HOUR = object_of(
    began_at={**_TIME, "description": "When it begins."},
    sent=_COUNT,
    failed=_COUNT,
    waiting=_COUNT,
    kept={**_COUNT, "description": "Silenced, disabled or cancelled."},
    seconds={
        "anyOf": [{"type": "number"}, {"type": "null"}],
        "description": "How long it took on average until it was sent.",
    },
)
_ACTIVITY = object_of(
    hours={"type": "array", "items": _HOUR, "description": "The oldest first."},
    whole_since_at={**_TIME, "description": "Where there was more mail than is counted: what is older is left out."},
    last_sent_at=_TIME,
)
_TENANT_LINE = object_of(
    tenant_id={"type": "string"},
    waiting=_COUNT,
    oldest_at={**_TIME, "description": "When the oldest of it was accepted."},
    held={**_COUNT, "description": "Counted up to 10,000."},
    unknown={**_COUNT, "description": "In doubt; counted up to 10,000."},
    sending=_COUNT,
)
_EXAMPLE = {"from": "news@example.com", "to": ["ann@example.org"]}


@router.post(
    "/explain",
    **answers(list_of("explanations", "Explanation"), "The way.", takes=ref("Message"), example=_EXAMPLE),
)
async def explain(actor: SettingsReader, desk: At, tenant: Chosen, values: Values, tongue: Tongue) -> Response:
    """Explain which way a message would go

    And where each value comes from. Nothing is sent. Told in the language of Accept-Language (English, German).
    """
    faults = Faults()
    draft = draft_from(values, faults)
    if faults:
        raise BadInput(faults)
    try:
        steps = desk.office.explain(actor, draft, tenant)
    except BadInput as error:
        raise in_json_names(error) from None
    told = [plain(step, "") | {"sentence": tell(step.sentence, tongue)} for step in steps]
    return json_answer({"explanations": told})


@router.get("/queue", **answers(list_of("queue", "QueueLine"), "What waits."))
async def read_queue(actor: Reader, desk: At, tenant: Chosen) -> Response:
    """See what waits, account by account"""
    lines = await asyncio.wrap_future(desk.reports.queue(actor, tenant))
    return json_answer({"queue": [reading.queue_json(line) for line in lines]})


@router.get("/queue/tenants", **answers(object_of(tenants={"type": "array", "items": _TENANT_LINE}), "What waits."))
async def read_queue_of_tenants(actor: Reader, desk: At) -> Response:
    """See what waits, tenant by tenant

    For somebody of the installation: every tenant that has something before it; for others their own.
    """
    lines = await asyncio.wrap_future(desk.reports.queue_of_tenants(actor))
    return json_answer({"tenants": [plain(line, "") for line in lines]})


class _Hours(TenantQuery):
    hours: int = Field(24, ge=1, le=168, description="How many, the present one included.")
    account: str = Field("", description="Only what goes or went through this account: its id or name.")
    sender: str = Field("", description="Only what is from this address.")


@router.get("/activity", **answers(_ACTIVITY, "Hour by hour."))
async def read_activity(actor: Reader, desk: At, query: Annotated[_Hours, FromQuery()]) -> Response:
    """See what became of the mail of the last hours

    Recipients, by the hour in which their message was accepted. For the installation: those of all tenants.
    """
    tenant = chosen(desk, query)
    number = desk.reports.account_number(actor, query.account, tenant)
    found = await asyncio.wrap_future(
        desk.reports.activity(actor, tenant, query.hours, account_id=number, sender=query.sender)
    )
    return json_answer(
        {
            "hours": [plain(one, "") for one in found.hours],
            "whole_since_at": moment(found.whole_since_ms),
            "last_sent_at": moment(found.last_sent_ms),
        }
    )


@router.get("/health", **answers(ref("Health"), "It lives; `status` says whether all is well."))
async def read_health(desk: At) -> Response:
    """See whether all is well

    Answers 200 as long as the process lives, also when the database does not. Tells nothing of any tenant.
    """
    return json_answer(reading.health_json(await asyncio.wrap_future(desk.reports.health())))


@router.get("/ready", **answers(ref("Health"), "It can take mail."))
async def read_ready(desk: At) -> Response:
    """See whether mail can be taken

    503 while it can't.
    """
    health = await asyncio.wrap_future(desk.reports.health())
    if not health.ready:
        raise StoreUnavailable(" ".join(health.problems))
    return json_answer(reading.health_json(health))
