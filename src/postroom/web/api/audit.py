"""`/v1/audit`: who did what, when, from where; as pages, or as a file (CSV, JSON lines)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from postroom.clock import parse_iso
from postroom.errors import BadInput
from postroom.model.application import Actor
from postroom.model.audit import NOUNS, Entry
from postroom.office.audit import MOST_ENTRIES, Looking
from postroom.web.api.answers import identity, moment
from postroom.web.api.csv_text import csv_line
from postroom.web.api.describing import answers, json_answer, object_of, ref
from postroom.web.api.faults import Faults
from postroom.web.api.login import Auditor
from postroom.web.api.requests import At, Route, TenantQuery, chosen
from postroom.web.desk import Desk

__all__ = ["router"]

router = APIRouter(prefix="/v1/audit", tags=["people"], route_class=Route)

_PAGE = object_of(
    entries={"type": "array", "items": ref("AuditEntry")},
    next={"anyOf": [{"type": "string"}, {"type": "null"}], "description": "The `cursor` of what follows, or null."},
)
_COLUMNS = (
    "at", "verb", "thing", "thing_id", "who_kind", "who", "who_id", "door", "address", "before", "after", "tenant_id",
    "id",
)  # fmt: skip


class _Form(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


_MEDIA = {_Form.CSV: "text/csv; charset=utf-8", _Form.JSONL: "application/jsonl"}


class _Looking(TenantQuery):
    since: str = Field("", description="Not older than this time (RFC 3339).")
    until: str = Field("", description="Older than this time (RFC 3339).")
    who: str = Field("", description="The login of a user, or an application's name.")
    verb: str = Field("", description="What was done, like `account.changed`; or a noun, for all of it.")
    thing: str = Field("", description="The id or the name of what it was done to.")


class _Page(_Looking):
    limit: int = Field(50, ge=1, le=200, description="How many at once.")
    cursor: str = Field("", description="`next` of the page before.")


class _File(_Looking):
    form: _Form = Field(_Form.CSV, alias="format", description="`csv`, or `jsonl`: one object a line.")


@router.get("", **answers(_PAGE, "A page of entries, the newest first."))
async def read_audit(actor: Auditor, desk: At, query: Annotated[_Page, Query()]) -> Response:
    """Read the audit trail

    Whoever sees the whole installation and names no tenant gets the entries of all of them.
    """
    looking = _read(query)
    found = desk.office.audit(actor, looking, query.cursor or None, query.limit, chosen(desk, query))
    page = await asyncio.wrap_future(found)
    return json_answer({"entries": [_entry(one) for one in page.entries], "next": page.next})


_EXPORT = {
    "responses": {
        "200": {
            "description": "The entries, the newest first.",
            "content": {media: {"schema": {"type": "string"}} for media in _MEDIA.values()},
        }
    }
}


@router.get("/export", response_class=StreamingResponse, openapi_extra=_EXPORT)
async def export_audit(actor: Auditor, desk: At, query: Annotated[_File, Query()]) -> Response:
    """Download the audit trail

    In CSV a value that a spreadsheet would take for a formula has an apostrophe before it.
    """
    looking, tenant = _read(query), chosen(desk, query)
    first = await _entries(desk, actor, looking, None, tenant)
    name = f"audit.{query.form.value}"
    return StreamingResponse(
        _file(desk, actor, looking, tenant, query.form, first),
        media_type=_MEDIA[query.form],
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


async def _file(
    desk: Desk,
    actor: Actor,
    looking: Looking,
    tenant: int | None,
    form: _Form,
    page: tuple[tuple[Entry, ...], str | None],
) -> AsyncIterator[str]:
    if form is _Form.CSV:
        yield csv_line(_COLUMNS)
    while True:
        entries, following = page
        yield "".join(_line(_entry(one), form) for one in entries)
        if following is None:
            return
        page = await _entries(desk, actor, looking, following, tenant)


async def _entries(
    desk: Desk, actor: Actor, looking: Looking, cursor: str | None, tenant: int | None
) -> tuple[tuple[Entry, ...], str | None]:
    page = await asyncio.wrap_future(desk.office.audit(actor, looking, cursor, MOST_ENTRIES, tenant))
    return page.entries, page.next


def _line(entry: dict[str, Any], form: _Form) -> str:
    if form is _Form.JSONL:
        return json.dumps(entry, ensure_ascii=False) + "\n"
    return csv_line(_cell(entry[name]) for name in _COLUMNS)


def _cell(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else "" if value is None else str(value)


def _entry(entry: Entry) -> dict[str, Any]:
    letter = NOUNS.get(entry.noun, "")
    return {
        "id": identity("j", entry.id),
        "tenant_id": identity("t", entry.tenant_id),
        "at": moment(entry.at_ms),
        "verb": entry.verb,
        "thing_id": identity(letter, entry.thing_id) if letter else None,
        "thing": entry.thing,
        "before": dict(entry.before),
        "after": dict(entry.after),
        "who_kind": entry.who_kind,
        "who_id": identity("u" if entry.who_kind == "user" else "k", entry.who_id),
        "who": entry.who,
        "door": entry.door,
        "address": entry.address,
    }


def _read(query: _Looking) -> Looking:
    """Raises BadInput with every fault."""
    faults = Faults()
    moments: dict[str, int | None] = {}
    for name in ("since", "until"):
        text = getattr(query, name)
        try:
            moments[name] = parse_iso(text) if text else None
        except ValueError as error:
            faults.add(name, f"{error}.", "In an address, write + as %2B.")
    if faults:
        raise BadInput(faults)
    return Looking(moments["since"], moments["until"], query.who, query.verb, query.thing)
