"""`/v1/settings`: what holds for all mail of a tenant, where each value comes from, and changing it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from fastapi import APIRouter, Response

from postroom.model.tenant import Tenant
from postroom.policy.sourced import Sourced
from postroom.web.api.answers import plain, plain_value
from postroom.web.api.describing import answers, json_answer, object_of, ref
from postroom.web.api.login import Administrator, SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, Route, Values
from postroom.web.desk import Desk

__all__ = ["router", "tenant_json"]

router = APIRouter(prefix="/v1/settings", tags=["settings"], route_class=Route)

_SEALED = object_of(sealed={"type": "integer", "description": "How many stored passwords were sealed anew."})
_EXAMPLE = {"mode": "smtp", "sending": "background", "content_days": 30}


def tenant_json(desk: Desk, tenant: Tenant) -> dict[str, Any]:
    """A tenant: what is set for it, and what holds with its source."""
    held = desk.office.snapshot.settings(tenant.id)
    effective = {}
    for field in dataclasses.fields(held):
        sourced: Sourced[Any] = getattr(held, field.name)
        effective[field.name] = {"value": plain_value(field.name, sourced.value), "source": sourced.source}
    return plain(tenant, "t") | {"effective": effective}


@router.get("", **answers(ref("Tenant"), "The settings."))
async def read_settings(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read the settings

    `settings` is what is set for the tenant itself, `effective` what holds and where it comes from.
    """
    return json_answer(tenant_json(desk, await asyncio.wrap_future(desk.office.tenant(actor, tenant))))


@router.patch(
    "", **answers(ref("Tenant"), "They are changed.", takes=ref("SettingsValues"), example=_EXAMPLE, conflicts=True)
)
async def change_settings(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change settings

    What is not named stays; null inherits again.
    """
    changed = await asyncio.wrap_future(desk.office.change_tenant(actor, values, tenant))
    return json_answer(tenant_json(desk, changed))


@router.post("/rotate-key", **answers(_SEALED, "There is a new key, and it seals everything.", conflicts=True))
async def rotate_key(actor: Administrator, desk: At) -> Response:
    """Make a new key in the key ring, and seal every stored password with it

    For the installation's administrator. The old keys stay in the ring, for backups.
    """
    sealing = await asyncio.to_thread(desk.office.rotate_key, actor)
    return json_answer({"sealed": await asyncio.wrap_future(sealing)})
