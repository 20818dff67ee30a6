"""The office's verbs for the settings check: what is wrong now and since when, and writing that down.

What is shown is looked at afresh, each time somebody asks; how long it has lasted is remembered (`store.problems`). One
node writes down what is common, each machine what it sees of itself, and whoever sends alarms is told what is new.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import PostroomError
from postroom.model.account import Account
from postroom.model.application import Actor, Scope
from postroom.model.connector import Connector
from postroom.model.problem import Finding, Problem, Weight
from postroom.model.tenant import INSTALLATION
from postroom.office.agents import AgentVerbs
from postroom.office.changes import require, tenant_for
from postroom.office.checks import machine
from postroom.office.checks.circumstances import Circumstances
from postroom.office.checks.registry import LOOKS, MACHINE_LOOKS, look
from postroom.policy.checks import order, told, weight_of
from postroom.store import feed, problems
from postroom.store.problems import News

__all__ = ["SETTLE_MS", "Looked", "Lookout", "ProblemVerbs"]

SETTLE_MS = 10 * 60_000
"""So long a finding has to stay away before its problem is over."""


@dataclass(frozen=True, slots=True)
class Looked:
    """`problems`: what is so now, the heaviest first; `over`: what was, the last month long, the latest first."""

    problems: tuple[Problem, ...]
    over: tuple[Problem, ...]
    at_ms: int

    @property
    def worst(self) -> Weight | None:
        return self.problems[0].weight if self.problems else None


@dataclass(frozen=True, slots=True)
class Lookout:
    """What one look saw: of the machine `place`, and of what is common to all, where that was looked at."""

    at_ms: int
    place: str
    here: list[Finding]
    common: list[Finding] | None


class ProblemVerbs(AgentVerbs):
    def problems(self, actor: Actor, tenant_id: int | None = None, *, everywhere: bool = False) -> Future[Looked]:
        """Looks, and tells what is wrong with this tenant; `everywhere`: with all that the actor reaches."""
        require(actor, Scope.SETTINGS_READ)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        wanted = [number]
        if everywhere and number == INSTALLATION:
            wanted = [one for one in self.snapshot.tenants if actor.reaches(one)]

        def work(connection: Connection) -> Looked:
            return self._looked(connection, frozenset(wanted), moment)

        return self._store.read(work)

    def look_around(self, *, everything: bool) -> Future[Lookout]:
        """For upkeep: looks at this machine; with `everything` also at what is common to all."""
        moment = now_ms()

        def work(connection: Connection) -> Lookout:
            at = self._circumstances(connection, moment)
            common = look(at, LOOKS) if everything else None
            return Lookout(moment, machine.name(), look(at, MACHINE_LOOKS), common)

        return self._store.read(work)

    def note_problems(self, seen: Lookout, settle_ms: int = SETTLE_MS) -> Future[News]:
        """For upkeep: writes down what was seen; answers what is new, and what is over."""

        def work(connection: Connection) -> News:
            news = problems.note(connection, seen.here, seen.at_ms, settle_ms, seen.place)
            if seen.common is not None:
                common = problems.note(connection, seen.common, seen.at_ms, settle_ms)
                news.began += common.began
                news.ended += common.ended
            for kind, some in (("problem.began", news.began), ("problem.over", news.ended)):
                for one in some:
                    finding, words = one.finding, told(one.finding)
                    detail = {"problem": one.key, "weight": one.weight.value, "about": words.about, "what": words.what}
                    feed.put(connection, self._store.ids.next(), finding.tenant_id, seen.at_ms, kind, detail)
            return news

        return self._store.write(work)

    def _looked(self, connection: Connection, tenants: frozenset[int], moment: int) -> Looked:
        at = self._circumstances(connection, moment)
        found = [one for one in look(at, (*LOOKS, *MACHINE_LOOKS)) if one.tenant_id in tenants]
        known: dict[tuple[int, str], Problem] = {}
        for one in problems.all_problems(connection):
            if one.finding.tenant_id in tenants:
                known[one.finding.tenant_id, one.key] = one
        now = [_dated(finding, known.pop((finding.tenant_id, finding.key), None), moment) for finding in found]
        for tenant_id in tenants:
            for other in problems.elsewhere(connection, tenant_id, machine.name()):
                known.pop((tenant_id, other.key), None)
                now.append(other)
        over = sorted((one for one in known.values() if one.ended_ms is not None), key=lambda one: -(one.ended_ms or 0))
        return Looked(tuple(sorted(now, key=lambda one: order(one.finding))), tuple(over), moment)

    def _circumstances(self, connection: Connection, moment: int) -> Circumstances:
        return Circumstances(connection, self.snapshot, self._settings, moment, self._why_sealed, self._ways)

    def _why_sealed(self, account: Account) -> str:
        """Why what is kept for the account does not open. Asked once for each version of the settings."""
        found: str = self.snapshot.remembered(("why sealed", account.id), partial(self._try_to_open, account))
        return found

    def _try_to_open(self, account: Account) -> str:
        try:
            self.open_secret(account)
            self.open_client_key(account)
        except PostroomError as error:
            return error.text
        return ""

    def _ways(self, connection: Connection, connector: Connector) -> tuple[str, str]:
        view = self._connector_view(connection, connector)
        return " ".join(view.needs), "" if view.trouble is None else view.trouble.text


def _dated(finding: Finding, known: Problem | None, moment: int) -> Problem:
    """One that nobody has written down yet began just now."""
    weight = weight_of(finding)
    if known is None or known.closed:
        return Problem(finding, weight, moment, moment)
    return Problem(finding, weight, known.since_ms, moment, None, known.told)
