"""Opening a database: SQLite (one owning process, WAL, synchronous=FULL) or PostgreSQL.

Rules it keeps: nothing reads or writes an SQLite file that another process owns (lock file beside it, which names the
owner); every commit is on the disk before it returns (P1); only the writer checkpoints, so a reader never pays for it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import traceback
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from postroom.errors import PostroomError, StoreFull, StoreLocked, StoreUnavailable

__all__ = ["FileLock", "explain_failure", "is_sqlite", "open_engine", "prepare_writer", "sqlite_path"]

_BUSY_MS = 5_000
_CACHE_KIB = 16_384
_STUCK_MS = 5_000


class FileLock:
    """Says which process owns an SQLite file. Held for as long as the object is open; the kernel drops it on any
    death.
    """

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(self._file, 64).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise StoreLocked(
                f"The database {database} is in use by another Postroom (process {owner}). "
                "Stop that one first, or use PostgreSQL to run several side by side.",
                database=str(database),
                owner=owner,
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_sqlite(url: URL | str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def sqlite_path(url: URL | str) -> Path:
    return Path(make_url(url).database or "postroom.db")


def open_engine(url: URL | str, *, readers: int = 4) -> Engine:
    """An engine whose connections are set up for Postroom's promises. Nothing is connected yet."""
    parsed = make_url(url)
    if is_sqlite(parsed):
        engine = create_engine(
            parsed,
            poolclass=QueuePool,
            pool_size=readers + 1,
            max_overflow=2,
            connect_args={"check_same_thread": False, "cached_statements": 256},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=readers + 2,
        max_overflow=4,
        pool_pre_ping=False,
        pool_recycle=3600,
        connect_args={"connect_timeout": 5, "application_name": "postroom"},
    )


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_MS}",
        f"cache_size=-{_CACHE_KIB}",
        "wal_autocheckpoint=0",
        "temp_store=MEMORY",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def prepare_writer(connection: Connection) -> None:
    """The writer's statements are few, go by keys, and come thousands of times: PostgreSQL is told so.

    Otherwise it plans each of them anew, and while a table is small it reads all of it for a join with a list of keys,
    a plan that stays when the table has grown. A writer that stops in the middle of a transaction (frozen, or cut off)
    loses it soon: its row locks would keep the other nodes from taking over its mail.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql(f"SET idle_in_transaction_session_timeout = {_STUCK_MS}")
    connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
    for way in ("hashjoin", "mergejoin", "seqscan"):
        connection.exec_driver_sql(f"SET enable_{way} = off")
    connection.commit()


def _begin_sqlite(connection: Any) -> None:
    # A writer says so at once: a read that turns into a write halfway could be refused as busy.
    writes = connection.get_execution_options().get("postroom_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def explain_failure(error: BaseException) -> PostroomError:
    """A database's exception as one of ours, with words for the person who runs it. Never contains parameters."""
    if isinstance(error, PostroomError):
        return error
    cause = getattr(error, "orig", None) or error
    words = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
    lowered = words.lower()
    if "disk is full" in lowered or "no space left" in lowered or getattr(cause, "sqlstate", "") == "53100":
        return StoreFull("The disk that holds the database is full. Nothing was accepted; free some space.")
    if isinstance(error, (OperationalError, sqlite3.OperationalError, DBAPIError)):
        return StoreUnavailable(f"The database did not take the work: {words}", cause=type(cause).__name__)
    told = {"cause": type(error).__name__, "at": _place_of(error)}
    return StoreUnavailable("The database work failed inside Postroom", **told)


def _place_of(error: BaseException) -> str:
    """The last place of ours that it came through; its text may quote mail and stays out."""
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if "/postroom/" in frame.filename]
    return f"{Path(places[-1].filename).name}:{places[-1].lineno}" if places else "unknown"
