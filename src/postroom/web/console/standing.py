"""How the settings stand, for the mark in the navigation of every page: looked at once a minute for each tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from postroom.clock import monotonic_ms
from postroom.model.application import Scope
from postroom.model.problem import Weight

if TYPE_CHECKING:
    from postroom.office import Office
    from postroom.office.problems import Looked
    from postroom.web.console.visit import Visit

__all__ = ["look", "mark", "remember"]

_KEPT_MS = 60_000.0
_MARKS = {Weight.PROBLEM: "bad", Weight.WARNING: "warn"}
_known: WeakKeyDictionary[Office, dict[int, tuple[float, str]]] = WeakKeyDictionary()


async def look(visit: Visit) -> None:
    """Before a page is shown to somebody who may see the settings."""
    if not visit.may(Scope.SETTINGS_READ):
        return
    until, _ = _known.get(visit.office, {}).get(visit.tenant_id, (0.0, ""))
    if monotonic_ms() >= until:
        remember(visit, await visit.wait(visit.office.problems(visit.actor, visit.tenant)))


def remember(visit: Visit, looked: Looked) -> None:
    """What a page has just seen."""
    worst = "" if looked.worst is None else _MARKS.get(looked.worst, "")
    _known.setdefault(visit.office, {})[visit.tenant_id] = (monotonic_ms() + _KEPT_MS, worst)


def mark(visit: Visit) -> str:
    """bad, warn, or "" where all is well or not for this reader."""
    if not visit.may(Scope.SETTINGS_READ):
        return ""
    return _known.get(visit.office, {}).get(visit.tenant_id, (0.0, ""))[1]
