"""Backup and restore: the whole database as one SQLite file, whichever database it came from and goes to.

A backup is one consistent state, taken while Postroom works on. Sealed secrets stay sealed in it, and the key ring is
not part of it: keep that apart, for without it no password opens. What only concerns running processes (nodes, leases)
stays behind. A restored database finds itself in a new home, so the clone guard holds its mail (see `clone`).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table, create_engine, insert, inspect, select, text

from postroom.errors import BadInput, Conflict, Fault
from postroom.store import tables
from postroom.store.engine import is_sqlite, open_engine, sqlite_path
from postroom.store.schema import HEAD, REVISIONS, bring_up_to_date
from postroom.store.scope import across

__all__ = ["BackupMade", "back_up", "restore"]

_ROWS = 500
_RUNNING = (tables.node, tables.lane, tables.person_session, tables.person_link, tables.challenge, tables.guess)
"""What belongs to one running installation alone: in a copy nobody is signed in, and no link opens anything."""
_WHY = "a backup holds every tenant"


class BackupMade(NamedTuple):
    file: Path
    octets: int
    messages: int


def back_up(engine: Engine, file: Path) -> BackupMade:
    """Writes the backup to `file`, which must not be there; complete or not at all. Raises Conflict, OSError."""
    if file.exists():
        raise Conflict(f"{file} is there already. Choose another name.")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    _make_private(part)
    try:
        if is_sqlite(engine.url):
            _copy_file(engine, part)
        else:
            _copy_rows(engine, part)
        messages = _finish(part)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return BackupMade(file, file.stat().st_size, messages)


def restore(file: Path, url: Any) -> int:
    """Puts a backup into a database that holds nothing yet; returns how many messages came with it.

    Raises BadInput for a file that is no backup, Conflict for a database that is in use.
    """
    messages = _checked(file)
    if is_sqlite(url):
        target = sqlite_path(url)
        if target.exists():
            raise Conflict(f"{target} is there already. Move it away first; nothing is overwritten.")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        part.unlink(missing_ok=True)
        _make_private(part)
        shutil.copyfile(file, part)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
        return messages
    engine = open_engine(url)
    try:
        _fill(engine, file)
    finally:
        engine.dispose()
    return messages


def _make_private(part: Path) -> None:
    """An empty file that nobody else can read, before the first octet is in it."""
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _copy_file(engine: Engine, part: Path) -> None:
    """SQLite writes into a file that is there if it is empty (VACUUM INTO)."""
    raw = engine.raw_connection()
    try:
        raw.driver_connection.execute("VACUUM INTO ?", (str(part),))  # type: ignore[union-attr]
    finally:
        raw.close()


def _copy_rows(engine: Engine, part: Path) -> None:
    target = create_engine(f"sqlite:///{part}")
    try:
        bring_up_to_date(target)
        with (
            engine.connect().execution_options(isolation_level="REPEATABLE READ", stream_results=True) as source,
            source.begin(),
            target.connect() as into,
            into.begin(),
        ):
            for table in _kept():
                _copy_table(source, into, table)
    finally:
        target.dispose()


def _kept() -> list[Table]:
    return [table for table in tables.metadata.sorted_tables if table not in _RUNNING]


def _copy_table(source: Connection, into: Connection, table: Table) -> None:
    in_order = select(table).order_by(*table.primary_key)
    found = source.execute(across(in_order, _WHY)).mappings()
    while rows := found.fetchmany(_ROWS):
        into.execute(insert(table), [dict(row) for row in rows])


def _finish(part: Path) -> int:
    """Leaves behind what concerns running processes only; counts the messages."""
    with sqlite3.connect(part) as database:
        for table in _RUNNING:
            database.execute(f"DELETE FROM {table.name}")  # noqa: S608  (our own table's name)
        count: int = database.execute("SELECT count(*) FROM message").fetchone()[0]
    database.close()
    return count


def _checked(file: Path) -> int:
    """How many messages a backup holds. Raises BadInput when it is none, or one of a newer release."""
    try:
        database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            (found,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
            (sound,) = database.execute("PRAGMA quick_check(1)").fetchone()
            count: int = database.execute("SELECT count(*) FROM message").fetchone()[0]
        finally:
            database.close()
    except (sqlite3.Error, TypeError):
        raise BadInput([Fault("file", f"{file} is not a backup of Postroom's.", "Give one made by backup.")]) from None
    if found not in REVISIONS:
        problem = f"was made by a newer Postroom (revision {found}; this one knows up to {HEAD})."
        raise BadInput([Fault("file", problem, "Restore it with that release, or a newer one.")])
    if sound != "ok":
        raise BadInput([Fault("file", f"is damaged: {sound}.", "Use another backup.")])
    return count


def _fill(engine: Engine, file: Path) -> None:
    bring_up_to_date(engine)
    source = create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    try:
        with (
            engine.execution_options(postroom_writes=True).connect() as into,
            into.begin(),
            source.connect() as backup,
            backup.begin(),
        ):
            if inspect(into).has_table("message") and into.execute(text("SELECT 1 FROM tenant LIMIT 1")).first():
                raise Conflict("The database is not empty. Restore into an empty one; nothing is overwritten.")
            into.execute(text("DELETE FROM meta"))
            for table in _kept():
                _copy_table(backup, into, table)
    finally:
        source.dispose()
