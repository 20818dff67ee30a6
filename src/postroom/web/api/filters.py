"""`/v1/filters`: searches of the mailing log that people keep, for themselves or for the tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from postroom.errors import BadInput
from postroom.model.saved_filter import SavedFilter
from postroom.reports import Query
from postroom.web.api.answers import plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, object_of, ref
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.login import Reader
from postroom.web.api.requests import At, Chosen, Route, Values
from postroom.web.api.searching import SEARCH, search_json, search_of

__all__ = ["router", "schemas"]

router = APIRouter(prefix="/v1/filters", tags=["messages"], route_class=Route)

_TEXT: dict[str, Any] = {"type": "string"}
_SHARED = {"type": "boolean", "description": "Everybody of the tenant sees it. Needs the right to change settings."}
_VALUES = object_of(name=_TEXT | {"description": "What people call it."}, search=SEARCH, shared=_SHARED)
_CHANGES = _VALUES | {"required": []}
_NEW = _VALUES | {"required": ["name", "search"]}
_EXAMPLE = {"name": "Invoices that failed", "search": {"kind": "invoice", "state": "failed"}}


def schemas() -> dict[str, dict[str, Any]]:
    shape = object_of(
        id=_TEXT | {"description": "Like `o_…`."},
        tenant_id=_TEXT,
        name=_TEXT,
        shared=_SHARED,
        search=SEARCH,
        user_id={"anyOf": [_TEXT, {"type": "null"}], "description": "Whose it is; null: an application's."},
        created_at=_TEXT | {"format": "date-time"},
    )
    return {"Filter": shape | {"description": "A search that is kept."}}


def _json(one: SavedFilter) -> dict[str, Any]:
    return plain(one, "o") | {"search": search_json(one.search)}


@router.get("", **answers(list_of("filters", "Filter"), "The filters, by their names."))
async def list_filters(actor: Reader, desk: At, tenant: Chosen) -> Response:
    """List the searches that are kept

    One's own, and those that are shared.
    """
    found = await asyncio.wrap_future(desk.office.filters(actor, tenant))
    return json_answer({"filters": [_json(one) for one in found]})


@router.post("", **answers(ref("Filter"), "It is kept.", status=201, takes=_NEW, example=_EXAMPLE, conflicts=True))
async def create_filter(actor: Reader, desk: At, tenant: Chosen, values: Values) -> Response:
    """Keep a search of the log under a name

    For oneself, or shared; what a key keeps is always shared.
    """
    name, query, shared = _asked(values, new=True)
    making = desk.office.create_filter(actor, name or "", query or Query(), tenant, shared=bool(shared))
    made = _json(await asyncio.wrap_future(making))
    return json_answer(made, 201, {"location": f"/v1/filters/{made['id']}"})


@router.get("/{filter}", **answers(ref("Filter"), "The filter."))
async def read_filter(filter: str, actor: Reader, desk: At, tenant: Chosen) -> Response:  # noqa: A002
    """Read a kept search, by id or name"""
    return json_answer(_json(await asyncio.wrap_future(desk.office.saved_filter(actor, filter, tenant))))


@router.patch(
    "/{filter}", **answers(ref("Filter"), "It is changed.", takes=_CHANGES, example={"name": "Bad"}, conflicts=True)
)
async def change_filter(filter: str, actor: Reader, desk: At, tenant: Chosen, values: Values) -> Response:  # noqa: A002
    """Change a kept search

    What is not named stays; a search is replaced as a whole.
    """
    name, query, shared = _asked(values, new=False)
    changing = desk.office.change_filter(actor, filter, tenant, name=name, query=query, shared=shared)
    return json_answer(_json(await asyncio.wrap_future(changing)))


@router.delete("/{filter}", **answers_nothing("It is deleted."))
async def delete_filter(filter: str, actor: Reader, desk: At, tenant: Chosen) -> Response:  # noqa: A002
    """Delete a kept search"""
    await asyncio.wrap_future(desk.office.delete_filter(actor, filter, tenant))
    return Response(status_code=204)


def _asked(values: Mapping[str, Any], *, new: bool) -> tuple[str | None, Query | None, bool | None]:
    """Raises BadInput with every fault."""
    faults = Faults()
    for name in values:
        if name not in _VALUES["properties"]:
            faults.unknown("", name, tuple(_VALUES["properties"]), {})
    called, shared = values.get("name"), values.get("shared")
    if called is not None and not isinstance(called, str):
        faults.add("name", f"is {kind_of(called)}, but has to be text.", "Give text in quotes.")
    if shared is not None and not isinstance(shared, bool):
        faults.add("shared", f"is {kind_of(shared)}, but has to be true or false.", "Say true or false.")
    query = None
    if new or "search" in values:
        try:
            query = search_of(values.get("search"))
        except BadInput as error:
            faults.extend(error.faults)
    if faults:
        raise BadInput(faults)
    return called, query, shared
