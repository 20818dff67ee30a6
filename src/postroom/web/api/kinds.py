"""`/v1/kinds`: what a tenant's mail is about, and how its recipients get it when they say nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from postroom.model.kind import Kind
from postroom.web.api.answers import plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, ref
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, Route, Values

__all__ = ["router"]

router = APIRouter(prefix="/v1/kinds", tags=["kinds"], route_class=Route)

_EXAMPLE = {
    "name": "newsletter",
    "title": "Newsletter",
    "description": "What is new, once a month.",
    "bulk": True,
    "way": "daily",
}


def _json(kind: Kind) -> dict[str, Any]:
    return plain(kind, "d")


@router.get("", **answers(list_of("kinds", "Kind"), "The kinds."))
async def list_kinds(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the kinds of mail

    The tenant's own, and those that it inherits from the installation.
    """
    found = await asyncio.wrap_future(desk.office.kinds(actor, tenant))
    return json_answer({"kinds": [_json(kind) for kind in found]})


@router.post("", **answers(ref("Kind"), "It is made.", status=201, takes=ref("KindValues"), example=_EXAMPLE))
async def create_kind(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a kind of mail

    Applications name it in a message's `kind`. A message of no kind, or of one that is not made, leaves at once.
    """
    made = _json(await asyncio.wrap_future(desk.office.create_kind(actor, values, tenant)))
    return json_answer(made, 201, {"location": f"/v1/kinds/{made['id']}"})


@router.get("/{kind}", **answers(ref("Kind"), "The kind."))
async def read_kind(kind: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read a kind of mail, by id or name"""
    return json_answer(_json(await asyncio.wrap_future(desk.office.kind(actor, kind, tenant))))


@router.patch("/{kind}", **answers(ref("Kind"), "It is changed.", takes=ref("KindValues"), example={"way": "weekly"}))
async def change_kind(kind: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change a kind of mail

    What is not named stays. Its name can't be changed: applications name it, and recipients chose by it.
    """
    return json_answer(_json(await asyncio.wrap_future(desk.office.change_kind(actor, kind, values, tenant))))


@router.delete("/{kind}", **answers_nothing("It is deleted."))
async def delete_kind(kind: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Delete a kind of mail

    Mail that names it leaves at once from then on. What recipients chose is kept, should it be made again.
    """
    await asyncio.wrap_future(desk.office.delete_kind(actor, kind, tenant))
    return Response(status_code=204)
