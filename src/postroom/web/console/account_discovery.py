"""From an e-mail address to a filled form: the servers that were found, the best first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import Response, StreamingResponse

from postroom.errors import PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.office.discovering import Discovered, at_last
from postroom.policy.candidates import Offer
from postroom.web.console.account_list import ENCRYPTION_WORDS
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()
_IN_PARTS = {"x-streams": "found", "x-accel-buffering": "no", "content-type": "text/html; charset=utf-8"}
_END = "\x1e"
"""Behind each part of an answer that comes in parts (see `static/console.js`)."""


@pages.get("/accounts/discover", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    return await _page(visit, Form.of({"address": visit.query.get("address", "")}), None)


@pages.post("/accounts/discover", Scope.SETTINGS_WRITE)
async def discover(visit: Visit) -> Response:
    """Takes up to half a minute; nothing is saved by it. A script gets what is known so far, again and again; leaving
    ends the search.
    """
    form = visit.form
    search = visit.office.searched(visit.actor, form.text("address"), form.text("connector") or None, visit.tenant)
    try:
        found = await anext(search)
    except PostroomError as error:
        return await _page(visit, form.refused(error), None, status=error.status)
    if visit.request.headers.get("x-streams"):
        return StreamingResponse(_parts(visit, found, search), headers=_IN_PARTS)
    return await _page(visit, form, await at_last(search))


async def _parts(
    visit: Visit, found: Discovered, search: AsyncGenerator[Discovered, None]
) -> AsyncGenerator[str, None]:
    """What the page would show of it, each time there is more."""
    async with aclosing(search):
        yield _part(visit, found)
        async for found in search:
            yield _part(visit, found)


def _part(visit: Visit, found: Discovered) -> str:
    shown = {"found": found, "offers": _offers(visit, found), "encryptions": ENCRYPTION_WORDS}
    return visit.rendered("accounts/found.html", **shown) + _END


def _offers(visit: Visit, found: Discovered | None) -> list[tuple[Offer, str]]:
    """Each with the form that it fills in."""
    offers = () if found is None else found.offers
    return [(one, visit.url("/accounts/new", **_filled(one.values))) for one in offers]


async def _page(visit: Visit, form: Form, found: Discovered | None, *, status: int = 200) -> Response:
    connectors = await visit.wait(visit.office.connectors(visit.actor, visit.tenant))
    return visit.page(
        "accounts/discover.html",
        status,
        form=form,
        found=found,
        offers=_offers(visit, found),
        encryptions=ENCRYPTION_WORDS,
        connectors=[
            ("", visit.say("Directly")),
            *((encode("x", one.connector.id), one.connector.name) for one in connectors),
        ],
        labels={"address": visit.say("E-mail address"), "connector": visit.say("Look through")},
    )


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """For the address of the form: what is nested stands flat there."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": one for inner, one in value.items()}
        else:
            flat[name] = value
    return flat
