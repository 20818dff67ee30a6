"""Looking whether the installation lives: the database answers, somebody delivers, nothing due is left lying."""

from __future__ import annotations

from sqlalchemy import Connection

from postroom.reports.views import Health, NodeHealth
from postroom.store import pulse

__all__ = ["look"]

_SILENT_MS = 60_000
_GONE_MS = 24 * 3600 * 1000
_LATE_MS = 15 * 60_000


def _has_successor(node: NodeHealth, nodes: tuple[NodeHealth, ...]) -> bool:
    """Whether one of its role was started after its last sign of life: it was restarted, not lost."""
    return any(one.role == node.role and one.started_ms >= node.seen_ms and not one.silent for one in nodes)


def look(connection: Connection, now_ms: int) -> Health:
    """`now_ms` is this machine's time; heartbeats are judged by the database's."""
    beat = pulse.nodes(connection)
    nodes = tuple(
        NodeHealth(one.worker, one.role, one.started_ms, one.seen_ms, beat.now_ms - one.seen_ms > _SILENT_MS)
        for one in beat.nodes
        if beat.now_ms - one.seen_ms < _GONE_MS
    )
    delivering = any(not node.silent and node.role in ("all", "worker") for node in nodes)
    oldest = pulse.oldest_due(connection, now_ms)
    problems = [
        f"The node {node.worker} has been silent for a minute or more."
        for node in nodes
        if node.silent and not _has_successor(node, nodes)
    ]
    if not delivering:
        problems.append("No worker delivers at present; accepted mail waits.")
    if oldest is not None and now_ms - oldest > _LATE_MS:
        problems.append(f"Mail has been due for {(now_ms - oldest) // 60_000} minutes and has not been tried.")
    return Health(
        ready=True,
        delivering=delivering,
        database=connection.dialect.name,
        now_ms=now_ms,
        oldest_due_ms=oldest,
        nodes=nodes,
        problems=tuple(problems),
    )
