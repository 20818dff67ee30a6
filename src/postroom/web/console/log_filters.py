"""The filters of the mailing log: what stands in the page's address, read into what `reports` is asked.

Days are days in the reader's zone, the last one included. Everything that is wrong is told at its field, at once.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from postroom.errors import BadInput, Fault
from postroom.model.state import State
from postroom.reports import Query
from postroom.web.console.forms import Form

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["NAMES", "filters_of", "is_filtered", "wanted"]

NAMES = ("text", "recipient", "sender", "subject", "state", "kind", "application", "account", "tag", "since", "until")


def filters_of(visit: Visit) -> Form:
    """The form of filters as the address (or a sent form) has it."""
    given = visit.form if visit.request.method == "POST" else Form.of(visit.query)
    return Form.of({name: given.text(name) for name in NAMES})


def is_filtered(form: Form) -> bool:
    return any(form.text(name) for name in NAMES)


def wanted(visit: Visit, form: Form) -> Query:
    """Raises BadInput with every fault."""
    faults: list[Fault] = []
    since = _day(visit, form, "since", faults)
    until = _day(visit, form, "until", faults)
    state = form.text("state")
    if state and state not in list(State):
        faults.append(Fault("state", "is no state.", "Choose one of the list."))
    if faults:
        raise BadInput(faults)
    return Query(
        recipient=form.text("recipient"),
        sender=form.text("sender"),
        subject=form.text("subject"),
        state=state or None,
        kind=form.text("kind"),
        application=form.text("application") or None,
        account=form.text("account") or None,
        tag=form.text("tag"),
        since_ms=None if since is None else _midnight(visit, since),
        until_ms=None if until is None else _midnight(visit, until + timedelta(days=1)),
        text=form.text("text"),
    )


def _day(visit: Visit, form: Form, name: str, faults: list[Fault]) -> date | None:
    given = form.text(name).strip()
    if not given:
        return None
    try:
        found = date.fromisoformat(given)
    except ValueError:
        found = None
    if found is None or not 1970 < found.year < 3000:
        faults.append(Fault(name, "is no day.", "Write it like 2026-11-20."))
        return None
    return found


def _midnight(visit: Visit, day: date) -> int:
    return round(datetime.combine(day, time.min, visit.zone).timestamp() * 1000)
