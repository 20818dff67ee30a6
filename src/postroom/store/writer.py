"""Group commit: one thread, one transaction for all that waits, one sync, then every caller is answered.

Two kinds of work are handed in:

- a *call*: any function of a connection, answered by a `concurrent.futures.Future`. Used for everything people do.
- a *unit* of a `Batch`: the hot path (accepting, marking, settling). All units of one batch that wait are run by one
  `run_all`, which writes many rows with few statements, and their answers travel together.

A transaction is tried plainly first. If anything in it fails, all of it is rolled back and run again with a savepoint
for each, so that one bad unit fails alone; work handed in must therefore bear being run twice. Delivery goes before
intake: settlements and marks are taken whole, acceptances up to a bound, so that a flood of new mail cannot starve the
mail that is leaving. On a full disk the two are parted: what is leaving uses the reserve, what comes in is refused.

Whatever a caller does with his future or his answer, the thread goes on: a call that was cancelled before its turn is
left out, and one that is taken can't be cancelled any more.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine

from postroom.errors import PostroomError, StoreFull, StoreUnavailable
from postroom.store.engine import explain_failure, prepare_writer
from postroom.store.reserve import Reserve

__all__ = ["Batch", "Done", "Unit", "Writer"]

T = TypeVar("T")
Unit = Any
Done = Callable[[Unit, Any], None]
"""Called with the unit and its answer, which is an exception if it failed."""

_FULL = "The disk that holds the database is full. Nothing was accepted; free some space."
_CALLS_PER_COMMIT = 64
_CHECKPOINT_EVERY = 400


class Batch(Protocol):
    """A kind of hot work. `most` bounds how many units share one commit; `takes_in`: it brings new mail in, which a
    full disk refuses first.
    """

    name: str
    most: int
    takes_in: bool

    def run_all(self, connection: Connection, units: Sequence[Unit]) -> Sequence[Any]:
        """Does them all; returns one answer each, in order."""


class _Call:
    __slots__ = ("function", "future")

    def __init__(self, function: Callable[[Connection], Any], future: Future[Any]) -> None:
        self.function = function
        self.future = future


Group = tuple[Batch, list[tuple[Unit, Done]]]
Answers = list[tuple[Done, Unit, Any]]


class Writer:
    """Owns the one writing connection. `deliver` passes on the answers of a commit, all in one go."""

    def __init__(
        self,
        engine: Engine,
        batches: Sequence[Batch],
        deliver: Callable[[Sequence[tuple[Done, Unit, Any]]], None],
        *,
        checkpoint: bool,
        reserve: Reserve | None = None,
    ) -> None:
        self._engine = engine.execution_options(postroom_writes=True)
        self._batches = tuple(batches)
        self._deliver = deliver
        self._checkpoints = checkpoint
        self._reserve = reserve
        self._since_checkpoint = 0
        self._calls: deque[_Call] = deque()
        self._units: dict[str, deque[tuple[Unit, Done]]] = {batch.name: deque() for batch in batches}
        self._wake = threading.Condition(threading.Lock())
        self._stopping = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="postroom-writer", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[Connection], T]) -> Future[T]:
        """Runs `function(connection)` in some commit soon; the future is done when that commit is on the disk."""
        future: Future[T] = Future()
        with self._wake:
            if self._stopping:
                raise StoreUnavailable("Postroom is stopping; nothing was changed")
            self._calls.append(_Call(function, future))
            self._wake.notify()
        return future

    def submit(self, batch: str, unit: Unit, done: Done) -> None:
        """Hands in one unit of hot work; `done(unit, answer)` is called after the commit."""
        with self._wake:
            if self._stopping:
                raise StoreUnavailable("Postroom is stopping; nothing was changed")
            self._units[batch].append((unit, done))
            self._wake.notify()

    def submit_many(self, batch: str, units: Sequence[Unit], done: Done) -> None:
        """Hands in several units at once, so that they meet in one commit."""
        with self._wake:
            if self._stopping:
                raise StoreUnavailable("Postroom is stopping; nothing was changed")
            self._units[batch].extend((unit, done) for unit in units)
            self._wake.notify()

    def waiting(self, batch: str) -> int:
        return len(self._units[batch])

    def stop(self) -> None:
        """Does what was handed in, then ends. Safe to call twice."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    # -- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            calls, groups = self._take()
            if not calls and not groups:
                break
            answers = self._commit([call for call in calls if call.future.set_running_or_notify_cancel()], groups)
            if answers:
                try:
                    self._deliver(answers)
                except Exception:  # The caller's fault must not end the one thread that everybody needs.
                    threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
            self._maybe_checkpoint()
        self._close()

    def _take(self) -> tuple[list[_Call], list[Group]]:
        with self._wake:
            while not self._stopping and not self._calls and not any(self._units.values()):
                self._wake.wait()
            calls = [self._calls.popleft() for _ in range(min(len(self._calls), _CALLS_PER_COMMIT))]
            groups = []
            for batch in self._batches:
                waiting = self._units[batch.name]
                if waiting:
                    groups.append((batch, [waiting.popleft() for _ in range(min(len(waiting), batch.most))]))
        return calls, groups

    def _commit(self, calls: list[_Call], groups: list[Group]) -> Answers:
        """One commit for all of it; returns the answers to the units, and gives the calls theirs."""
        refused, groups = self._without_what_no_room_is_for(groups)
        try:
            answers, results = self._run_plainly(calls, groups)
        except Exception:
            try:
                answers, results = self._run_carefully(calls, groups)
            except Exception as error:
                self._close()
                return refused + self._failed(calls, groups, explain_failure(error))
        for call, result in zip(calls, results, strict=True):
            if isinstance(result, BaseException):
                call.future.set_exception(result)
            else:
                call.future.set_result(result)
        return refused + answers

    def _failed(self, calls: list[_Call], groups: list[Group], error: PostroomError) -> Answers:
        """Nothing of it is in. On a full disk each part is tried for itself, in what was kept for that; else everybody
        is told.
        """
        if self._reserve is not None and (isinstance(error, StoreFull) or self._reserve.disk_is_full()):
            error = StoreFull(_FULL)
            if not self._reserve.given_up:
                self._reserve.give_up()
                self._checkpoint("TRUNCATE")
                return self._commit(calls, groups)
            if len(groups) + len(calls) > 1:
                answers = [answer for group in groups for answer in self._commit([], [group])]
                for call in calls:
                    self._commit([call], [])
                return answers
        for call in calls:
            call.future.set_exception(error)
        return [(done, unit, error) for _, pairs in groups for unit, done in pairs]

    def _without_what_no_room_is_for(self, groups: list[Group]) -> tuple[Answers, list[Group]]:
        if self._reserve is None or self._reserve.taken_again():
            return [], groups
        refused = [(done, unit, StoreFull(_FULL)) for batch, pairs in groups if batch.takes_in for unit, done in pairs]
        return refused, [group for group in groups if not group[0].takes_in]

    def _run_plainly(self, calls: list[_Call], groups: list[Group]) -> tuple[Answers, list[Any]]:
        answers: Answers = []
        with self._begin() as connection:
            for batch, pairs in groups:
                results = batch.run_all(connection, [unit for unit, _ in pairs])
                answers += [(done, unit, result) for (unit, done), result in zip(pairs, results, strict=True)]
            # A call's refusal (not found, conflict …) is its answer; what it wrote before refusing must go, so each
            # has a savepoint even here.
            calls_answers = [self._in_savepoint(connection, call.function) for call in calls]
        return answers, calls_answers

    def _run_carefully(self, calls: list[_Call], groups: list[Group]) -> tuple[Answers, list[Any]]:
        answers: Answers = []
        with self._begin() as connection:
            for batch, pairs in groups:
                for unit, done in pairs:
                    one = self._in_savepoint(connection, partial(_run_one, batch, unit))
                    answers.append((done, unit, one))
            results = [self._in_savepoint(connection, call.function) for call in calls]
        return answers, results

    def _in_savepoint(self, connection: Connection, function: Callable[[Connection], Any]) -> Any:
        savepoint = connection.begin_nested()
        try:
            result = function(connection)
            savepoint.commit()
        except PostroomError as error:
            savepoint.rollback()
            return error
        except Exception as error:
            ours = explain_failure(error)
            if connection.invalidated or not savepoint.is_active or isinstance(ours, StoreFull):
                raise  # The whole transaction is gone (SQLite ends it by itself when the disk is full).
            savepoint.rollback()
            return ours
        return result

    def _begin(self) -> Any:
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            self._close()
            self._connection = self._engine.connect()
            prepare_writer(self._connection)
        return _Transaction(self._connection)

    def _maybe_checkpoint(self) -> None:
        if not self._checkpoints:
            return
        self._since_checkpoint += 1
        if self._since_checkpoint >= _CHECKPOINT_EVERY:
            self._checkpoint("PASSIVE")

    def _checkpoint(self, kind: str) -> None:
        """What is in the log file goes into the database file. If that fails, the log only grows until it works."""
        self._since_checkpoint = 0
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            raw = self._connection.connection.driver_connection
            if raw is not None:
                raw.execute(f"PRAGMA wal_checkpoint({kind})").close()
        except Exception:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except Exception:
                self._connection.invalidate()
            self._connection = None


def _run_one(batch: Batch, unit: Unit, connection: Connection) -> Any:
    return batch.run_all(connection, [unit])[0]


class _Transaction:
    """`with` around one transaction of the kept connection; a failure leaves the connection clean or thrown away."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Connection:
        self._root = self._connection.begin()
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            try:
                self._root.commit()
            except Exception:
                self._abandon()
                raise
        else:
            self._abandon()

    def _abandon(self) -> None:
        try:
            self._root.rollback()
        except Exception:
            self._connection.invalidate()
