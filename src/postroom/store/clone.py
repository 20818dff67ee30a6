"""The clone guard: a database knows where it lives, and notices when it wakes up somewhere else.

Home is, for an SQLite file, its path, its number in the file system and the machine (where the machine has a lasting
identity: containers have none); for PostgreSQL the cluster and the database in it. A file that was copied, restored or
moved has another home. Then nothing leaves until an administrator says that this is the real one: mail that waits in a
copy may have been sent already by the original, or may be about to be.
"""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from postroom.model.clone import Clone
from postroom.store.engine import sqlite_path
from postroom.store.installation import renew_fingerprint

__all__ = ["confirm", "current", "notice"]

_HOME, _CLONE = "home", "clone"


def notice(connection: Connection, now_ms: int, *, guarded: bool = True) -> Clone | None:
    """Compares where the database is with where it was; called when it is opened. The first home is simply noted.

    Not `guarded`: wherever it is, is its home from now on; what was noticed before still waits for a person.
    """
    if not guarded:
        _set(connection, _HOME, _home(connection))
        return current(connection)
    here, was = _home(connection), _get(connection, _HOME)
    if was is None:
        _set(connection, _HOME, here)
        return None
    found = current(connection)
    if here == was or found is not None:
        if here == was and found is not None:
            _forget(connection)  # the original came back to its place
            return None
        return found
    count = "SELECT count(*) FROM recipient WHERE due_ms IS NOT NULL OR lease IS NOT NULL"
    clone = Clone(now_ms, int(connection.exec_driver_sql(count).scalar_one()), here, was)
    _set(connection, _CLONE, json.dumps(clone._asdict()))
    return clone


def current(connection: Connection) -> Clone | None:
    stored = _get(connection, _CLONE)
    return None if stored is None else Clone(**json.loads(stored))


def confirm(connection: Connection, *, original: bool) -> None:
    """This is its home from now on. A copy that stays one gets a fingerprint of its own."""
    _set(connection, _HOME, _home(connection))
    _forget(connection)
    if not original:
        renew_fingerprint(connection)


def _forget(connection: Connection) -> None:
    connection.execute(text("DELETE FROM meta WHERE name = :name"), {"name": _CLONE})


def _get(connection: Connection, name: str) -> str | None:
    found: str | None = connection.execute(text("SELECT value FROM meta WHERE name = :name"), {"name": name}).scalar()
    return found


def _set(connection: Connection, name: str, value: str) -> None:
    connection.execute(
        text(
            "INSERT INTO meta (name, value) VALUES (:name, :value) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        ),
        {"name": name, "value": value},
    )


def _home(connection: Connection) -> str:
    if connection.dialect.name == "sqlite":
        file = sqlite_path(connection.engine.url).resolve()
        return f"{file} #{file.stat().st_ino}{_machine()}"
    database, name = connection.exec_driver_sql(
        "SELECT oid, datname FROM pg_database WHERE datname = current_database()"
    ).one()
    return f"database {name} #{database}{_cluster(connection)}"


def _machine() -> str:
    if any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv")):
        return ""
    try:
        known = Path("/etc/machine-id").read_text("ascii", errors="replace").strip()
    except OSError:
        return ""
    return f" on machine {known[:12]}" if known else ""


def _cluster(connection: Connection) -> str:
    """The cluster's identifier, where this user may see it."""
    savepoint = connection.begin_nested()
    try:
        number = connection.exec_driver_sql("SELECT system_identifier FROM pg_control_system()").scalar_one()
    except DBAPIError:
        savepoint.rollback()
        return ""
    savepoint.commit()
    return f" in cluster {number}"
