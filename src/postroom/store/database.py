"""`Store`: the open database. Reads run on a few threads of their own, every write goes through the one writer.

    store.read(lambda c: messages.get(c, tenant, number)).result()      a program waits
    await wrap_future(store.write(lambda c: accounts.create(c, …)))     a coroutine wraps

Opening brings the schema up to date, refuses a newer one, and takes the file's lock on SQLite.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, make_url

from postroom.clock import now_ms
from postroom.errors import StoreUnavailable
from postroom.ids import Ids
from postroom.store import clone, nodes
from postroom.store.acceptance import AcceptanceBatch
from postroom.store.engine import FileLock, explain_failure, is_sqlite, open_engine, sqlite_path
from postroom.store.installation import fingerprint
from postroom.store.reserve import Reserve
from postroom.store.schema import bring_up_to_date
from postroom.store.scope import guard
from postroom.store.transmission import MarkBatch, SettlementBatch
from postroom.store.writer import Done, Unit, Writer

__all__ = ["Store"]

T = TypeVar("T")


class Store:
    """Opened by `Store(url)`; closed by `close()`. `guarded`: a copy is noticed (see `clone`).

    Raises StoreLocked, SchemaTooNew, StoreUnavailable on opening.
    """

    def __init__(self, url: str | URL, *, role: str = "all", readers: int = 4, guarded: bool = True) -> None:
        self.url = make_url(url)
        self.sqlite = is_sqlite(self.url)
        self._lock = FileLock(sqlite_path(self.url)) if self.sqlite else None
        try:
            self.engine = open_engine(self.url, readers=readers)
            guard(self.engine)
            bring_up_to_date(self.engine)
            self.worker = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
            self._readers = ThreadPoolExecutor(readers, thread_name_prefix="postroom-reader")
            self._loop: asyncio.AbstractEventLoop | None = None
            batches = (SettlementBatch(), MarkBatch(), AcceptanceBatch())
            reserve = Reserve(sqlite_path(self.url)) if self.sqlite else None
            self._writer = Writer(self.engine, batches, self._deliver, checkpoint=self.sqlite, reserve=reserve)
            self._closed = False
            self._role = role
            self.ids = Ids()
            self.join()
            self.fingerprint: str = self._writer.call(fingerprint).result()
            self._writer.call(lambda c: clone.notice(c, now_ms(), guarded=guarded)).result()
        except BaseException as error:
            self._drop_lock()
            raise explain_failure(error) from None

    def join(self) -> None:
        """Registers this process and starts its ids behind all that were made under its number."""
        number, floor = self._writer.call(lambda c: nodes.join(c, self.worker, self._role)).result()
        self.ids = Ids(number, floor=floor)

    def read(self, function: Callable[[Connection], T]) -> Future[T]:
        """Runs `function(connection)` on a reader; it sees one consistent state and must not write."""
        try:
            return self._readers.submit(self._read, function)
        except RuntimeError:  # closed; told the same way as any other trouble with the database
            failed: Future[T] = Future()
            failed.set_exception(StoreUnavailable("Postroom is stopping"))
            return failed

    def write(self, function: Callable[[Connection], T]) -> Future[T]:
        """Runs `function(connection)` in the next group commit; done means durable. It may be run twice (see
        `writer`).
        """
        return self._writer.call(function)

    def submit(self, batch: str, unit: Unit, done: Done) -> None:
        """Hands in hot work. `done(unit, answer)` runs on the attached loop, or on the writer's thread without one."""
        self._writer.submit(batch, unit, done)

    def submit_many(self, batch: str, units: Sequence[Unit], done: Done) -> None:
        self._writer.submit_many(batch, units, done)

    def waiting(self, batch: str) -> int:
        """How many units of a batch wait for their commit: the measure that bounds admission."""
        return self._writer.waiting(batch)

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """From now on answers to hot work are given on this loop, one wake-up a commit."""
        self._loop = loop

    def close(self) -> None:
        """Finishes what was handed in, then lets go. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        # If the database is gone already, the node's number is free again after a day.
        with suppress(StoreUnavailable, TimeoutError):
            self._writer.call(lambda c: nodes.leave(c, self.worker)).result(timeout=10)
        self._writer.stop()
        self._readers.shutdown(wait=True, cancel_futures=True)
        self.engine.dispose()
        self._drop_lock()

    def _read(self, function: Callable[[Connection], T]) -> T:
        try:
            with self.engine.connect() as connection, connection.begin():
                return function(connection)
        except Exception as error:
            raise explain_failure(error) from error

    def _deliver(self, answers: Sequence[tuple[Done, Unit, Any]]) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            _answer_all(answers)
            return
        try:
            loop.call_soon_threadsafe(_answer_all, answers)
        except RuntimeError:  # the loop closed between the question and the call
            _answer_all(answers)

    def _drop_lock(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _answer_all(answers: Sequence[tuple[Done, Unit, Any]]) -> None:
    """Tells everybody, whatever one of them does with his answer; the first failure is raised at the end."""
    failures: list[Exception] = []
    for done, unit, answer in answers:
        try:
            done(unit, answer)
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]
