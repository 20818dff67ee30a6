"""The settings check: what is wrong, unwise or soon over, since when, who mends it and how; what is over; who is told.

Each page looks afresh at what is known. *Check now* asks again what lies outside, name servers and mail servers; how
far it has come is shown while it runs, to whoever opens the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

from postroom.model.application import Scope
from postroom.model.problem import Weight
from postroom.model.tenant import INSTALLATION
from postroom.model.webhook import wants
from postroom.policy.checks import Told, catalogue, told
from postroom.web.console import asking
from postroom.web.console.routes import Pages
from postroom.web.console.standing import remember
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

if TYPE_CHECKING:
    from postroom.model.problem import Problem

__all__ = ["KINDS", "page_of", "pages"]

pages = Pages()

KINDS = {
    Weight.PROBLEM: ("bad", N_("problem")),
    Weight.WARNING: ("warn", N_("warning")),
    Weight.NOTE: ("note", N_("note")),
}
_PAGES = {
    "a": "/accounts",
    "s": "/senders",
    "x": "/connectors",
    "p": "/applications",
    "u": "/users",
    "h": "/webhooks",
    "y": "/dkim",
    "i": "/providers",
}
_TOLD = ("problem.began", "problem.over")


class Line(NamedTuple):
    """A problem as the page shows it. `tenant`: whose, where that is not the one that is looked at."""

    one: Problem
    words: Told
    kind: str
    word: str
    stops: bool
    url: str
    tenant: str


@pages.get("/checks", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    everywhere = visit.query.get("everywhere") == "true" and visit.tenant_id == INSTALLATION
    looked = await visit.wait(visit.office.problems(visit.actor, visit.tenant, everywhere=everywhere))
    if not everywhere:
        remember(visit, looked)
    run = asking.run_of(visit)
    hooks = await visit.wait(visit.office.webhooks(visit.actor, visit.tenant))
    held = visit.held.alarm_to
    return visit.page(
        "checks/show.html",
        lines=[_line(visit, one) for one in looked.problems],
        over=[_line(visit, one) for one in looked.over],
        at_ms=looked.at_ms,
        everywhere=everywhere,
        may_everywhere=visit.tenant_id == visit.actor.tenant_id == INSTALLATION
        and len(visit.office.snapshot.tenants) > 1,
        run=run,
        running=run is not None and not run.over,
        readers=held.value,
        hooks=[one.webhook for one in hooks if any(wants(one.webhook.types, each) for each in _TOLD)],
    )


@pages.post("/checks", Scope.SETTINGS_WRITE)
async def check_now(visit: Visit) -> Response:
    await asking.begin(visit)
    return visit.go("/checks")


def _line(visit: Visit, one: Problem) -> Line:
    kind, word = KINDS[one.weight]
    tenant = visit.office.snapshot.tenants.get(one.finding.tenant_id)
    other = tenant is not None and tenant.id != visit.tenant_id
    return Line(
        one,
        told(one.finding, visit.language),
        kind,
        word,
        catalogue()[one.finding.check].stops,
        page_of(visit, one),
        tenant.name if tenant is not None and other else "",
    )


def page_of(visit: Visit, one: Problem) -> str:
    """Where it is mended, as far as there is such a page."""
    letter, _, rest = one.finding.subject.partition("_")
    path = _PAGES.get(letter, "") if rest else "/outgoing"
    if path not in visit.request.scope["postroom.paths"]:
        return ""
    return visit.url_in(one.finding.tenant_id, f"{path}/{one.finding.subject}" if rest else path)
