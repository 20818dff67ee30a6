"""`/versions`, `/comparison`, `/return` below what has versions, and `/deleted`: what was changed, and going back."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from postroom.errors import BadInput
from postroom.ids import encode
from postroom.model.version import Version
from postroom.office.versions import Compared, Deleted, Returned
from postroom.web.api.answers import moment, plain_value
from postroom.web.api.describing import answers, json_answer, list_of, object_of, ref
from postroom.web.api.faults import Faults
from postroom.web.api.login import ApplicationManager, SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, TenantQuery, Values, chosen, tenant_number
from postroom.web.api.requests import Query as StrictQuery

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["versions"], route_class=Route)

_VERSION = object_of(version={"type": "integer", "description": "The version to return to."})
_ANY_VERSION = object_of(version={"type": "integer", "description": "Which; without it the last one."}) | {
    "required": []
}
_LETTERS = {
    "account": "a",
    "sender": "s",
    "connector": "x",
    "kind": "d",
    "webhook": "h",
    "template": "v",
    "layout": "l",
    "mailbox": "z",
}
_LARGEST = 1 << 62
_LISTED = answers(list_of("versions", "Version"), "The versions, the newest first.")
_COMPARED = answers(ref("Comparison"), "What differs.")
_RETURNED = answers(ref("Returned"), "It is as it was.", takes=_VERSION, example={"version": 1})


class _Pair(StrictQuery):
    before: int | None = Field(None, ge=1, le=_LARGEST, description="The earlier one. Without it: the one before.")
    after: int | None = Field(None, ge=1, le=_LARGEST, description="The later one. Without it: the present one.")


class _PairOfTenant(TenantQuery, _Pair):
    pass


def _version_json(version: Version) -> dict[str, Any]:
    return {
        "version": version.version,
        "at": moment(version.at_ms),
        "who": version.who,
        "deleted": version.deleted,
        "values": _values(version),
    }


def _values(version: Version) -> dict[str, Any]:
    return {name: plain_value(name, value) for name, value in version.values.items()}


def _deleted_json(found: Deleted) -> dict[str, Any]:
    mark, last = found.mark, found.last
    return {
        "id": encode(_LETTERS[mark.noun], mark.noun_id),
        "noun": mark.noun,
        "name": last.values.get("address" if mark.noun == "sender" else "name", ""),
        "at": moment(mark.at_ms),
        "who": mark.who,
        "version": last.version,
        "values": _values(last),
    }


def _compared_json(found: Compared) -> dict[str, Any]:
    return {
        "before": found.before.version,
        "after": found.after.version,
        "at": moment(found.after.at_ms),
        "who": found.after.who,
        "differences": [
            {
                "field": one.field,
                "before": plain_value(one.field, one.before),
                "after": plain_value(one.field, one.after),
            }
            for one in found.differences
        ],
    }


def _version_of(values: dict[str, Any]) -> int:
    faults = Faults()
    for name in values.keys() - {"version"}:
        faults.unknown("", name, ("version",), {})
    version = values.get("version")
    if type(version) is not int or not 0 < version <= _LARGEST:
        faults.add("version", "is no number of a version.", "Look it up in the list of versions.")
    if faults or not isinstance(version, int):
        raise BadInput(faults)
    return version


async def _list(desk: At, actor: Any, noun: str, thing: str | int, tenant: int | None) -> Response:
    found = await asyncio.wrap_future(desk.office.versions(actor, noun, thing, tenant))
    return json_answer({"versions": [_version_json(one) for one in found]})


async def _compare(desk: At, actor: Any, noun: str, thing: str | int, pair: _Pair, tenant: int | None) -> Response:
    found = await asyncio.wrap_future(desk.office.compare(actor, noun, thing, pair.before, pair.after, tenant))
    return json_answer(_compared_json(found))


async def _return(
    desk: At, actor: Any, noun: str, thing: str | int, values: dict[str, Any], tenant: int | None
) -> Response:
    version = _version_of(values)
    done: Returned = await asyncio.wrap_future(desk.office.return_to(actor, noun, thing, version, tenant))
    return json_answer(dataclasses.asdict(done))


@router.get("/accounts/{account}/versions", **_LISTED)
async def list_account_versions(account: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the versions of an account"""
    return await _list(desk, actor, "account", account, tenant)


@router.get("/accounts/{account}/comparison", **_COMPARED)
async def compare_account_versions(
    account: str, actor: SettingsReader, desk: At, query: Annotated[_PairOfTenant, Query()]
) -> Response:
    """Compare two versions of an account"""
    return await _compare(desk, actor, "account", account, query, chosen(desk, query))


@router.post("/accounts/{account}/return", **_RETURNED)
async def return_account(account: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Return to a version of an account

    A password never travels back: where the server, port, encryption or user differs, the kept one is deleted, and
    `secret_dropped` says so.
    """
    return await _return(desk, actor, "account", account, values, tenant)


@router.get("/senders/{sender}/versions", **_LISTED)
async def list_sender_versions(sender: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the versions of a sender"""
    return await _list(desk, actor, "sender", sender, tenant)


@router.get("/senders/{sender}/comparison", **_COMPARED)
async def compare_sender_versions(
    sender: str, actor: SettingsReader, desk: At, query: Annotated[_PairOfTenant, Query()]
) -> Response:
    """Compare two versions of a sender"""
    return await _compare(desk, actor, "sender", sender, query, chosen(desk, query))


@router.post("/senders/{sender}/return", **_RETURNED)
async def return_sender(sender: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Return to a version of a sender"""
    return await _return(desk, actor, "sender", sender, values, tenant)


@router.get("/connectors/{connector}/versions", **_LISTED)
async def list_connector_versions(connector: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the versions of a connector"""
    return await _list(desk, actor, "connector", connector, tenant)


@router.get("/connectors/{connector}/comparison", **_COMPARED)
async def compare_connector_versions(
    connector: str, actor: SettingsReader, desk: At, query: Annotated[_PairOfTenant, Query()]
) -> Response:
    """Compare two versions of a connector"""
    return await _compare(desk, actor, "connector", connector, query, chosen(desk, query))


@router.post("/connectors/{connector}/return", **_RETURNED)
async def return_connector(connector: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Return to a version of a connector

    A secret never travels back: where the kind, host, port or user differs, the kept one is deleted.
    """
    return await _return(desk, actor, "connector", connector, values, tenant)


@router.get("/kinds/{kind}/versions", **_LISTED)
async def list_kind_versions(kind: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the versions of a kind of mail"""
    return await _list(desk, actor, "kind", kind, tenant)


@router.get("/kinds/{kind}/comparison", **_COMPARED)
async def compare_kind_versions(
    kind: str, actor: SettingsReader, desk: At, query: Annotated[_PairOfTenant, Query()]
) -> Response:
    """Compare two versions of a kind of mail"""
    return await _compare(desk, actor, "kind", kind, query, chosen(desk, query))


@router.post("/kinds/{kind}/return", **_RETURNED)
async def return_kind(kind: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Return to a version of a kind of mail"""
    return await _return(desk, actor, "kind", kind, values, tenant)


@router.get("/webhooks/{webhook}/versions", **_LISTED)
async def list_webhook_versions(webhook: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the versions of a webhook"""
    return await _list(desk, actor, "webhook", webhook, tenant)


@router.get("/webhooks/{webhook}/comparison", **_COMPARED)
async def compare_webhook_versions(
    webhook: str, actor: SettingsReader, desk: At, query: Annotated[_PairOfTenant, Query()]
) -> Response:
    """Compare two versions of a webhook"""
    return await _compare(desk, actor, "webhook", webhook, query, chosen(desk, query))


@router.post("/webhooks/{webhook}/return", **_RETURNED)
async def return_webhook(webhook: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Return to a version of a webhook"""
    return await _return(desk, actor, "webhook", webhook, values, tenant)


@router.get("/templates/{template}/versions", **_LISTED)
async def list_template_versions(template: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the versions of a template"""
    return await _list(desk, actor, "template", template, tenant)


@router.get("/templates/{template}/comparison", **_COMPARED)
async def compare_template_versions(
    template: str, actor: SettingsReader, desk: At, query: Annotated[_PairOfTenant, Query()]
) -> Response:
    """Compare two versions of a template"""
    return await _compare(desk, actor, "template", template, query, chosen(desk, query))


@router.post("/templates/{template}/return", **_RETURNED)
async def return_template(template: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Return to a version of a template"""
    return await _return(desk, actor, "template", template, values, tenant)


@router.get("/layouts/{layout}/versions", **_LISTED)
async def list_layout_versions(layout: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the versions of a layout"""
    return await _list(desk, actor, "layout", layout, tenant)


@router.get("/layouts/{layout}/comparison", **_COMPARED)
async def compare_layout_versions(
    layout: str, actor: SettingsReader, desk: At, query: Annotated[_PairOfTenant, Query()]
) -> Response:
    """Compare two versions of a layout"""
    return await _compare(desk, actor, "layout", layout, query, chosen(desk, query))


@router.post("/layouts/{layout}/return", **_RETURNED)
async def return_layout(layout: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Return to a version of a layout"""
    return await _return(desk, actor, "layout", layout, values, tenant)


@router.get("/tenants/{tenant}/versions", **_LISTED)
async def list_tenant_versions(tenant: str, actor: SettingsReader, desk: At) -> Response:
    """List the versions of a tenant's settings"""
    return await _list(desk, actor, "tenant", tenant_number(desk, tenant), None)


@router.get("/tenants/{tenant}/comparison", **_COMPARED)
async def compare_tenant_versions(
    tenant: str, actor: SettingsReader, desk: At, query: Annotated[_Pair, Query()]
) -> Response:
    """Compare two versions of a tenant's settings"""
    return await _compare(desk, actor, "tenant", tenant_number(desk, tenant), query, None)


@router.post("/tenants/{tenant}/return", **_RETURNED)
async def return_tenant(tenant: str, actor: SettingsWriter, desk: At, values: Values) -> Response:
    """Return to a version of a tenant's settings

    Whether it is suspended stays as it is.
    """
    return await _return(desk, actor, "tenant", tenant_number(desk, tenant), values, None)


@router.get("/applications/{application}/versions", **_LISTED)
async def list_application_versions(application: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the versions of an application"""
    return await _list(desk, actor, "application", application, tenant)


@router.get("/applications/{application}/comparison", **_COMPARED)
async def compare_application_versions(
    application: str, actor: SettingsReader, desk: At, query: Annotated[_PairOfTenant, Query()]
) -> Response:
    """Compare two versions of an application"""
    return await _compare(desk, actor, "application", application, query, chosen(desk, query))


@router.post("/applications/{application}/return", **_RETURNED)
async def return_application(
    application: str, actor: ApplicationManager, desk: At, tenant: Chosen, values: Values
) -> Response:
    """Return to a version of an application

    Whether it is suspended stays as it is, and so do its keys.
    """
    return await _return(desk, actor, "application", application, values, tenant)


@router.get("/mailboxes/{mailbox}/versions", **_LISTED)
async def list_mailbox_versions(mailbox: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the versions of a mailbox"""
    return await _list(desk, actor, "mailbox", mailbox, tenant)


@router.get("/mailboxes/{mailbox}/comparison", **_COMPARED)
async def compare_mailbox_versions(
    mailbox: str, actor: SettingsReader, desk: At, query: Annotated[_PairOfTenant, Query()]
) -> Response:
    """Compare two versions of a mailbox"""
    return await _compare(desk, actor, "mailbox", mailbox, query, chosen(desk, query))


@router.post("/mailboxes/{mailbox}/return", **_RETURNED)
async def return_mailbox(mailbox: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Return to a version of a mailbox

    A password never travels back: where the server, port, encryption or user differs, the kept one is deleted.
    """
    return await _return(desk, actor, "mailbox", mailbox, values, tenant)


@router.get("/deleted", **answers(list_of("deleted", "Deleted"), "What was deleted last comes first."))
async def list_deleted(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the deleted accounts and senders"""
    found = await asyncio.wrap_future(desk.office.deleted(actor, tenant))
    return json_answer({"deleted": [_deleted_json(one) for one in found]})


@router.get("/deleted/{thing}/versions", **_LISTED)
async def list_deleted_versions(thing: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the versions of a deleted account or sender"""
    found = await asyncio.wrap_future(desk.office.deleted_versions(actor, thing, tenant))
    return json_answer({"versions": [_version_json(one) for one in found]})


@router.post(
    "/deleted/{thing}/restore",
    **answers(ref("Restored"), "It is there again.", takes=_ANY_VERSION, example={}, may_be_empty=True, conflicts=True),
)
async def restore_deleted(
    thing: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues
) -> Response:
    """Restore a deleted account or sender

    By its id, which it keeps. A password went with it and has to be typed again.
    """
    version = _version_of(values) if values else None
    done = await asyncio.wrap_future(desk.office.restore_deleted(actor, thing, version, tenant))
    shown = {"id": encode(_LETTERS[done.noun], done.id), "noun": done.noun}
    return json_answer(shown | dataclasses.asdict(done.returned))
