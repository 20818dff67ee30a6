"""Mail that does not move: waiting for long, held, in doubt; and whether anybody delivers at all."""

from __future__ import annotations

from collections.abc import Iterator

from postroom.clock import iso
from postroom.ids import time_of
from postroom.model.problem import Finding
from postroom.model.tenant import INSTALLATION
from postroom.office.checks.circumstances import DAY_MS, Circumstances
from postroom.store import pulse

__all__ = ["look", "look_at_nodes"]

_LATE_MS = 15 * 60_000
_SILENT_MS = 60_000
_DELIVERS = frozenset({"all", "worker"})


def look(at: Circumstances) -> Iterator[Finding]:
    oldest = pulse.oldest_due(at.connection, at.now_ms)
    if oldest is not None and at.now_ms - oldest > _LATE_MS and at.snapshot.clone is None:
        # told in steps, so that it is not another sentence with every look
        minutes = (at.now_ms - oldest) // _LATE_MS * (_LATE_MS // 60_000)
        yield Finding("queue-stuck", INSTALLATION, values={"minutes": f"{minutes:,}"})
    there = set(at.tenants)
    for one in pulse.stopped(at.connection, sorted(there)):
        if one.held:
            yield Finding("mail-held", one.tenant_id, values={"count": _counted(one.held)})
        if one.unknown:
            yield Finding("mail-unknown", one.tenant_id, values={"count": _counted(one.unknown)})
    for tenant_id, oldest_id in pulse.waiting_since_before(at.connection, at.now_ms - DAY_MS).items():
        if tenant_id in there:
            yield Finding("mail-waits-long", tenant_id, values={"since": iso(time_of(oldest_id))[:16] + "Z"})


def _counted(number: int) -> str:
    return f"{number:,}" if number < pulse.MOST_COUNTED else f"{number:,}+"


def look_at_nodes(at: Circumstances) -> Iterator[Finding]:
    beat = pulse.nodes(at.connection)
    silent = [one for one in beat.nodes if beat.now_ms - one.seen_ms > _SILENT_MS]
    alive = [one for one in beat.nodes if one not in silent]
    if not any(one.role in _DELIVERS for one in alive):
        yield Finding("worker-missing", INSTALLATION)
    for one in silent:
        restarted = any(other.role == one.role and other.started_ms >= one.seen_ms for other in alive)
        if restarted or beat.now_ms - one.seen_ms > DAY_MS:
            continue
        values = {"node": one.worker, "role": one.role, "since": iso(one.seen_ms)[:19] + "Z"}
        yield Finding("node-silent", INSTALLATION, one.worker, values)
