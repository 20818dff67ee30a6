"""`/v1/senders`: the addresses mail may leave from."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from postroom.office.views import SenderView
from postroom.web.api.answers import plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, ref
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, Route, Values
from postroom.web.desk import Desk

__all__ = ["router"]

router = APIRouter(prefix="/v1/senders", tags=["senders"], route_class=Route)

_EXAMPLE = {"address": "Support <support@example.com>", "reply_to": "office@example.com"}


def _json(desk: Desk, view: SenderView) -> dict[str, Any]:
    account = desk.office.snapshot.accounts.get(view.sender.account_id or 0)
    return plain(view.sender, "s") | {"account": account and account.name, "default": view.is_default}


@router.get("", **answers(list_of("senders", "Sender"), "The senders."))
async def list_senders(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the senders"""
    found = await asyncio.wrap_future(desk.office.senders(actor, tenant))
    return json_answer({"senders": [_json(desk, view) for view in found]})


@router.post("", **answers(ref("Sender"), "It is made.", status=201, takes=ref("SenderValues"), example=_EXAMPLE))
async def create_sender(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a sender

    The first one becomes the tenant's default.
    """
    made = _json(desk, await asyncio.wrap_future(desk.office.create_sender(actor, values, tenant)))
    return json_answer(made, 201, {"location": f"/v1/senders/{made['id']}"})


@router.get("/{sender}", **answers(ref("Sender"), "The sender."))
async def read_sender(sender: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read a sender, by id or address"""
    return json_answer(_json(desk, await asyncio.wrap_future(desk.office.sender(actor, sender, tenant))))


@router.patch(
    "/{sender}", **answers(ref("Sender"), "It is changed.", takes=ref("SenderValues"), example={"name": "News"})
)
async def change_sender(sender: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change a sender

    What is not named stays.
    """
    view = await asyncio.wrap_future(desk.office.change_sender(actor, sender, values, tenant))
    return json_answer(_json(desk, view))


@router.delete("/{sender}", **answers_nothing("It is deleted.", conflicts=True))
async def delete_sender(sender: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Delete a sender

    Mail that was accepted from it still leaves.
    """
    await asyncio.wrap_future(desk.office.delete_sender(actor, sender, tenant))
    return Response(status_code=204)


@router.post("/{sender}/default", **answers(ref("Sender"), "It is the default now."))
async def set_default_sender(sender: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Make a sender the default"""
    view = await asyncio.wrap_future(desk.office.set_default_sender(actor, sender, tenant))
    return json_answer(_json(desk, view))


@router.post("/{sender}/release", **answers(ref("Sender"), "Its mail goes on."))
async def release_sender(sender: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Release the held mail of a sender

    For mail that was held because the server did not let this address send, once that is mended.
    """
    view = await asyncio.wrap_future(desk.office.release_sender(actor, sender, tenant))
    return json_answer(_json(desk, view))
