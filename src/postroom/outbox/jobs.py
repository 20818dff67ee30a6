"""One act on all that a search finds, in the background: started, watched, stopped and taken back by people; worked
through by upkeep, a batch a transaction.

Rules it keeps: what a job acts upon was found before it began, and is written down; a message's act and its outcome are
one transaction, so each message is acted upon once whoever dies in between; a job gives way to mail that is taken in
and delivered; nodes work on different jobs. Starting, stopping and taking back are in the audit trail, as done by whom,
with what was searched for; the timeline of each message names the same person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from postroom.addresses import Address, BadAddress
from postroom.clock import monotonic_ms, now_ms
from postroom.errors import BadInput, Conflict, Fault, Forbidden, NotFound, PostroomError, StoreUnavailable
from postroom.failpoints import reach
from postroom.ids import encode
from postroom.intake.checks import address_fault
from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.bulk_job import UNDO, BulkAct, BulkJob, BulkRefusal, BulkState
from postroom.outbox.acting import INSISTING, act_in
from postroom.outbox.outbox import Outbox
from postroom.policy.snapshot import Snapshot
from postroom.sentence import N_, Sentence
from postroom.store import acts, audit, bulk_jobs
from postroom.store.bulk_jobs import Held, Once
from postroom.store.database import Store
from postroom.store.query import Query, kept, kept_query, wanted_of
from postroom.store.search import search

__all__ = ["MOST_OPEN", "Jobs"]

T = TypeVar("T")
MOST_OPEN = 5
"""Jobs of one tenant that are not over."""
_ACTS = {
    BulkAct.HOLD: acts.HOLD,
    BulkAct.RELEASE: acts.RELEASE,
    BulkAct.RETRY: acts.RETRY,
    BulkAct.CANCEL: acts.CANCEL,
}
_FULL = N_("There are {most_open} jobs under way already. Wait until one is done, or stop one.")
_COPIES = frozenset({BulkAct.RELEASE, BulkAct.RESEND})
_MOST_TO = 50
_GATHERED = 2_000
_BATCH = 50
_COPIED = 10
_LEASE_MS = 30_000
_TURN_MS = 20_000.0
_MOST_TURNS = 4
_HOT = ("accept", "settle", "mark")
_GIVE_WAY_SECONDS = 0.02
_MOST_WAYS_GIVEN = 10
_HIGHEST = (1 << 63) - 1


class _NotOurs(Conflict):
    """Takes back what a batch wrote."""


class Settled(Protocol):
    """Where the settings of this moment are found (the office)."""

    @property
    def snapshot(self) -> Snapshot: ...


class Jobs:
    """`run_once` by upkeep, the rest by doors. One for the process."""

    def __init__(self, store: Store, office: Settled, outbox: Outbox, log: MailLog) -> None:
        self._store = store
        self._office = office
        self._outbox = outbox
        self._log = log
        self._turns: dict[int, asyncio.Task[None]] = {}
        self._begun = False

    # -- for doors --------------------------------------------------------------------------------------------------

    def start(self, actor: Actor, act: BulkAct, query: Query, to: Sequence[str] | None = None) -> Future[BulkJob]:
        """Begins a job on everything that the search finds now. `to`: copies go there instead, for a release or resend.

        Raises Forbidden, BadInput with every fault; Conflict, by the future, when too many run already.
        """
        _require(actor, Scope.ACT, Scope.READ, *([Scope.CONTENT] if to else []))
        faults = _recipient_faults(act, to or ())
        if faults:
            raise BadInput(faults)
        wanted = wanted_of(self._office.snapshot, actor.tenant_id, query)
        job = replace(self._new(actor, act), search=kept(query), to=tuple(to or ()))
        return self._store.write(lambda c: self._begin(c, actor, job, min(wanted.high, job.id)))

    def undo(self, actor: Actor, job_id: int) -> Future[BulkJob]:
        """Takes back what a job did, on exactly the messages that it moved: a job of its own. One that runs is stopped.

        Raises Conflict, by the future, where there is no way back, or it was taken before.
        """
        _require(actor, Scope.ACT, Scope.READ)

        def work(connection: Connection) -> BulkJob:
            old = _existing(connection, actor.tenant_id, job_id)
            if old.act not in UNDO or old.to:
                raise Conflict(Sentence("What a job does by {act} can't be taken back.", act=old.act.value))
            bulk_jobs.stop(connection, actor.tenant_id, old.id, actor.name, now_ms())
            job = replace(self._new(actor, UNDO[old.act]), undo_of=old.id)
            if not bulk_jobs.set_undone(connection, actor.tenant_id, old.id, job.id):
                raise Conflict("It was taken back already.")
            return self._begin(connection, actor, job, _HIGHEST)

        return self._store.write(work)

    def stop(self, actor: Actor, job_id: int) -> Future[BulkJob]:
        """No further message is acted upon. Stopping what is over is no mistake."""
        _require(actor, Scope.ACT)

        def work(connection: Connection) -> BulkJob:
            _existing(connection, actor.tenant_id, job_id)
            stopped = bulk_jobs.stop(connection, actor.tenant_id, job_id, actor.name, now_ms())
            job = _existing(connection, actor.tenant_id, job_id)
            if stopped:
                self._note(connection, actor, job, "job.stopped", done=job.done, refused=job.refused)
            return job

        return self._store.write(work)

    def job(self, actor: Actor, job_id: int) -> Future[BulkJob]:
        """Raises NotFound."""
        _require(actor, Scope.READ)
        return self._store.read(lambda c: _existing(c, actor.tenant_id, job_id))

    def jobs(self, actor: Actor, limit: int = 50) -> Future[list[BulkJob]]:
        """The tenant's, the newest first."""
        _require(actor, Scope.READ)
        return self._store.read(lambda c: bulk_jobs.recent(c, actor.tenant_id, limit))

    def refusals(
        self, actor: Actor, job_id: int, below: int | None = None, limit: int = 50
    ) -> Future[list[BulkRefusal]]:
        """The messages on which it could not be done, and why; the newest first, with ids below that one."""
        _require(actor, Scope.READ)

        def work(connection: Connection) -> list[BulkRefusal]:
            _existing(connection, actor.tenant_id, job_id)
            return bulk_jobs.refusals(connection, actor.tenant_id, job_id, _HIGHEST if below is None else below, limit)

        return self._store.read(work)

    def _new(self, actor: Actor, act: BulkAct) -> BulkJob:
        return BulkJob(
            id=self._store.ids.next(),
            tenant_id=actor.tenant_id,
            act=act,
            state=BulkState.GATHERING,
            started_ms=now_ms(),
            started_by=actor.name,
            user_id=actor.user_id,
            application_id=actor.application_id,
        )

    def _begin(self, connection: Connection, actor: Actor, job: BulkJob, below: int) -> BulkJob:
        if bulk_jobs.open_of(connection, job.tenant_id) >= MOST_OPEN:
            raise Conflict(Sentence(_FULL, most_open=MOST_OPEN))
        bulk_jobs.begin(connection, job, below)
        told: dict[str, object] = {"act": job.act.value, "search": job.search}
        if job.to:
            told["to"] = list(job.to)
        if job.undo_of is not None:
            told["undo_of"] = encode("j", job.undo_of)
        self._note(connection, actor, job, "job.started", **told)
        return job

    def _note(self, connection: Connection, actor: Actor | None, job: BulkJob, verb: str, **told: object) -> None:
        entry = Entry(job.tenant_id, verb, now_ms(), job.id, job.act.value, after=told).by(actor)
        audit.note(connection, [(self._store.ids.next(), entry)])

    # -- for upkeep -------------------------------------------------------------------------------------------------

    async def run_once(self) -> bool:
        """Gives a turn to jobs that are in nobody's hand."""
        if not self._begun and self._store.sqlite:
            await self._write(bulk_jobs.end_leases)  # whoever held one before is gone
        self._begun = True
        if self._office.snapshot.clone is not None:
            return False
        for job in await self._read(lambda c: bulk_jobs.open_jobs(c, _MOST_TURNS)):
            if len(self._turns) < _MOST_TURNS and job.id not in self._turns:
                task = asyncio.get_running_loop().create_task(self._turn(job), name=f"job-{job.id}")
                self._turns[job.id] = task
                task.add_done_callback(partial(self._over, job.id))
        return False

    def _over(self, number: int, _task: asyncio.Task[None]) -> None:
        self._turns.pop(number, None)

    async def sweep(self) -> bool:
        """Forgets jobs that were over long ago."""
        return bool(await self._write(lambda c: bulk_jobs.forget(c, now_ms())))

    async def stop_working(self) -> None:
        """What is under way goes on after the next start, from where it is."""
        tasks = list(self._turns.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _turn(self, job: BulkJob) -> None:
        fence = self._store.ids.next()
        held = await self._write(lambda c: bulk_jobs.lease(c, job, _LEASE_MS, fence))
        until = monotonic_ms() + _TURN_MS
        try:
            while held is not None:
                await self._give_way()
                held = await self._step(held)
                if held is not None and monotonic_ms() >= until:
                    await self._write(partial(bulk_jobs.release, held=held))
                    return
        except _NotOurs:
            return
        except PostroomError as error:
            self._log.store_trouble(f"job {encode('j', job.id)}: {error.text}")
        except Exception as error:  # its lease ends by itself, and then somebody goes on
            self._log.unexpected("job", error)

    async def _give_way(self) -> None:
        for _ in range(_MOST_WAYS_GIVEN):
            if not any(self._store.waiting(name) for name in _HOT):
                return
            await asyncio.sleep(_GIVE_WAY_SECONDS)

    async def _step(self, held: Held) -> Held | None:
        """One batch; None: it is over, or not ours any more."""
        if held.job.state is BulkState.GATHERING:
            return await self._gather(held)
        copies = held.job.act is BulkAct.RESEND or bool(held.job.to)
        ids, after = await self._read(lambda c: bulk_jobs.waiting(c, held, _COPIED if copies else _BATCH))
        if after is None:
            await self._write(lambda c: self._end(c, held))
            return None
        if copies:
            outcomes = [one for one in await asyncio.gather(*(self._send_copy(held, number) for number in ids)) if one]
            went = await self._write(lambda c: self._conclude(c, held, outcomes, after))
        else:
            went, accounts = await self._write(lambda c: self._act_on(c, held, ids, after))
            insist = _ACTS[held.job.act] in INSISTING
            for account_id in accounts:
                self._outbox.wake(account_id, insist=insist)
        reach("job.after-commit")
        return went

    async def _gather(self, held: Held) -> Held | None:
        job, snapshot = held.job, self._office.snapshot

        def look(connection: Connection) -> tuple[Sequence[int], int | None]:
            if job.undo_of is not None:
                ids = bulk_jobs.moved(connection, job.tenant_id, job.undo_of, held.below, _GATHERED)
                return ids, ids[-1] if len(ids) == _GATHERED else None
            wanted = wanted_of(snapshot, job.tenant_id, kept_query(job.search))
            found = search(connection, job.tenant_id, replace(wanted, high=min(wanted.high, held.below)), _GATHERED)
            return found.ids, found.below

        ids, below = await self._read(look)
        return await self._write(lambda c: bulk_jobs.gather(c, held, ids, below, _LEASE_MS))

    def _end(self, connection: Connection, held: Held) -> None:
        if bulk_jobs.end(connection, held, now_ms()):
            self._note(connection, None, held.job, "job.done", done=held.job.done, refused=held.job.refused)

    # -- one batch --------------------------------------------------------------------------------------------------

    def _act_on(
        self, connection: Connection, held: Held, ids: Sequence[int], after: int
    ) -> tuple[Held | None, frozenset[int]]:
        """Does it to all of them, and says what became of each, in one transaction."""
        moment, job, snapshot = now_ms(), held.job, self._office.snapshot
        outcomes: list[tuple[int, str]] = []
        accounts: set[int] = set()
        for number in ids:
            savepoint = connection.begin_nested()
            try:
                acted = act_in(
                    connection, snapshot, job.tenant_id, number, None, _ACTS[job.act], moment, self._store.ids.next,
                    job.started_by,
                )  # fmt: skip
                savepoint.commit()
                accounts |= acted.accounts
                outcomes.append((number, ""))
            except PostroomError as error:
                savepoint.rollback()
                outcomes.append((number, error.text))
        went = self._conclude(connection, held, outcomes, after)
        reach("job.before-commit")
        return went, frozenset(accounts)

    def _conclude(
        self, connection: Connection, held: Held, outcomes: Sequence[tuple[int, str]], after: int
    ) -> Held | None:
        """Raises _NotOurs where the job is not ours any more: nothing of the transaction stays."""
        bulk_jobs.write_outcomes(connection, held, outcomes)
        went = bulk_jobs.advance(connection, held, after, _LEASE_MS)
        if went is None:
            raise _NotOurs("The job was stopped, or somebody else goes on with it.")
        return went

    async def _send_copy(self, held: Held, number: int) -> tuple[int, str] | None:
        """Why it could not be sent again; None when it was, which its acceptance has written down."""
        job = held.job
        scopes = frozenset({Scope.ACT, Scope.CONTENT})
        actor = Actor(job.tenant_id, scopes, job.application_id, job.started_by, user_id=job.user_id, door="job")
        try:
            sending = self._outbox.resend(actor, number, job.to or None, once=Once(job.tenant_id, job.id, number))
            await asyncio.wrap_future(sending)
        except StoreUnavailable:
            raise
        except PostroomError as error:
            return number, _why(error)
        except SQLAlchemyError:
            raise
        except Exception as error:  # one that can't be read must not keep all others
            self._log.unexpected("job", error)
            return number, N_("It can't be sent again: it could not be read.")
        return None

    async def _write(self, function: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._store.write(function))

    async def _read(self, function: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._store.read(function))


def _why(error: PostroomError) -> str:
    faults: Sequence[Any] = getattr(error, "faults", ())
    if not faults:
        return error.text
    return Sentence("{field}: {problem} {mend}", field=faults[0].field, problem=faults[0].problem, mend=faults[0].mend)


def _recipient_faults(act: BulkAct, to: Sequence[str]) -> list[Fault]:
    if to and act not in _COPIES:
        return [
            Fault(
                "to",
                Sentence("can't be given for {act}.", act=act.value),
                "Only a release or a resend may go to others.",
            )
        ]
    if len(to) > _MOST_TO:
        return [Fault("to", Sentence("names more than {most_to} addresses.", most_to=_MOST_TO), "Name fewer.")]
    faults = []
    for place, text in enumerate(to):
        try:
            Address.parse(text)
        except BadAddress as error:
            faults.append(address_fault(f"to[{place}]", error))
    return faults


def _require(actor: Actor, *scopes: Scope) -> None:
    for scope in scopes:
        if not actor.may(scope):
            raise Forbidden(Sentence("That needs the right {scope}.", scope=scope.value), needs=scope.value)


def _existing(connection: Connection, tenant_id: int, job_id: int) -> BulkJob:
    job = bulk_jobs.get(connection, tenant_id, job_id) if 0 <= job_id < 1 << 63 else None
    if job is None:
        raise NotFound("There is no such job here, or not any more.")
    return job
