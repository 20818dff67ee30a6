"""`/v1/checks`: what is wrong, unwise or soon over, since when, and how to mend it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Query as FromQuery
from pydantic import Field

from postroom.model.problem import Problem
from postroom.policy.checks import catalogue, told
from postroom.web.api.answers import identity, moment
from postroom.web.api.describing import answers, json_answer, ref
from postroom.web.api.login import SettingsReader
from postroom.web.api.requests import At, Route, TenantQuery, Tongue, chosen

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["insight"], route_class=Route)


class _Asked(TenantQuery):
    everywhere: bool = Field(False, description="For the installation's administrator: of all tenants together.")


@router.get("/checks", **answers(ref("Checks"), "What there is to say."))
async def read_checks(
    query: Annotated[_Asked, FromQuery()], actor: SettingsReader, desk: At, language: Tongue
) -> Response:
    """See what is wrong, unwise or soon over

    It is looked at afresh. `problem`: mail does not leave, or soon will not; `warning`: somebody should look; `note`:
    worth knowing. What was wrong in the last month is in `over`.
    """
    future = desk.office.problems(actor, chosen(desk, query), everywhere=query.everywhere)
    looked = await asyncio.wrap_future(future)
    names = {one.id: one.name for one in desk.office.snapshot.tenants.values()}
    return json_answer(
        {
            "worst": None if looked.worst is None else looked.worst.value,
            "looked_at": moment(looked.at_ms),
            "problems": [_json(one, language, names) for one in looked.problems],
            "over": [_json(one, language, names) for one in looked.over],
        }
    )


def _json(one: Problem, language: str, names: dict[int, str]) -> dict[str, Any]:
    words, finding = told(one.finding, language), one.finding
    return {
        "id": one.key,
        "check": finding.check,
        "weight": one.weight.value,
        "stops": catalogue()[finding.check].stops,
        "tenant_id": identity("t", finding.tenant_id),
        "tenant": names.get(finding.tenant_id, ""),
        "subject": finding.subject,
        "about": words.about,
        "what": words.what,
        "ask": words.ask,
        "mend": words.mend,
        "command": words.command,
        "field": words.field,
        "since_at": moment(one.since_ms),
        "over_at": moment(one.ended_ms),
    }
