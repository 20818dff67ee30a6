"""The mailing log as CSV: what a search finds, read page by page while it is sent, however long it is.

A value that a spreadsheet would take for a formula has an apostrophe before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from postroom.clock import iso
from postroom.ids import encode
from postroom.model.application import Actor
from postroom.reports import MessageLine, Page, Query
from postroom.web.api.csv_text import csv_line
from postroom.web.desk import Desk

__all__ = ["COLUMNS", "first_page", "log_csv"]

COLUMNS = (
    "id", "created", "from", "to", "recipients", "subject", "state", "kind", "application", "tags", "reply",
)  # fmt: skip
_AT_ONCE = 200


async def first_page(desk: Desk, actor: Actor, query: Query, tenant: int | None) -> Page:
    """What is read before anything is answered. Raises BadInput, Forbidden, NotFound."""
    return await _page(desk, actor, query, None, tenant)


async def log_csv(desk: Desk, actor: Actor, query: Query, page: Page, tenant: int | None) -> AsyncIterator[str]:
    """From the first page on, to the end; with a line of titles."""
    names = {one.id: one.name for one in desk.office.snapshot.applications.values()}
    yield csv_line(COLUMNS)
    while True:
        yield "".join(csv_line(_cells(line, names)) for line in page.items)
        if page.next is None:
            return
        page = await _page(desk, actor, query, page.next, tenant)


async def _page(desk: Desk, actor: Actor, query: Query, cursor: str | None, tenant: int | None) -> Page:
    return await asyncio.wrap_future(desk.reports.search(actor, query, cursor, _AT_ONCE, tenant))


def _cells(line: MessageLine, names: dict[int, str]) -> list[str]:
    one = line.message
    return [
        encode("m", one.id),
        iso(one.created_ms),
        one.sender,
        line.to,
        str(line.recipients),
        one.subject,
        line.state.value,
        one.kind,
        names.get(one.application_id or 0, ""),
        " ".join(one.tags),
        line.reply,
    ]
