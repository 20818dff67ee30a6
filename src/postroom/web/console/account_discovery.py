"""From an e-mail address to a filled form: the servers that were found, the best first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from postroom.errors import PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.office.discovering import Discovered
from postroom.web.console.account_list import ENCRYPTION_WORDS
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()


@pages.get("/accounts/discover", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    return await _page(visit, Form.of({"address": visit.query.get("address", "")}), None)


@pages.post("/accounts/discover", Scope.SETTINGS_WRITE)
async def discover(visit: Visit) -> Response:
    """Takes up to half a minute; nothing is saved by it."""
    form = visit.form
    try:
        found = await visit.office.discover(
            visit.actor, form.text("address"), form.text("connector") or None, visit.tenant
        )
    except PostroomError as error:
        return await _page(visit, form.refused(error), None, status=error.status)
    return await _page(visit, form, found)


async def _page(visit: Visit, form: Form, found: Discovered | None, *, status: int = 200) -> Response:
    connectors = await visit.wait(visit.office.connectors(visit.actor, visit.tenant))
    offers = [] if found is None else [(one, visit.url("/accounts/new", **_filled(one.values))) for one in found.offers]
    return visit.page(
        "accounts/discover.html",
        status,
        form=form,
        found=found,
        offers=offers,
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
