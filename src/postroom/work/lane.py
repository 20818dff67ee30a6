"""A lane: one slot of one account, leased, with an open session and the jobs in its hand.

Jobs come from memory (just accepted, inserted already leased) or from the queue (claimed in batches). The lane is the
feed of its courier: it hands out jobs, journals marks, settles results. It decides nothing: `deliver.conclude` says
what is to be written, the worker what it means for the account.

Rules it keeps: nothing leaves without a durable mark (P3); every job ends in exactly one settlement or in the knowledge
that its lease is gone (P2, P4); what is in hand when the lane ends goes back to the queue. What can't be written down,
or was left by a courier that broke, is not guessed: the lane ends, and what its lease covers is reclaimed by its mark.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from postroom.addresses import Address
from postroom.clock import monotonic_ms, now_ms
from postroom.deliver.conclude import Circumstances, Concluded, Ending, conclude, give_back, put_aside
from postroom.deliver.feed import SessionFailure, SessionOpened
from postroom.errors import StoreUnavailable
from postroom.failpoints import reach
from postroom.model.account import Account
from postroom.model.attempt import Result, Verdict
from postroom.model.job import Job
from postroom.model.state import State
from postroom.model.tenant import UnknownPolicy
from postroom.policy.fallback import recheck_diverted
from postroom.policy.guard import guard_of
from postroom.policy.verdict import Context, judge
from postroom.policy.way import Change, Reason
from postroom.store.transmission import LeaseLost, Mark, Move, Settlement
from postroom.work.backlog import rendered
from postroom.work.tempo import Tempo

if TYPE_CHECKING:
    from postroom.work.worker import Worker

__all__ = ["Lane"]

_ROOM_BYTES = 8 * 1024 * 1024
_MARK_AHEAD = 15
_SAY_AGAIN_SECONDS = 0.5
_MOST_TIMES = 120


class Lane:
    """Made by the worker when a slot was leased; runs until it is idle, its account waits, or Postroom stops."""

    def __init__(self, worker: Worker, account: Account, slot: int, fence: int, valid_until: float) -> None:
        self.worker = worker
        self.account = account
        self.slot = slot
        self.fence = fence
        self.valid_until = valid_until
        self.session: SessionOpened | None = None
        self.session_id: int | None = None
        self.tempo = Tempo()
        self.in_hand = 0
        self.bytes_in_hand = 0
        self.ending = False
        self.lost = False
        self.refilling = False
        self.delivered_any = False
        self._gave_back = False
        self._jobs: deque[Job] = deque()
        self._sending: set[Job] = set()
        self._more: asyncio.Future[None] | None = None
        self._settled: asyncio.Future[None] | None = None

    # -- what is in hand --------------------------------------------------------------------------------------------

    @property
    def sends_soon(self) -> bool:
        """A session is open, and what was reserved last is among the next few."""
        return self.session is not None and self.in_hand <= _MARK_AHEAD and not self.ending

    @property
    def asks_for_more(self) -> bool:
        """The hand is nearly empty, and nothing for it is on its way."""
        return self.in_hand <= self.tempo.low and not (self.refilling or self.ending or self.lost)

    def has_room(self, most: int, size: int) -> bool:
        return not self.ending and self.in_hand < most and self.bytes_in_hand + size <= _ROOM_BYTES

    def overtaken_by(self, priority: int) -> bool:
        """Whether something in hand would have to wait for such a job (a smaller number is more urgent)."""
        return bool(self._jobs) and self._jobs[-1].priority > priority

    def reserve(self, job: Job) -> None:
        """Makes room for a job that is about to be accepted under this lane's lease."""
        self.in_hand += 1
        self.bytes_in_hand += job.size

    def withdraw(self, job: Job) -> None:
        """The job did not come after all (its acceptance failed), or it is over."""
        self.in_hand -= 1
        self.bytes_in_hand -= job.size
        if self._settled is not None and self.in_hand == 0 and not self._settled.done():
            self._settled.set_result(None)

    def add(self, job: Job) -> None:
        """Hands over a reserved job whose acceptance or claim is durable."""
        if self.ending or self.lost:
            self._return(job)
            return
        jobs = self._jobs
        if jobs and jobs[-1].priority > job.priority:
            jobs.insert(next(place for place, other in enumerate(jobs) if other.priority > job.priority), job)
        else:
            jobs.append(job)
        self.wake()

    def wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    # -- the feed ---------------------------------------------------------------------------------------------------

    def take(self) -> Job | None:
        if not self.worker.current(self.account):
            self.end()  # paused or changed: not one more in a session of before
        while self._jobs and not self.ending and not self.lost:
            job = self._jobs.popleft()
            if job.content is None and job.size:
                self._jobs.appendleft(job)
                return None
            if self._may_leave(job):
                job.started_ms = now_ms()
                if len(self._jobs) < self.tempo.low:
                    self.worker.refill(self)
                if not self._sending:
                    self.tempo.began(monotonic_ms())
                self._sending.add(job)
                return job
        return None

    async def wait(self) -> Job | None:
        idle_until = monotonic_ms() + self.worker.idle_ms
        while not self.ending and not self.lost:
            job = self.take()
            if job is not None:
                return job
            if self._jobs and self._jobs[0].content is None:
                await self._fetch(self._jobs[0])
                continue
            self.worker.refill(self)
            left = idle_until - monotonic_ms()
            if left <= 0 and not self.refilling:
                self.ending = True
                break
            await self._wait_for_more(max(left, 10.0) / 1000)
        return None

    async def _wait_for_more(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._more = loop.create_future()
        alarm = loop.call_later(seconds, self.wake)
        try:
            await self._more
        finally:
            alarm.cancel()
            self._more = None

    async def _fetch(self, job: Job) -> None:
        """Reads a large message's bytes when its turn has come."""
        content = await self.worker.read_content(job.message_id)
        if content is None:
            self._jobs.remove(job)
            self._put_aside(job, State.HELD, None, "content-gone")
        else:
            job.content = rendered(content, job.rendering, self.worker.signatures(self.account))

    def mark(self, job: Job) -> None:
        """Asks for the mark, and where sending twice is the policy anyway, for those of the next few in the same
        commit.
        """
        self._ask_for_mark(job)
        if job.unknown_policy != UnknownPolicy.RETRY.value:
            return
        for place, ahead in enumerate(self._jobs):
            if place >= _MARK_AHEAD or ahead.content is None:
                break
            if ahead.unknown_policy == UnknownPolicy.RETRY.value:
                self._ask_for_mark(ahead)

    def _ask_for_mark(self, job: Job) -> None:
        if job.mark_asked:
            return
        job.mark_asked = True
        rows = [(job.message_id, recipient.n, job.fence) for recipient in job.recipients]
        self.worker.store.submit("mark", Mark(rows), lambda _unit, answer: self._on_mark(job, answer))

    def _on_mark(self, job: Job, answer: Any) -> None:
        job.mark_answered = True
        job.marked = answer is True
        if isinstance(answer, LeaseLost):
            job.lease_lost = True
        elif not job.marked:
            self.worker.log.store_trouble(f"mark: {answer}")
        if job.on_marked is not None:
            job.on_marked()

    async def marked(self, job: Job) -> bool:
        if not job.mark_answered:
            waiter = asyncio.get_running_loop().create_future()
            job.on_marked = lambda: None if waiter.done() else waiter.set_result(None)
            await waiter
            job.on_marked = None
        reach("mark.after-commit")
        return job.marked and not self.lost and monotonic_ms() < self.valid_until

    def opened(self, session: SessionOpened) -> None:
        self.session = session
        self.session_id = self.worker.session_opened(self, session)

    def done(self, job: Job, results: Sequence[Result] | None, conversation: Callable[[], str]) -> None:
        self._sending.discard(job)
        self.tempo.done(monotonic_ms())
        if results is None:
            self._keep_or_return(job)
            return
        around = self.around(job.tenant_id)
        try:
            concluded = conclude(job, results, conversation(), around)
        except Exception as error:  # What is unknown while delivering is temporary and logged loudly (P6).
            self.worker.log.unexpected("conclude", error)
            self._leave(job)
            return
        self.delivered_any = self.delivered_any or any(result.delivered for result in results)
        self._settle(job, concluded.settlement, concluded)

    # -- settling ---------------------------------------------------------------------------------------------------

    def around(self, tenant_id: int) -> Circumstances:
        session = self.session
        return Circumstances(
            self.account,
            self.worker.courier_name(self.account),
            session.family if session else "",
            self.session_id,
            now_ms(),
            self.worker.schedule(tenant_id),
            self.worker.store.ids.next,
            self.worker.chance,
            self.worker.snapshot.settings(tenant_id).suppress_unknown.value,
        )

    def _may_leave(self, job: Job) -> bool:
        """Looks once more whether the job may go: settings may have changed while it waited."""
        if job.expires_ms is not None and job.expires_ms <= now_ms():
            self._put_aside(job, State.EXPIRED, None, "expired")
            return False
        if self._recheck(job) is None and self._guard_lets_pass(job):
            return True
        if self.worker.sees_all_changes:
            self._divert(job)
        else:
            self.worker.spawn(self._look_again(job))
        return False

    def _recheck(self, job: Job) -> Change | None:
        return recheck_diverted(
            self.worker.snapshot, job.tenant_id, job.account_id, job.fallback_of, job.sender_id, job.routed
        )

    async def _look_again(self, job: Job) -> None:
        """Another node may have accepted the job under newer settings than are known here: those decide."""
        if not await self.worker.settings_read_anew():
            self._return(job)
        elif self._recheck(job) is None and self._guard_lets_pass(job):
            self.add(job)
        else:
            self._divert(job)

    def _divert(self, job: Job) -> None:
        """Where the job goes that may not leave this way."""
        change = self._recheck(job)
        if change is None:
            self._put_aside(job, State.SILENCED, None, Reason.GUARD)
            return
        due = now_ms() if change.state is State.QUEUED else None
        self._put_aside(job, change.state, due, change.reason, change.account_id)
        if change.account_id is not None:
            self.worker.wake(change.account_id)

    def _guard_lets_pass(self, job: Job) -> bool:
        """Mail that was queued before the non-production guard was switched on stays here, too."""
        guard = guard_of(self.worker.snapshot, job.tenant_id, job.routed)
        return guard is None or all(guard.allows(Address.parse(one.address)) for one in job.recipients)

    def _put_aside(self, job: Job, state: State, due_ms: int | None, why: str, account_id: int | None = None) -> None:
        account = job.account_id if account_id is None else account_id
        self._settle(job, put_aside(job, state, due_ms, account, why, self.around(job.tenant_id)), None)

    def _keep_or_return(self, job: Job) -> None:
        """Nothing of it was sent. While the lane goes on, the job is the first of its next session."""
        if job.marked and not self.ending and not self.lost and monotonic_ms() < self.valid_until:
            self._jobs.appendleft(job)
        else:
            self._return(job)

    def _return(self, job: Job) -> None:
        if job.lease_lost or self.lost:
            self._over(job, None, lost=True)
            return
        self._gave_back = True
        self._settle(job, give_back(job, now_ms(), "not-sent-yet", self.around(job.tenant_id)), None)

    def _leave(self, job: Job) -> None:
        """Writes nothing down: what the mark says is what is known. The lane ends, so that its lease is reclaimed."""
        self._gave_back = True
        self.end()
        self.withdraw(job)
        self.worker.finished(self, job, None, ())

    def _settle(self, job: Job, settlement: Settlement, concluded: Concluded | None) -> None:
        self._write_down(job, settlement, concluded)
        if concluded is not None and concluded.worst is not None:
            self.worker.beyond(self, job, concluded.worst)

    def _write_down(self, job: Job, settlement: Settlement, concluded: Concluded | None, times: int = 1) -> None:
        def settled(_unit: Any, answer: Any) -> None:
            self._on_settled(job, settlement, concluded, answer, times)

        try:
            self.worker.store.submit("settle", settlement, settled)
        except StoreUnavailable:  # Postroom has stopped; its next start reclaims the job.
            self._leave(job)

    def _on_settled(
        self, job: Job, settlement: Settlement, concluded: Concluded | None, answer: Any, times: int
    ) -> None:
        if answer is True or isinstance(answer, LeaseLost):
            reach("settle.after-commit")
            endings = concluded.endings if concluded and answer is True else None
            self._over(job, endings, settlement.moves, lost=answer is not True)
            return
        # The database did not take it (a full disk, a restart): what happened is known only here, so it is said again.
        self.worker.log.store_trouble(f"settle: {answer}")
        if times < _MOST_TIMES and not self.worker.stopping:
            self.worker.later(_SAY_AGAIN_SECONDS, lambda: self._write_down(job, settlement, concluded, times + 1))
        else:
            self._leave(job)

    def _over(self, job: Job, endings: tuple[Ending, ...] | None, moves: Sequence[Move] = (), *, lost: bool) -> None:
        self.withdraw(job)
        if lost:
            self.worker.log.late_result_refused(job.message_id, self.account.name)
        self.worker.finished(self, job, endings, () if lost else moves)

    # -- ending -----------------------------------------------------------------------------------------------------

    def fail_first(self, failure: SessionFailure) -> Verdict:
        """No session came about: for the first job that was the attempt, the others wait. Returns what it means."""
        if not self._jobs:
            return judge(failure.result, self._no_job_context(failure))
        job = self._jobs.popleft()
        job.started_ms = job.started_ms or now_ms()
        around = self.around(job.tenant_id)
        around.family = failure.family  # there is no session to ask
        results = [failure.result] * len(job.recipients)
        concluded = conclude(job, results, failure.conversation, around)
        self._settle(job, concluded.settlement, concluded._replace(worst=None))
        return concluded.endings[0].verdict

    def _no_job_context(self, failure: SessionFailure) -> Context:
        account = self.account
        return Context(
            family=failure.family,
            encryption=account.encryption,
            login=account.login,
            host=account.host,
            port=account.port,
            user=account.user,
        )

    async def has_work(self) -> bool:
        """Waits for the first job of a session, so that no connection is made for nothing."""
        idle_until = monotonic_ms() + self.worker.idle_ms
        while not self.ending and not self.lost:
            if self._first_may_leave():
                return True
            left = idle_until - monotonic_ms()
            if left <= 0 and not self.refilling and self.in_hand == 0:
                return False
            self.worker.refill(self)
            await self._wait_for_more(max(left, 10.0) / 1000)
        return False

    def _first_may_leave(self) -> bool:
        """Whether there is a job for which a connection is worth making."""
        while self._jobs:
            if self._may_leave(self._jobs[0]):
                return True
            self._jobs.popleft()
        return False

    @property
    def left_work(self) -> bool:
        return self._gave_back

    def end(self) -> None:
        """Takes nothing new; the open transaction is finished first."""
        self.ending = True
        self.wake()

    def lose(self) -> None:
        """The lease is gone: nothing more leaves, nothing more is written down."""
        self.lost = True
        self.end()

    async def close(self) -> None:
        """Gives back what is in hand and waits until all of it is settled."""
        self.ending = True
        for job in self._sending:  # The courier broke off: whether its end left, only its mark knows.
            self._leave(job)
        self._sending.clear()
        while self._jobs:
            self._return(self._jobs.popleft())
        if self.in_hand > 0:
            self._settled = asyncio.get_running_loop().create_future()
            await self._settled
