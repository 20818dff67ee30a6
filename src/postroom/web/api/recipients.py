"""`/v1/preferences`, `/v1/suppressions`: what recipients choose, and who gets nothing but security mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Query as FromQuery
from fastapi.responses import StreamingResponse
from pydantic import Field

from postroom.model.application import Actor
from postroom.model.preference import Suppression, Why
from postroom.office import Office
from postroom.office.preference_values import ChosenKind, PreferenceView
from postroom.web.api.answers import moment, plain
from postroom.web.api.csv_text import csv_line
from postroom.web.api.describing import answers, answers_nothing, json_answer, object_of, ref
from postroom.web.api.login import RecipientManager
from postroom.web.api.requests import At, Chosen, Route, TenantQuery, Tongue, Values, chosen, words_of

__all__ = ["CSV_MEDIA", "router", "suppression_lines"]

router = APIRouter(prefix="/v1", tags=["recipients"], route_class=Route)

_PREFERENCE = {"ways": {"news": "weekly"}, "time_zone": "Europe/Prague", "hour": 7}
_COLUMNS = ("address", "why", "note", "source", "created_at", "expires_at")
_PIECE = 1_000
CSV_MEDIA = "text/csv; charset=utf-8"


# -- preferences ------------------------------------------------------------------------------------------------------


def _preference(view: PreferenceView, language: str) -> dict[str, Any]:
    mine = view.preference
    return {
        "address": mine.address,
        "language": mine.language,
        "time_zone": mine.time_zone,
        "hour": mine.hour,
        "weekday": mine.weekday,
        "kinds": [_kind(one, language) for one in view.kinds],
        "suppressed": "" if view.suppression is None else view.suppression.why.value,
        "updated_at": moment(mine.updated_ms or None),
    }


def _kind(one: ChosenKind, language: str) -> dict[str, Any]:
    return {
        "name": one.kind.name,
        "title": one.kind.called(language),
        "description": one.kind.explained(language),
        "way": one.way.value,
        "chosen": one.chosen,
        "may": [way.value for way in one.may],
    }


@router.get("/preferences/{address:path}", **answers(ref("Preference"), "What he chose, and what he may choose."))
async def read_preference(
    address: str, actor: RecipientManager, desk: At, tenant: Chosen, language: Tongue
) -> Response:
    """Read what a recipient chose

    Of somebody who never chose anything it tells what holds for everybody. Kinds are told in the language of
    Accept-Language.
    """
    view = await asyncio.wrap_future(desk.office.preference(actor, address, tenant))
    return json_answer(_preference(view, language))


@router.patch(
    "/preferences/{address:path}",
    **answers(ref("Preference"), "It is chosen.", takes=ref("PreferenceValues"), example={"hour": 7}),
)
async def change_preference(
    address: str, actor: RecipientManager, desk: At, tenant: Chosen, language: Tongue, values: Values
) -> Response:
    """Choose for a recipient

    For a profile page of your own. What is not named stays; what waits for his digest follows at once.
    """
    view = await asyncio.wrap_future(desk.office.change_preference(actor, address, values, tenant))
    return json_answer(_preference(view, language))


@router.post(
    "/preference-links",
    **answers(
        ref("PreferenceLink"),
        "The link.",
        status=201,
        takes=object_of(address={"type": "string", "description": "Whose."}),
        example={"address": "ann@example.org"},
    ),
)
async def create_preference_link(actor: RecipientManager, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a link to a recipient's own page

    Whoever has it may choose for him, so it is for him alone.
    """
    address = words_of(values, {"address": None})["address"]
    url, expires_ms = desk.office.preference_link(actor, address, tenant)
    return json_answer({"url": url, "expires_at": moment(expires_ms)}, 201)


# -- suppressions -----------------------------------------------------------------------------------------------------


def _suppression(one: Suppression) -> dict[str, Any]:
    return plain(one, "", without=("tenant_id",))


class _Listing(TenantQuery):
    after: str = Field("", description="The last address of the page before.")
    limit: int = Field(200, ge=1, le=1_000, description="How many.")
    why: Why | None = Field(None, description="Only those suppressed for this.")
    like: str = Field("", description="What the address contains.")


_LISTED = object_of(
    suppressions={"type": "array", "items": ref("Suppression")},
    next={"anyOf": [{"type": "string"}, {"type": "null"}], "description": "What to give as `after` for the rest."},
)


@router.get("/suppressions", **answers(_LISTED, "In the order of their addresses."))
async def list_suppressions(actor: RecipientManager, desk: At, query: Annotated[_Listing, FromQuery()]) -> Response:
    """List the suppressed recipients"""
    found = await asyncio.wrap_future(
        desk.office.suppressions(
            actor,
            after=query.after,
            limit=query.limit,
            why=query.why,
            like=query.like,
            tenant_id=chosen(desk, query),
        )
    )
    following = found[-1].address if len(found) == query.limit else None
    return json_answer({"suppressions": [_suppression(one) for one in found], "next": following})


@router.post(
    "/suppressions",
    **answers(
        ref("Suppression"),
        "He gets nothing more.",
        status=201,
        takes=ref("SuppressionValues"),
        example={"address": "gone@example.org", "why": "no-mailbox"},
    ),
)
async def create_suppression(actor: RecipientManager, desk: At, tenant: Chosen, values: Values) -> Response:
    """Suppress a recipient

    He gets nothing but security mail, until the time given or for good. Each mail that is not sent for it says so.
    """
    one = await asyncio.wrap_future(desk.office.suppress(actor, values, tenant))
    return json_answer(_suppression(one), 201)


@router.post(
    "/suppressions/import",
    **answers(
        ref("SuppressionImport"),
        "They get nothing more.",
        takes=object_of(csv={"type": "string", "description": "One address a line, or a table as `export` writes it."}),
        example={"csv": "address,why\ngone@example.org,no-mailbox\n"},
    ),
)
async def import_suppressions(actor: RecipientManager, desk: At, tenant: Chosen, values: Values) -> Response:
    """Suppress everybody of a list

    CSV with the columns `address`, `why`, `note` and `expires_at`. All of them, or none.
    """
    text = words_of(values, {"csv": None})["csv"]
    importing = await asyncio.to_thread(desk.office.import_suppressions, actor, text, tenant)
    return json_answer({"added": await asyncio.wrap_future(importing)})


@router.get(
    "/suppressions/export",
    response_class=StreamingResponse,
    openapi_extra={
        "responses": {"200": {"description": "The list.", "content": {CSV_MEDIA: {"schema": {"type": "string"}}}}}
    },
)
async def export_suppressions(actor: RecipientManager, desk: At, tenant: Chosen) -> Response:
    """Download the suppressed recipients as CSV

    A value that a spreadsheet would take for a formula has an apostrophe before it.
    """
    lines = await suppression_lines(desk.office, actor, tenant)
    headers = {"content-disposition": 'attachment; filename="suppressions.csv"'}
    return StreamingResponse(lines, media_type=CSV_MEDIA, headers=headers)


async def suppression_lines(office: Office, actor: Actor, tenant_id: int | None) -> AsyncIterator[str]:
    """The list as CSV, piece by piece. Who may not have it is told before the first."""
    first = await asyncio.wrap_future(office.suppressions(actor, limit=_PIECE, tenant_id=tenant_id))

    async def lines() -> AsyncIterator[str]:
        page = first
        yield csv_line(_COLUMNS)
        while page:
            shown = [_suppression(one) for one in page]
            yield "".join(csv_line([str(one[name] or "") for name in _COLUMNS]) for one in shown)
            following = office.suppressions(actor, after=page[-1].address, limit=_PIECE, tenant_id=tenant_id)
            page = await asyncio.wrap_future(following)

    return lines()


@router.delete("/suppressions/{address:path}", **answers_nothing("He gets mail again."))
async def release_suppression(address: str, actor: RecipientManager, desk: At, tenant: Chosen) -> Response:
    """Release a suppressed recipient"""
    await asyncio.wrap_future(desk.office.release_suppressed(actor, address, tenant))
    return Response(status_code=204)
