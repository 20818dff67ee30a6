"""Around the accounts: another one like it, what its end would mean, the volume of a day, the list as CSV."""

from __future__ import annotations

import asyncio
import dataclasses

from fastapi import APIRouter, Response

from postroom.office.account_end import AccountEnd
from postroom.web.api.account_table import account_csv
from postroom.web.api.accounts import account_json
from postroom.web.api.answers import plain
from postroom.web.api.describing import answers, json_answer, list_of, object_of, ref
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, words_of

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["accounts"], route_class=Route)

_COPY = object_of(name={"type": "string", "description": "What the copy is called; without it the next free name."}) | {
    "required": []
}
_CSV_MEDIA = "text/csv; charset=utf-8"
_CSV = {
    "responses": {
        "200": {
            "description": "A line for each account, after a line of titles.",
            "content": {_CSV_MEDIA: {"schema": {"type": "string"}}},
        }
    }
}


def end_json(end: AccountEnd) -> dict[str, object]:
    told = {name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(end).items()}
    return told | {"needs_heir": end.needs_heir, "sentences": list(end.sentences)}


@router.get("/volumes", **answers(list_of("volumes", "Volume"), "One for each account that had any mail."))
async def read_volumes(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """See how much mail each account had in the last 24 hours"""
    found = await asyncio.wrap_future(desk.reports.volumes(actor, tenant))
    return json_answer({"volumes": [plain(one, "") for one in found.values()]})


@router.get("/accounts.csv", response_class=Response, openapi_extra=_CSV)
async def export_accounts(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Download the list of accounts

    In CSV, with the health and the last 24 hours of each. A value that a spreadsheet would take for a formula has an
    apostrophe before it.
    """
    views = await asyncio.wrap_future(desk.office.accounts(actor, tenant))
    volumes = await asyncio.wrap_future(desk.reports.volumes(actor, tenant))
    headers = {"content-disposition": 'attachment; filename="accounts.csv"'}
    return Response(account_csv(views, volumes), headers=headers, media_type=_CSV_MEDIA)


@router.post(
    "/accounts/{account}/duplicate",
    **answers(ref("Account"), "It is made.", status=201, takes=_COPY, example={}, may_be_empty=True),
)
async def duplicate_account(
    account: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues
) -> Response:
    """Make another account like this one

    With all its settings, but without what was typed for this one alone: its password has to be typed again.
    """
    name = words_of(values, {"name": ""})["name"]
    made = account_json(await desk.office.duplicate_account(actor, account, name, tenant))
    return json_answer(made, 201, {"location": f"/v1/accounts/{made['id']}"})


@router.get("/accounts/{account}/end", **answers(ref("AccountEnd"), "What would follow."))
async def foresee_end(account: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """See what deleting an account would mean

    What waits in it and who uses it at this moment. Nothing is changed.
    """
    return json_answer(end_json(await asyncio.wrap_future(desk.office.account_end(actor, account, tenant))))
