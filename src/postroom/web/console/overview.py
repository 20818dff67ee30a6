"""The console's first page: whether mail leaves, what needs somebody now, and what the last day was like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from starlette.responses import Response

from postroom.model.application import Scope
from postroom.model.problem import Weight
from postroom.model.tenant import INSTALLATION, Mode
from postroom.office import Office
from postroom.policy.checks import Told, catalogue, told
from postroom.reports.views import QueueLine
from postroom.web.console.chart import Chart, chart_of, days_of
from postroom.web.console.recent import Recent
from postroom.web.console.routes import Pages
from postroom.web.console.settings_check import page_of
from postroom.web.console.visit import Visit

if TYPE_CHECKING:
    from postroom.model.problem import Problem
    from postroom.reports.views import Activity

__all__ = ["pages"]

pages = Pages()
_recent: WeakKeyDictionary[Office, Recent] = WeakKeyDictionary()
_RECENT_MS = 5_000.0
_MOST_SHOWN = 8
_DAY, _WEEK = 24, 168
"""Hours."""


class Light(NamedTuple):
    """`kind`: good, warn, bad or idle. `sentence`: the whole of it in words."""

    kind: str
    sentence: str


class Need(NamedTuple):
    """Something that needs somebody: what, how to mend it, since when, and the page where."""

    kind: str
    words: Told
    since_ms: int
    url: str


@dataclass(frozen=True, slots=True)
class Day:
    """The last day, or week, in numbers. `seconds`: the average time to send; `by_day`: the chart has days."""

    sent: int
    failed: int
    waiting: int
    seconds: float | None
    chart: Chart
    last_ms: int | None
    more: bool
    by_day: bool = False


@pages.get("/")
async def overview(visit: Visit) -> Response:
    health = await visit.wait(visit.reports.health())
    recent = _recent.setdefault(visit.office, Recent(_RECENT_MS))
    problems: tuple[Problem, ...] = ()
    if visit.may(Scope.SETTINGS_READ):
        question = ("problems", visit.tenant_id, visit.office.snapshot.version)
        looked = await recent.ask(question, lambda: visit.wait(visit.office.problems(visit.actor, visit.tenant)))
        problems = looked.problems
    day: Day | None = None
    if visit.may(Scope.READ):
        lines = await visit.wait(visit.reports.queue(visit.actor, visit.tenant))
        hours = _WEEK if visit.query.get("days") == "7" else _DAY
        numbers = ("activity", visit.tenant_id, visit.office.snapshot.version, hours)
        found = await recent.ask(numbers, lambda: visit.wait(visit.reports.activity(visit.actor, visit.tenant, hours)))
        day = _day(visit, found, lines, by_day=hours == _WEEK)
    stopped = not health.ready or not health.delivering
    light = _light(visit, problems, stopped=stopped, day=day)
    needs = [_need(visit, one) for one in problems if one.weight is not Weight.NOTE]
    values = {
        "light": light,
        "needs": needs[:_MOST_SHOWN],
        "others": len(needs) - _MOST_SHOWN,
        "notes": [_need(visit, one) for one in problems if one.weight is Weight.NOTE],
        "house": health.problems if visit.actor.tenant_id == INSTALLATION else (),
        "day": day,
        "new": _is_new(visit),
    }
    return visit.page("overview.html", **values)


def _is_new(visit: Visit) -> bool:
    """Whether nothing was set up yet, and whoever looks may do that."""
    account = visit.held.default_account_id.value
    return account is None and visit.held.mode.value is not Mode.NATIVE and visit.may(Scope.SETTINGS_WRITE)


def _light(visit: Visit, problems: tuple[Problem, ...], *, stopped: bool, day: Day | None) -> Light:
    mode = visit.held.mode.value
    if mode is Mode.DISABLED:
        return Light("idle", visit.say("Sending is disabled. Nothing leaves."))
    if mode is Mode.SILENT:
        return Light("idle", visit.say("Postroom is silent. Mail is taken and kept, and nothing leaves."))
    if stopped:
        return Light("bad", visit.say("Mail is taken, but nobody delivers it at the moment."))
    worst = {one.weight for one in problems}
    if any(catalogue()[one.finding.check].stops for one in problems):
        return Light("bad", visit.say("Some mail is not leaving."))
    if Weight.PROBLEM in worst:
        return Light("bad", visit.say("Mail is leaving, but will not for long."))
    if Weight.WARNING in worst:
        return Light("warn", visit.say("Mail is leaving, but somebody should look at something."))
    if day is not None and day.sent + day.waiting == 0:
        return Light("good", visit.say("All is well. No mail has come in the last day."))
    return Light("good", visit.say("All mail is leaving."))


def _need(visit: Visit, one: Problem) -> Need:
    kind = "bad" if one.weight is Weight.PROBLEM else "warn" if one.weight is Weight.WARNING else "note"
    return Need(kind, told(one.finding, visit.language), one.since_ms, page_of(visit, one))


def _day(visit: Visit, found: Activity, lines: list[QueueLine], *, by_day: bool) -> Day:
    sent = sum(one.sent for one in found.hours)
    took = sum(one.seconds * one.sent for one in found.hours if one.seconds is not None)
    return Day(
        sent=sent,
        failed=sum(one.failed for one in found.hours),
        waiting=sum(one.waiting + one.held + one.unknown for one in lines),
        seconds=took / sent if sent else None,
        chart=days_of(found.hours, visit) if by_day else chart_of(found.hours, visit),
        last_ms=found.last_sent_ms,
        more=found.whole_since_ms is not None,
        by_day=by_day,
    )
