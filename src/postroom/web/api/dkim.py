"""`/v1/dkim-keys`: the keys that domains sign their mail with."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from postroom.office.dkim import DkimView
from postroom.web.api.answers import moment, plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, ref
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, Route, Values

__all__ = ["router"]

router = APIRouter(prefix="/v1/dkim-keys", tags=["dns"], route_class=Route)

_EXAMPLE = {"domain": "example.com", "algorithm": "rsa-sha256", "bits": 2048}


def _json(view: DkimView) -> dict[str, Any]:
    return plain(view.key, "y") | {
        "record": plain(view.record, ""),
        "signs": view.key.signs,
        "checked_at": moment(view.checked_ms),
        "seen": view.seen,
        "record_stays_until": moment(view.stays_until_ms),
    }


@router.get("", **answers(list_of("dkim_keys", "DkimKey"), "The keys, in the order of making."))
async def list_dkim_keys(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the DKIM keys"""
    found = await asyncio.wrap_future(desk.office.dkim_keys(actor, tenant))
    return json_answer({"dkim_keys": [_json(view) for view in found]})


@router.post(
    "",
    **answers(ref("DkimKey"), "It is made.", status=201, takes=ref("DkimKeyValues"), example=_EXAMPLE, conflicts=True),
)
async def create_dkim_key(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a DKIM key for a domain

    Set `record` in the domain's DNS. The key signs once that has been seen: Postroom looks for it every few minutes,
    and at once when asked to check. An RSA and an Ed25519 key of one domain both sign. The private key never comes out
    again.
    """
    made = _json(await desk.office.create_dkim_key(actor, values, tenant))
    return json_answer(made, 201, {"location": f"/v1/dkim-keys/{made['id']}"})


@router.get("/{dkim_key}", **answers(ref("DkimKey"), "The key."))
async def read_dkim_key(dkim_key: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read a DKIM key, by id or by the name of its record"""
    return json_answer(_json(await asyncio.wrap_future(desk.office.dkim_key(actor, dkim_key, tenant))))


@router.post("/{dkim_key}/check", **answers(ref("DkimKey"), "What was seen."))
async def check_dkim_key(dkim_key: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Look for a DKIM key's record now

    `seen` says what was found. A key that waited for its record signs from now on if that is right; the older key of
    the same kind retires then.
    """
    return json_answer(_json(await desk.office.check_dkim_key(actor, dkim_key, tenant)))


@router.post("/{dkim_key}/rotate", **answers(ref("DkimKey"), "Its successor.", status=201, conflicts=True))
async def rotate_dkim_key(dkim_key: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Make the successor of a DKIM key

    It has a selector of its own. The old key signs until the new one's record has been seen, and retires then.
    """
    made = _json(await desk.office.rotate_dkim_key(actor, dkim_key, tenant))
    return json_answer(made, 201, {"location": f"/v1/dkim-keys/{made['id']}"})


@router.post("/{dkim_key}/retire", **answers(ref("DkimKey"), "It signs no more."))
async def retire_dkim_key(dkim_key: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Retire a DKIM key

    Leave its record where it is until `record_stays_until`: mail that it signed is still being delivered and read.
    """
    return json_answer(_json(await asyncio.wrap_future(desk.office.retire_dkim_key(actor, dkim_key, tenant))))


@router.delete("/{dkim_key}", **answers_nothing("It is destroyed.", conflicts=True))
async def delete_dkim_key(dkim_key: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Delete a DKIM key that does not sign"""
    await asyncio.wrap_future(desk.office.delete_dkim_key(actor, dkim_key, tenant))
    return Response(status_code=204)
