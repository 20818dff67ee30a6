"""*Check now*: what lies outside is asked again, one thing after the other, while its progress can be looked at.

The DKIM records, what receivers find about each sender, and last the mail servers themselves, whose answers come by the
proofs. It does nothing that the office would not do for whoever pressed the button, and ends with this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from postroom.clock import now_ms
from postroom.errors import PostroomError
from postroom.model.dkim import DkimState

if TYPE_CHECKING:
    from postroom.office import Office
    from postroom.web.console.visit import Visit

__all__ = ["Run", "begin", "run_of"]

_MOST_SENDERS = 50
Step = tuple[str, Callable[[], Awaitable[Any]]]


@dataclass(slots=True)
class Run:
    """`at`: what is asked about just now. Times: ms UTC."""

    total: int
    began_ms: int
    done: int = 0
    at: str = ""
    ended_ms: int | None = None

    @property
    def over(self) -> bool:
        return self.ended_ms is not None


_runs: WeakKeyDictionary[Office, dict[int, Run]] = WeakKeyDictionary()
_tasks: set[asyncio.Task[None]] = set()


def run_of(visit: Visit) -> Run | None:
    """The last one of the tenant that is looked at."""
    return _runs.get(visit.office, {}).get(visit.tenant_id)


async def begin(visit: Visit) -> None:
    """Begins one, unless one runs already."""
    steps = await _steps(visit)
    known = _runs.setdefault(visit.office, {})
    before = known.get(visit.tenant_id)
    if before is not None and not before.over:
        return
    run = known[visit.tenant_id] = Run(len(steps), now_ms())
    task = asyncio.get_running_loop().create_task(_go(run, steps), name="check now")
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _steps(visit: Visit) -> list[Step]:
    office, actor, tenant = visit.office, visit.actor, visit.tenant
    keys = await visit.wait(office.dkim_keys(actor, tenant))
    senders = await visit.wait(office.senders(actor, tenant))
    found: list[Step] = [
        (view.key.name, lambda ref=view.key.id: office.check_dkim_key(actor, ref, tenant))  # type: ignore[misc]
        for view in keys
        if view.key.state is not DkimState.RETIRED
    ]
    found += [
        (view.sender.address, lambda said=view.sender.address: office.check_dns(actor, {"sender": said}, tenant))  # type: ignore[misc]
        for view in senders[:_MOST_SENDERS]
    ]
    return [*found, (visit.say("the mail servers"), lambda: visit.wait(office.prove(actor, tenant_id=tenant)))]


async def _go(run: Run, steps: list[Step]) -> None:
    try:
        for name, ask in steps:
            run.at = name
            with suppress(PostroomError):  # what can't be asked about is a finding of its own
                await ask()
            run.done += 1
    finally:
        run.at, run.ended_ms = "", now_ms()
