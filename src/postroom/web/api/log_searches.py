"""`/v1/messages.csv` and `/v1/message-count`: what a search of the log finds, as a file and as a number."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from postroom.web.api.answers import moment
from postroom.web.api.describing import answers, json_answer, object_of
from postroom.web.api.log_table import first_page, log_csv
from postroom.web.api.login import Reader
from postroom.web.api.requests import At, Route, chosen
from postroom.web.api.searching import Filters, searched

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["messages"], route_class=Route)

_COUNT = object_of(
    count={"type": "integer", "description": "How many messages it finds."},
    exact={"type": "boolean", "description": "false: there are more; it was not counted to the end."},
    counted_to_at={
        "anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}],
        "description": "How far back it was counted; null: to the end.",
    },
)
_CSV = {
    "responses": {
        "200": {
            "description": "The messages, the newest first.",
            "content": {"text/csv; charset=utf-8": {"schema": {"type": "string", "contentMediaType": "text/csv"}}},
        }
    }
}


class _Csv(StreamingResponse):
    media_type = "text/csv; charset=utf-8"


@router.get("/message-count", **answers(_COUNT, "How many."))
async def count_messages(actor: Reader, desk: At, query: Annotated[Filters, Query()]) -> Response:
    """Count the messages that a search finds

    It counts for a second at most: of a search for something rare in a log of millions, what it found by then.
    """
    found = await asyncio.wrap_future(desk.reports.count(actor, searched(query), chosen(desk, query)))
    return json_answer(
        {"count": found.number, "exact": found.exact, "counted_to_at": moment(found.counted_to_ms)},
    )


@router.get("/messages.csv", response_class=_Csv, openapi_extra=_CSV)
async def export_messages(actor: Reader, desk: At, query: Annotated[Filters, Query()]) -> Response:
    """Download what a search finds, as CSV

    All of it, however much it is: it is read while it is sent.
    """
    wanted, tenant = searched(query), chosen(desk, query)
    page = await first_page(desk, actor, wanted, tenant)
    headers = {"content-disposition": 'attachment; filename="mailing-log.csv"'}
    return _Csv(log_csv(desk, actor, wanted, page, tenant), headers=headers)
