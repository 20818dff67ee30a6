"""The audit trail: who did what, when, from where; with what it was before and after."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from starlette.responses import Response

from postroom.clock import iso
from postroom.errors import BadInput, Fault, PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.audit import NOUNS, Entry
from postroom.office.audit import Looking
from postroom.web.console.field_labels import field_label
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()

_FILTERS = ("who", "verb", "thing", "since", "until")
_PATHS = {
    "account": "accounts",
    "sender": "senders",
    "connector": "connectors",
    "application": "applications",
    "user": "users",
    "kind": "kinds",
    "webhook": "webhooks",
    "mailbox": "mailboxes",
    "dkim-key": "dkim",
}
_MOST_SHOWN = 300


class _Change(NamedTuple):
    field: str
    before: str
    after: str


class _Line(NamedTuple):
    entry: Entry
    changes: list[_Change]
    path: str
    tenant: str


@pages.get("/audit", Scope.AUDIT)
async def read(visit: Visit) -> Response:
    form = Form.of({name: visit.query.get(name, "") for name in _FILTERS})
    try:
        looking = _looking(visit, form)
        page = await visit.wait(
            visit.office.audit(visit.actor, looking, visit.query.get("cursor") or None, 50, visit.tenant)
        )
    except PostroomError as error:
        return visit.page("audit/list.html", error.status, form=form.refused(error), lines=[], older="", filtered=True)
    return visit.page(
        "audit/list.html",
        form=form,
        lines=[_line(visit, entry) for entry in page.entries],
        older=visit.here(cursor=page.next) if page.next else "",
        filtered=any(form.text(name) for name in _FILTERS),
    )


def _looking(visit: Visit, form: Form) -> Looking:
    """Raises BadInput."""
    faults: list[Fault] = []
    since, until = _day(visit, form, "since", faults), _day(visit, form, "until", faults)
    if faults:
        raise BadInput(faults)
    end = None if until is None else until + timedelta(days=1)
    return Looking(
        since_ms=None if since is None else _at(visit, since),
        until_ms=None if end is None else _at(visit, end),
        who=form.text("who").strip(),
        verb=form.text("verb").strip(),
        thing=form.text("thing").strip(),
    )


def _day(visit: Visit, form: Form, name: str, faults: list[Fault]) -> date | None:
    text = form.text(name).strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        faults.append(Fault(name, "is no day.", "Write it like 2027-05-31."))
        return None


def _at(visit: Visit, day: date) -> int:
    return round(datetime.combine(day, time(), visit.zone).timestamp() * 1000)


def _line(visit: Visit, entry: Entry) -> _Line:
    names = [*entry.before, *(name for name in entry.after if name not in entry.before)]
    changes = [
        _Change(
            field_label(visit, entry.noun, name),
            _told(visit, name, entry.before.get(name)),
            _told(visit, name, entry.after.get(name)),
        )
        for name in names
    ]
    letter = NOUNS.get(entry.noun, "")
    there = entry.thing_id is not None and entry.noun in _PATHS and not entry.verb.endswith(".deleted")
    path = f"/{_PATHS[entry.noun]}/{encode(letter, entry.thing_id)}" if there and entry.thing_id is not None else ""
    tenant = visit.office.snapshot.tenants.get(entry.tenant_id)
    return _Line(entry, changes, path, "" if tenant is None or tenant.id == visit.tenant_id else tenant.name)


def _told(visit: Visit, name: str, value: Any) -> str:
    if value in (None, "", [], False):
        return visit.say("no") if value is False else "–"
    if value is True:
        return visit.say("yes")
    if name.endswith("_ms") and isinstance(value, int):
        return iso(value)
    text = ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
