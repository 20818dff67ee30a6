"""What a dead Postroom left in its database, read without any of Postroom's code; and time made to pass for it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

__all__ = ["Left", "check_integrity", "end_leases", "left_behind", "query"]


class Left(NamedTuple):
    """One recipient's row."""

    state: str
    mark: int
    leased: bool


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """The rows; a change is committed. `url` as Postroom is given it."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        connection = sqlite3.connect(path)
        try:
            with connection:
                return connection.execute(statement).fetchall()
        finally:
            connection.close()
    with psycopg.connect(url) as postgres:
        cursor = postgres.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def left_behind(url: str, address: str) -> Left | None:
    """The row of this recipient, or None when there is no such message."""
    found = query(url, f"SELECT state, mark, lease FROM recipient WHERE address = '{address}'")
    assert len(found) <= 1, f"{address} is in two messages"
    return Left(found[0][0], found[0][1], found[0][2] is not None) if found else None


def end_leases(url: str) -> None:
    """As if the time of every lease had passed. One file's owner ends them by itself when it starts."""
    query(url, "UPDATE lane SET expires_ms = 1")


def check_integrity(url: str) -> None:
    """SQLite's own check of its file; and that no row is without its message."""
    if url.startswith("sqlite:///"):
        assert query(url, "PRAGMA integrity_check") == [("ok",)]
    for table, column in (("recipient", "message_id"), ("content", "message_id"), ("event", "message_id")):
        orphans = query(url, f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM message)")
        assert orphans == [(0,)], f"{table} without a message"
    assert query(url, "SELECT count(*) FROM message WHERE id NOT IN (SELECT message_id FROM recipient)") == [(0,)]
