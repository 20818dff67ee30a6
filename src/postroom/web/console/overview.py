"""The console's first page."""

from __future__ import annotations

from starlette.responses import Response

from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()


@pages.get("/")
async def overview(visit: Visit) -> Response:
    return visit.page("overview.html")
