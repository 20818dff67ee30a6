"""Nodes: each running process has a number, so that ids never meet (`ids`), and a heartbeat that others can see."""

from __future__ import annotations

from sqlalchemy import Connection, text

from postroom.errors import StoreUnavailable
from postroom.ids import MAX_NODE
from postroom.store.lanes import database_ms

__all__ = ["join", "leave", "seen"]

_GONE_MS = 24 * 3600 * 1000


def join(connection: Connection, worker: str, role: str) -> tuple[int, int]:
    """Takes a node number; returns it with the highest id that may have been made under it before.

    A number is free again when its node left in good order or has not been seen for a day.
    """
    now = database_ms(connection)
    rows = connection.execute(text("SELECT number, worker, seen_ms FROM node ORDER BY number")).all()
    taken = {row.number for row in rows if row.worker and row.seen_ms > now - _GONE_MS}
    number = next((candidate for candidate in range(MAX_NODE + 1) if candidate not in taken), None)
    if number is None:
        raise StoreUnavailable(f"{MAX_NODE + 1} nodes are running already; stop some that are not needed")
    connection.execute(
        text(
            "INSERT INTO node (number, worker, role, started_ms, seen_ms) VALUES (:number, :worker, :role, :now, :now) "
            "ON CONFLICT (number) DO UPDATE SET worker = excluded.worker, role = excluded.role, "
            "started_ms = excluded.started_ms, seen_ms = excluded.seen_ms"
        ),
        {"number": number, "worker": worker, "role": role, "now": now},
    )
    floor = connection.execute(text("SELECT max(id) FROM message")).scalar() or 0
    events = connection.execute(text("SELECT max(id) FROM event WHERE message_id = :id"), {"id": floor}).scalar() or 0
    return number, max(int(floor), int(events))


def seen(connection: Connection, worker: str) -> bool:
    """Says that the node lives. False when its number was given away meanwhile: it has to join again."""
    now = database_ms(connection)
    return bool(
        connection.execute(
            text("UPDATE node SET seen_ms = :now WHERE worker = :worker"), {"now": now, "worker": worker}
        ).rowcount
    )


def leave(connection: Connection, worker: str) -> None:
    connection.execute(text("DELETE FROM node WHERE worker = :worker"), {"worker": worker})
