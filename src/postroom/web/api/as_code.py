"""`/v1/settings/export`, `plan` and `import`: settings as code."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from postroom.errors import BadInput
from postroom.model.plan import Plan
from postroom.web.api.answers import plain_value
from postroom.web.api.describing import answers, json_answer, object_of, ref
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, Route, Values

__all__ = ["TOML", "router"]

router = APIRouter(prefix="/v1/settings", tags=["settings"], route_class=Route)

TOML = "application/toml"
_EXPORTED: dict[str, Any] = {
    "responses": {"200": {"description": "The file.", "content": {TOML: {"schema": {"type": "string"}}}}}
}
_FILE = {"type": "string", "description": "The whole file, as `export` writes it."}
_PRUNE = {
    "type": "boolean",
    "default": False,
    "description": "Delete what is of a kind that the file has tables for, but not in it. Applications are suspended.",
}
_FORCE = {
    "type": "boolean",
    "default": False,
    "description": "Let a tenant's own server become the default although no test message has left through it.",
}
_PLAN = object_of(toml=_FILE, prune=_PRUNE) | {"required": ["toml"]}
_IMPORT = object_of(toml=_FILE, prune=_PRUNE, force=_FORCE) | {"required": ["toml"]}
_EXAMPLE = {"toml": '[accounts."Main relay"]\nhost = "smtp.example.com"\n'}


@router.get("/export", openapi_extra=_EXPORTED)
async def export_settings(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Write the settings out as TOML

    Accounts, senders, applications and what is set for the tenant itself; no password and no key.
    """
    text = await asyncio.wrap_future(desk.office.export(actor, tenant))
    return Response(text.encode(), media_type=TOML)


@router.post("/plan", **answers(ref("Plan"), "What would change.", takes=_PLAN, example=_EXAMPLE, conflicts=True))
async def plan_settings(actor: SettingsReader, desk: At, tenant: Chosen, values: Values) -> Response:
    """See what importing a file would change, field by field

    Nothing is changed. A thing in the file is wholly what stands there; what is not in it stays.
    """
    text, flags = _given(values, ("prune",))
    planning = await asyncio.to_thread(desk.office.plan, actor, text, **flags, tenant_id=tenant)
    return json_answer(_plan_json(await asyncio.wrap_future(planning)))


@router.post("/import", **answers(ref("Plan"), "It is taken over.", takes=_IMPORT, example=_EXAMPLE, conflicts=True))
async def import_settings(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Take over settings from TOML: all of the file, or nothing

    Elixeum's keys (`SMTP.Server` and so on) are understood. A server that changes without a new password loses the
    kept one.
    """
    text, flags = _given(values, ("prune", "force"))
    importing = await asyncio.to_thread(desk.office.import_file, actor, text, **flags, tenant_id=tenant)
    return json_answer(_plan_json(await asyncio.wrap_future(importing)))


def _given(values: dict[str, Any], flags: tuple[str, ...]) -> tuple[str, dict[str, bool]]:
    faults = Faults()
    known = ("toml", *flags)
    for name in values:
        if name not in known:
            faults.unknown("", name, known, {})
    text = values.get("toml")
    if not isinstance(text, str):
        faults.add("toml", f"is {kind_of(text)}, but has to be text.", "Give the whole file as text.")
    for name in flags:
        if not isinstance(values.get(name, False), bool):
            faults.add(name, f"is {kind_of(values[name])}, but has to be true or false.", "Say true or false.")
    if faults or not isinstance(text, str):
        raise BadInput(faults)
    return text, {name: values.get(name, False) for name in flags}


def _plan_json(plan: Plan) -> dict[str, Any]:
    changes = [
        {
            "what": one.what.value,
            "noun": one.noun,
            "name": one.name,
            "fields": [
                {"field": each.field, "before": plain_value("", each.before), "after": plain_value("", each.after)}
                for each in one.fields
            ],
        }
        for one in plan.changes
    ]
    return {"changes": changes, "warnings": list(plan.warnings)}
