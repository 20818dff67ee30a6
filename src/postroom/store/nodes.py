"""Nodes: each running process has a number, so that ids never meet (`ids`), and a heartbeat that others can see."""

from __future__ import annotations

from sqlalchemy import Connection, text

from postroom.errors import StoreUnavailable
from postroom.ids import MAX_NODE
from postroom.store.lanes import database_ms

__all__ = ["join", "leave", "seen"]

_GONE_MS = 24 * 3600 * 1000
_SILENT_MS = 10 * 60 * 1000
_TRIES = 100


def join(connection: Connection, worker: str, role: str) -> tuple[int, int]:
    """Takes a node number; returns it with the highest id that may have been made under it before.

    A number is free again when its node left in good order or has not been seen for a day; when there is none, the one
    that has been silent for longest, if it was for ten minutes: processes that are killed again and again must not use
    them up.
    """
    leave(connection, worker)
    now = database_ms(connection)
    for _ in range(_TRIES):
        number, former = _free(connection, now)
        if _take(connection, number, former, worker, role, now):
            return number, _floor(connection)
    raise StoreUnavailable("Too many nodes are starting at this moment; it is tried again.")


def _free(connection: Connection, now: int) -> tuple[int, str | None]:
    """A number that can be had, and whose it was (None: nobody's)."""
    rows = connection.execute(text("SELECT number, worker, seen_ms FROM node ORDER BY number")).all()
    known = {row.number: row for row in rows}
    for number in range(MAX_NODE + 1):
        row = known.get(number)
        if row is None:
            return number, None
        if row.seen_ms <= now - _GONE_MS:
            return number, row.worker
    silent = min(rows, key=lambda row: row.seen_ms)
    if silent.seen_ms > now - _SILENT_MS:
        raise StoreUnavailable(f"{MAX_NODE + 1} nodes are running already; stop some that are not needed")
    return silent.number, silent.worker


def _take(connection: Connection, number: int, former: str | None, worker: str, role: str, now: int) -> bool:
    """False: another process that starts at the same moment was faster."""
    values = {"number": number, "worker": worker, "role": role, "now": now, "former": former}
    if former is None:
        statement = (
            "INSERT INTO node (number, worker, role, started_ms, seen_ms) VALUES (:number, :worker, :role, :now, :now) "
            "ON CONFLICT (number) DO NOTHING"
        )
    else:
        statement = (
            "UPDATE node SET worker = :worker, role = :role, started_ms = :now, seen_ms = :now "
            "WHERE number = :number AND worker = :former"
        )
    return bool(connection.execute(text(statement), values).rowcount)


def _floor(connection: Connection) -> int:
    """The highest number known, so that a clock that was set back makes none twice."""
    message = int(connection.execute(text("SELECT max(id) FROM message")).scalar() or 0)
    event = connection.execute(text("SELECT max(id) FROM event WHERE message_id = :id"), {"id": message}).scalar()
    fence = connection.execute(text("SELECT max(fence) FROM lane")).scalar()
    return max(message, int(event or 0), int(fence or 0))


def seen(connection: Connection, worker: str) -> bool:
    """Says that the node lives. False when its number was given away meanwhile: it has to join again."""
    now = database_ms(connection)
    return bool(
        connection.execute(
            text("UPDATE node SET seen_ms = :now WHERE worker = :worker"), {"now": now, "worker": worker}
        ).rowcount
    )


def is_alive(connection: Connection, worker: str, silent_ms: int) -> bool:
    """Whether the node was heard of within this time."""
    heard = connection.execute(text("SELECT seen_ms FROM node WHERE worker = :worker"), {"worker": worker}).scalar()
    return heard is not None and int(heard) > database_ms(connection) - silent_ms


def leave(connection: Connection, worker: str) -> None:
    connection.execute(text("DELETE FROM node WHERE worker = :worker"), {"worker": worker})
