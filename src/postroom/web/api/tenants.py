"""`/v1/tenants`, `/v1/applications`, `/v1/keys`: who may hand mail over, and on whose behalf."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Query as FromQuery
from pydantic import Field

from postroom.clock import parse_iso
from postroom.errors import BadInput
from postroom.model.application import Application, Key, Scope
from postroom.model.deletion import Content, Waiting
from postroom.web.api.answers import plain
from postroom.web.api.describing import answers, json_answer, list_of, object_of, ref
from postroom.web.api.faults import Faults
from postroom.web.api.login import ApplicationManager, SettingsReader, SettingsWriter, TenantManager
from postroom.web.api.requests import At, Chosen, Query, Route, Values, tenant_number, words_of
from postroom.web.api.settings import tenant_json

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["tenants"], route_class=Route)

_NAME = object_of(name={"type": "string", "description": "What people call it."})
_KEY = object_of(
    scopes={"type": "array", "items": {"type": "string", "enum": [scope.value for scope in Scope]}},
    expires_at={"type": "string", "format": "date-time", "description": "Without it: never."},
) | {"required": ["scopes"]}


@router.get("/tenants", **answers(list_of("tenants", "Tenant"), "The tenants."))
async def list_tenants(actor: SettingsReader, desk: At) -> Response:
    """List the tenants

    All of them for the installation's administrator, its own for everybody else.
    """
    found = await asyncio.wrap_future(desk.office.tenants(actor))
    return json_answer({"tenants": [tenant_json(desk, tenant) for tenant in found]})


@router.post(
    "/tenants",
    **answers(ref("Tenant"), "It is made.", status=201, takes=_NAME, example={"name": "Acme"}, conflicts=True),
)
async def create_tenant(actor: TenantManager, desk: At, values: Values) -> Response:
    """Make a tenant

    For the installation's administrator. It inherits everything, and has no key yet.
    """
    name = words_of(values, {"name": None})["name"]
    made = tenant_json(desk, await asyncio.wrap_future(desk.office.create_tenant(actor, name)))
    return json_answer(made, 201, {"location": f"/v1/tenants/{made['id']}"})


@router.get("/tenants/{tenant}", **answers(ref("Tenant"), "The tenant."))
async def read_tenant(tenant: str, actor: SettingsReader, desk: At) -> Response:
    """Read a tenant, by id or name"""
    found = await asyncio.wrap_future(desk.office.tenant(actor, tenant_number(desk, tenant)))
    return json_answer(tenant_json(desk, found))


@router.patch(
    "/tenants/{tenant}",
    **answers(ref("Tenant"), "It is changed.", takes=ref("SettingsValues"), example={"mode": "smtp"}, conflicts=True),
)
async def change_tenant(tenant: str, actor: SettingsWriter, desk: At, values: Values) -> Response:
    """Change a tenant

    Its name, its settings, and whether it is suspended. What is not named stays; null inherits again.
    """
    changed = await asyncio.wrap_future(desk.office.change_tenant(actor, values, tenant_number(desk, tenant)))
    return json_answer(tenant_json(desk, changed))


class _Deleting(Query):
    confirm: str = Field("", description="The tenant's name, to be sure that this one is meant.")
    waiting: Waiting | None = Field(
        None,
        description="What becomes of mail that has not left: `cancel` takes it back; `send-first` takes nothing new in "
        "and deletes once all has left: ask again until `done`. Needed only while there is some.",
    )
    content: Content = Field(
        Content.KEEP,
        description="`keep` keeps the log and the contents for as long as the tenant's retention says; `delete` "
        "deletes them now.",
    )


@router.delete("/tenants/{tenant}", **answers(ref("Deletion"), "What was done.", conflicts=True))
async def delete_tenant(
    tenant: str, actor: TenantManager, desk: At, query: Annotated[_Deleting, FromQuery()]
) -> Response:
    """Delete a tenant with everything it has

    For the installation's administrator. Without the right name, or while mail waits and nothing is said of it, the
    answer is a conflict that names the counts. A call that was cut short is gone on with by making it again.
    """
    number = tenant_number(desk, tenant)
    deleting = desk.office.delete_tenant(
        actor, number, confirm=query.confirm, waiting=query.waiting, content=query.content
    )
    done = await asyncio.wrap_future(deleting)
    return json_answer(dataclasses.asdict(done))


def _application(application: Application) -> dict[str, Any]:
    return plain(application, "p")


@router.get("/applications", **answers(list_of("applications", "Application"), "The applications."))
async def list_applications(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the applications"""
    found = await asyncio.wrap_future(desk.office.applications(actor, tenant))
    return json_answer({"applications": [_application(one) for one in found]})


@router.post(
    "/applications",
    **answers(
        ref("Application"),
        "It is made.",
        status=201,
        takes=ref("ApplicationValues"),
        example={"name": "Shop"},
        conflicts=True,
    ),
)
async def create_application(actor: ApplicationManager, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make an application"""
    others = {name: value for name, value in values.items() if name != "name"}
    made = desk.office.create_application(actor, values.get("name", ""), tenant, others)
    return json_answer(_application(await asyncio.wrap_future(made)), 201)


@router.patch(
    "/applications/{application}",
    **answers(
        ref("Application"),
        "It is changed.",
        takes=ref("ApplicationValues"),
        example={"suspended": False, "senders": ["news@example.com"]},
        conflicts=True,
    ),
)
async def change_application(
    application: str, actor: ApplicationManager, desk: At, tenant: Chosen, values: Values
) -> Response:
    """Change an application, suspend it, or let it work again

    What is not named stays. Mail that was accepted before is not touched.
    """
    changed = desk.office.change_application(actor, application, values, tenant)
    return json_answer(_application(await asyncio.wrap_future(changed)))


@router.post(
    "/applications/{application}/keys",
    **answers(
        ref("NewKey"),
        "It is made; `key` is shown this one time.",
        status=201,
        takes=_KEY,
        example={"scopes": ["messages:send", "messages:read"]},
    ),
)
async def create_key(application: str, actor: ApplicationManager, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a key for an application, by its id or name"""
    scopes, expires_ms = _key_values(values)
    made = await asyncio.wrap_future(desk.office.create_key(actor, application, scopes, expires_ms, tenant))
    names = {made.key.application_id: application}
    found = await asyncio.wrap_future(desk.office.applications(actor, tenant))
    names |= {one.id: one.name for one in found}
    return json_answer({"key": made.text} | _key(made.key, names), 201)


def _key_values(values: dict[str, Any]) -> tuple[list[str], int | None]:
    faults = Faults()
    for name in values:
        if name not in _KEY["properties"]:
            faults.unknown("", name, _KEY["properties"], {})
    scopes, expires = values.get("scopes"), values.get("expires_at")
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        faults.add("scopes", "is no list of scopes.", 'Write ["messages:send"].')
        scopes = []
    expires_ms = None
    if expires is not None:
        try:
            expires_ms = parse_iso(expires if isinstance(expires, str) else "")
        except ValueError as error:
            faults.add("expires_at", f"{error}.", "Leave it out for a key without an end.")
    if faults:
        raise BadInput(faults)
    return scopes, expires_ms


def _key(key: Key, names: dict[int, str]) -> dict[str, Any]:
    return plain(key, "k") | {"application": names.get(key.application_id, "")}


@router.get("/keys", **answers(list_of("keys", "Key"), "The keys."))
async def list_keys(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the keys

    Revoked ones too; never the keys themselves.
    """
    found = await asyncio.wrap_future(desk.office.keys(actor, tenant))
    names = {one.id: one.name for one in await asyncio.wrap_future(desk.office.applications(actor, tenant))}
    return json_answer({"keys": [_key(key, names) for key in found]})


@router.delete("/keys/{key}", **answers(ref("Key"), "It is refused from now on."))
async def revoke_key(key: str, actor: ApplicationManager, desk: At, tenant: Chosen) -> Response:
    """Revoke a key, by its id or prefix"""
    revoked = await asyncio.wrap_future(desk.office.revoke_key(actor, key, tenant))
    names = {one.id: one.name for one in await asyncio.wrap_future(desk.office.applications(actor, tenant))}
    return json_answer(_key(revoked, names))
