"""Settings as a file: downloaded as TOML, and taken over from one, after a look at what that would change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

from postroom.errors import PostroomError
from postroom.model.application import Scope
from postroom.model.plan import What
from postroom.web.console.field_labels import field_label
from postroom.web.console.forms import Form
from postroom.web.console.history import NOUN_WORDS, told_value
from postroom.web.console.routes import Pages
from postroom.web.console.words import N_

if TYPE_CHECKING:
    from postroom.model.plan import Plan, Planned
    from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()

WHATS = {
    What.CREATE: N_("Is made"),
    What.CHANGE: N_("Changes"),
    What.DELETE: N_("Is deleted"),
    What.SUSPEND: N_("Is suspended"),
}
_LABELS = {
    "toml": N_("The file"),
    "prune": N_("Delete what is not in the file"),
    "force": N_("Let an account become the default untested"),
}


@pages.get("/settings-file", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    return _page(visit, Form())


@pages.get("/settings-file/settings.toml", Scope.SETTINGS_READ)
async def export(visit: Visit) -> Response:
    """No password and no key is in it."""
    text = await visit.wait(visit.office.export(visit.actor, visit.tenant))
    headers = {"content-disposition": 'attachment; filename="settings.toml"'}
    return Response(text.encode(), media_type="application/toml", headers=headers)


@pages.post("/settings-file", Scope.SETTINGS_WRITE)
async def take(visit: Visit) -> Response:
    """Shows what would change; the second button takes it over, wholly or not at all."""
    form, office = visit.form, visit.office
    text, boxes = form.text("toml"), form.boxes("prune", "force")
    prune, force = boxes.get("prune", False), boxes.get("force", False)
    try:
        if form.text("do") != "import":
            planning = await asyncio.to_thread(office.plan, visit.actor, text, prune=prune, tenant_id=visit.tenant)
            plan = await visit.wait(planning)
            return _page(visit, form, plan=plan)
        importing = await asyncio.to_thread(
            office.import_file, visit.actor, text, prune=prune, force=force, tenant_id=visit.tenant
        )
        done = await visit.wait(importing)
    except PostroomError as error:
        return _page(visit, form.refused(error), status=error.status)
    count = len(done.changes)
    said = visit.words.count("It is taken over: one thing changed.", "It is taken over: %(number)s changes.", count)
    return visit.go("/settings-file", " ".join([said, *(visit.say(one) for one in done.warnings)]))


def _page(visit: Visit, form: Form, *, plan: Plan | None = None, status: int = 200) -> Response:
    return visit.page(
        "outgoing/file.html",
        status,
        form=form,
        plan=plan,
        changes=[] if plan is None else [_line(visit, one) for one in plan.changes],
        labels={name: visit.say(text) for name, text in _LABELS.items()},
    )


def _line(visit: Visit, one: Planned) -> tuple[str, str, str, bool, list[tuple[str, str, str]]]:
    """What happens, to what kind of thing, its name, whether it is new, and each field before and after."""
    fields = [
        (
            field_label(visit, one.noun, each.field),
            told_value(visit, each.field, each.before),
            told_value(visit, each.field, each.after),
        )
        for each in one.fields
    ]
    noun = NOUN_WORDS.get("tenant" if one.noun == "settings" else one.noun)
    return visit.say(WHATS[one.what]), visit.say(noun) if noun else one.noun, one.name, one.what is What.CREATE, fields
