"""The worker: lanes for every account that has mail, and what a lane's experience means for its account.

Fresh mail is placed straight into a lane's hand; what found no room, what waits for a retry and what was left by a
crash is claimed from the queue in batches. Polling is the truth; being woken only makes it sooner. Everything here runs
on the service's loop; the store is asked through futures.

Rules it keeps: one dead account delays nobody else (each has its own lanes and its own gate); an account takes no more
connections than it allows over all nodes (a lane is a leased slot); stopping takes no new work, ends open transactions
and gives the rest back (P10).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any

from postroom.clock import monotonic_ms, now_ms
from postroom.deliver.conclude import Ending
from postroom.deliver.feed import SessionFailure, SessionOpened
from postroom.failpoints import reach
from postroom.intake.placement import Ended
from postroom.intake.signing import Signing
from postroom.maillog import MailLog
from postroom.model.account import Account, AccountState
from postroom.model.attempt import Action, Verdict
from postroom.model.job import Job
from postroom.model.rendering import Rendering
from postroom.model.tenant import UnknownPolicy
from postroom.office import Office
from postroom.policy.retry import Schedule, account_rest_ms, resume_ms
from postroom.policy.signing import unsigned_fields
from postroom.policy.snapshot import Snapshot
from postroom.policy.verdict import concerns_account, why_paused
from postroom.settings import Settings
from postroom.store import lanes, paces, sessions
from postroom.store.database import Store
from postroom.store.transmission import Move
from postroom.work.backlog import Signs, Taken, jobs_of, take
from postroom.work.connecting import Connecting
from postroom.work.couriers import NATIVE, Couriers
from postroom.work.grants import Grants
from postroom.work.lane import Lane
from postroom.work.learning import Learning
from postroom.work.proving import Proving
from postroom.work.room import Room
from postroom.work.unheard import Unheard
from postroom.work.waiters import Waiters

__all__ = ["Worker"]

_GROW_AT = 8
_WHILE_ALONE = 64
"""What a lane claims while its account may open more lanes."""
_ODD_PAUSE_MS = 2_000.0
_NATIVE_PAUSE_MS = 60_000.0


class Worker:
    """Started and stopped by the service. `place`, `wake` and `await_ending` are intake's `Placement`."""

    def __init__(
        self,
        store: Store,
        office: Office,
        settings: Settings,
        log: MailLog,
        connecting: Connecting,
        grants: Grants,
    ) -> None:
        self.store = store
        self.log = log
        self.chance: Callable[[], float] = random.random
        self.idle_ms = settings.idle_seconds * 1000.0
        self._office = office
        self._lease_ms = int(settings.lease_seconds * 1000)
        self._beat_seconds = settings.heartbeat_seconds
        self._poll_seconds = settings.poll_seconds
        self._couriers = Couriers(office, settings, connecting, grants)
        connecting.woken = lambda account_id: self.wake(account_id, insist=True)
        self._signing = Signing(office.open_dkim_key, log.signing_trouble)
        self._waiters = Waiters()
        self.unheard = Unheard()
        self.proving = Proving(store, office, self._couriers, settings, log)
        self._learning = Learning(store, log, int(settings.fallback_seconds * 1000))
        self._rooms: dict[int, Room] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._settled = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def snapshot(self) -> Snapshot:
        return self._office.snapshot

    @property
    def stopping(self) -> bool:
        return self._stopping

    @property
    def sees_all_changes(self) -> bool:
        """Whether every change of settings is made in this process, so that they are never older than the mail."""
        return self.store.sqlite

    async def settings_read_anew(self) -> bool:
        try:
            await asyncio.wrap_future(self._office.refresh())
        except Exception as error:
            self.log.store_trouble(str(error))
            return False
        return True

    def signatures(self, account: Account) -> Signs:
        """What signs second renderings that leave through this account."""
        unsigned = unsigned_fields(account)

        def sign(rendering: Rendering, content: bytes) -> bytes:
            known = self.snapshot.dkim_keys
            keys = [known[number] for number in rendering.signers if number in known]
            return self._signing.fields(content, keys, rendering.signed_ms, unsigned)

        return sign

    def schedule(self, tenant_id: int) -> Schedule:
        return self.snapshot.schedule(tenant_id)

    # -- placement --------------------------------------------------------------------------------------------------

    def place(self, job: Job) -> Lane | None:
        """A lane with room for the job. One that is about to send anyway takes it marked: the mark is then as durable
        as the acceptance, in the same commit (P3), where sending twice is the policy should the answer be missing.
        """
        room = self._rooms.get(job.account_id)
        if room is None or not room.lanes or self._stopping or room.paced:
            return None
        if not self.current(room.account) and self._room(job.account_id) is None:
            return None
        lane = room.lane_for(job.size, job.priority)
        if lane is None:
            room.backlog = True
            self._grow(room)
            return None
        lane.reserve(job)
        job.fence = lane.fence
        if lane.sends_soon and job.unknown_policy == UnknownPolicy.RETRY.value:
            job.mark_asked = job.mark_answered = job.marked = True
        if lane.in_hand > _GROW_AT:
            self._grow(room)
        return lane

    def wake(self, account_id: int, *, insist: bool = False) -> None:
        room = self._room(account_id)
        if room is None:
            return
        if insist:
            room.gate.opens_ms = 0.0
            room.insisted = True
        room.backlog = True
        self._grow(room)
        for lane in room.lanes:
            lane.wake()

    def await_ending(self, message_id: int, account_id: int, recipients: int, told: Ended) -> None:
        room = self._room(account_id)
        if room is None or not room.gate.open(monotonic_ms()):
            told(())
            return
        self._waiters.add(message_id, recipients, told)

    def forget(self, message_id: int) -> None:
        self._waiters.forget(message_id)

    def current(self, account: Account) -> bool:
        """Whether these are the account's settings of this moment, and mail may leave through it."""
        known = self._couriers.account(account.id)
        return (
            known is not None
            and known.version == account.version
            and known.enabled
            and known.state is not AccountState.PAUSED
        )

    # -- rooms and lanes --------------------------------------------------------------------------------------------

    def _room(self, account_id: int) -> Room | None:
        """The account's room, if mail may leave through it now."""
        account = self._couriers.account(account_id)
        if account is None or self._stopping or self.snapshot.clone is not None:
            return None
        room = self._rooms.get(account_id)
        if room is None:
            room = self._rooms[account_id] = Room(account)
            room.learnt = self._learning.known(account_id)
        elif room.account.version != account.version:
            room.use(account)
        if not account.enabled or account.state is AccountState.PAUSED:
            room.end_all()
            return None
        return room

    def _grow(self, room: Room) -> None:
        if not self._stopping and room.wants_more(monotonic_ms()) and not self._couriers.elsewhere(room.account):
            room.opening += 1
            self.spawn(self._open_lane(room))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open_lane(self, room: Room) -> None:
        try:
            lane = await self._lease(room)
        finally:
            room.opening -= 1
        if lane is None:
            return
        room.lanes.append(lane)
        room.insisted = False
        try:
            await self._run(room, lane)
        except Exception as error:
            self.log.unexpected("lane", error)
            room.gate.failed(monotonic_ms(), _ODD_PAUSE_MS)
        finally:
            room.lanes.remove(lane)
            await lane.close()
            await self._store_call(lambda c: lanes.release(c, lane.fence))
        if room.backlog or lane.left_work:
            self._wake_later(room.account.id, max(0.0, room.gate.opens_ms - monotonic_ms()))

    async def _lease(self, room: Room) -> Lane | None:
        account, fence = room.account, self.store.ids.next()
        asked = monotonic_ms()
        slots = room.connections
        slot = await self._store_call(
            lambda c: lanes.acquire(c, account.id, account.tenant_id, slots, self.store.worker, self._lease_ms, fence)
        )
        if slot is None or self._stopping:
            if slot is not None:
                await self._store_call(lambda c: lanes.release(c, fence))
            return None
        return Lane(self, account, slot, fence, asked + self._lease_ms)

    async def _run(self, room: Room, lane: Lane) -> None:
        """Sessions one after another, until the lane has nothing to do or its account has to wait."""
        self.refill(lane)
        while await lane.has_work():
            failure = await self._couriers.courier(lane.account).run(lane)
            lane.session, lane.session_id = None, None
            if failure is not None:
                self._no_session(room, lane, failure)
                return
            if lane.delivered_any:
                room.gate.succeeded()
            elif not lane.ending:
                # A server that takes the login and then hangs up on everything: don't hammer it.
                room.gate.failed(monotonic_ms(), _ODD_PAUSE_MS)
                return
            lane.delivered_any = False

    def _no_session(self, room: Room, lane: Lane, failure: SessionFailure) -> None:
        verdict = lane.fail_first(failure)
        if verdict.action in (Action.PAUSE, Action.HOLD_DAY):
            self._pause(lane.account, verdict)
            return
        rest = account_rest_ms(verdict, room.gate.trouble(monotonic_ms()), self.chance())
        room.gate.failed(monotonic_ms(), rest)
        if verdict.action is Action.SLOW:
            self.spawn(self._learning.complained(room, verdict.title, rest, in_mail=False))
        elif concerns_account(verdict):
            self.spawn(self._learning.troubled(room, verdict.title))
        self.log.account_waits(lane.account.name, rest / 1000, failure.result.words)
        self._wake_later(room.account.id, rest)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Does it after a while, or at once when the loop has ended."""
        try:
            asyncio.get_running_loop().call_later(seconds, work)
        except RuntimeError:
            work()

    def _wake_later(self, account_id: int, wait_ms: float) -> None:
        if not self._stopping:
            asyncio.get_running_loop().call_later(wait_ms / 1000 + 0.01, self.wake, account_id)

    # -- what lanes ask for -----------------------------------------------------------------------------------------

    def refill(self, lane: Lane) -> None:
        """Claims for the lane if the queue may hold more for it."""
        room = self._rooms.get(lane.account.id)
        if room is None or not room.backlog or not lane.asks_for_more:
            return
        lane.refilling = True
        self.spawn(self._refill(room, lane))

    async def _refill(self, room: Room, lane: Lane) -> None:
        account = lane.account
        # One lane does not take what several could carry side by side.
        alone = len(room.lanes) + room.opening < room.connections
        wanted = lane.tempo.room - lane.in_hand
        if alone:
            wanted = min(wanted, _WHILE_ALONE)
        room.backlog = False  # whoever queues more from now on says so again
        try:
            taken: Taken | None = await self._store_call(
                lambda c: take(c, account, lane.fence, wanted, now_ms(), self.store.ids.next, self.signatures(account))
            )
        finally:
            lane.refilling = False
        if taken is None:
            room.backlog = True
            return
        if taken.claimed:
            reach("claim.after-commit")
        if not taken.all_there_was:
            room.backlog = True
        if taken.again_ms is not None:
            room.backlog = False
            self._wake_later(account.id, max(0, taken.again_ms - now_ms()))
        for job in jobs_of(taken.claimed, account, lane.fence, self._office.tagging):
            lane.reserve(job)
            lane.add(job)
        if room.backlog:
            self._grow(room)
        lane.wake()

    def finished(self, lane: Lane, job: Job, endings: tuple[Ending, ...] | None, moves: Sequence[Move]) -> None:
        """A job is over: tell the log, and whoever waits how (`moves`: what is durable of it)."""
        self._settled += 1
        room = self._rooms.get(lane.account.id)
        if room is not None and endings:
            room.note_left(monotonic_ms(), sum(ending.verdict.action is Action.NONE for ending in endings))
        self.unheard.note(job.tenant_id, endings or ())
        self.proving.note(job, lane.account, endings or ())
        for ending in endings or ():
            words = ending.words
            if ending.verdict.action is Action.NONE:
                self.log.delivered(job.message_id, ending.n, ending.address, lane.account.name, words)
            else:
                self.log.moved(
                    ending.state, job.message_id, ending.n, ending.address, lane.account.name,
                    ending.verdict.diagnosis, ending.verdict.scope.value, words,
                )  # fmt: skip
        self._waiters.over(job.message_id, len(job.recipients), moves)

    def settled(self) -> int:
        """How many jobs were settled here so far."""
        return self._settled

    def beyond(self, lane: Lane, job: Job, verdict: Verdict) -> None:
        """A verdict that concerns more than one message."""
        room = self._rooms[lane.account.id]
        if verdict.action in (Action.PAUSE, Action.HOLD_DAY):
            self._pause(lane.account, verdict)
        elif verdict.action is Action.SLOW:
            rest = account_rest_ms(verdict, room.gate.trouble(monotonic_ms()), self.chance())
            room.gate.failed(monotonic_ms(), rest)
            self.spawn(self._learning.complained(room, verdict.title, rest, in_mail=True))
            room.end_all()
            self.log.account_waits(lane.account.name, rest / 1000, verdict.title)
            self._wake_later(lane.account.id, rest)
        elif verdict.action is Action.HOLD_SENDER and job.sender_id is not None:
            self._watch(self._office.hold_sender(job.sender_id, verdict.title))
            self.log.sender_held(job.mail_from, verdict.title)

    def _pause(self, account: Account, verdict: Verdict) -> None:
        resume = resume_ms(verdict, now_ms())
        room = self._rooms.get(account.id)
        if room is not None:
            room.end_all()
        if account.id == NATIVE:
            # The operator's command has no row that could be paused: it is tried again after a while.
            if room is not None:
                room.gate.failed(monotonic_ms(), _NATIVE_PAUSE_MS)
                self._wake_later(account.id, _NATIVE_PAUSE_MS)
            return
        if room is not None:
            room.pausing = True
            pausing = self._office.pause_for(account.id, why_paused(verdict), resume, account.version)
            self.spawn(self._told_of(room, pausing))
        self.log.account_paused(account.name, verdict.title)

    async def _told_of(self, room: Room, pausing: Future[bool]) -> None:
        """Until everybody knows of the pause, no lane opens: nobody logs in again with what was just refused."""
        try:
            await asyncio.wrap_future(pausing)
        except Exception as error:
            self.log.store_trouble(str(error))
            room.gate.failed(monotonic_ms(), _ODD_PAUSE_MS)
        room.pausing = False
        self.wake(room.account.id)

    def session_opened(self, lane: Lane, session: SessionOpened) -> int:
        number = self.store.ids.next()
        account = lane.account
        self._watch(
            self.store.write(
                lambda c: sessions.opened(
                    c, number, account.tenant_id, account.id, now_ms(), session.server, session.tls,
                    session.conversation,
                )
            )
        )  # fmt: skip
        self.log.session_opened(account.name, session.server, session.tls)
        room = self._rooms.get(account.id)
        if room is not None:
            self.spawn(self._learning.well(room))
        return number

    async def read_content(self, message_id: int) -> bytes | None:
        return await asyncio.wrap_future(self.store.read(lambda c: sessions.content_for_delivery(c, message_id)))

    def courier_name(self, account: Account) -> str:
        return "native" if account.id == NATIVE else "smtp"

    # -- the clock's work -------------------------------------------------------------------------------------------

    async def poll(self) -> None:
        """Looks which accounts have mail that is due. The truth, should a wake-up ever be missed."""
        moment = now_ms()
        found, learnt = await asyncio.wrap_future(
            self.store.read(lambda c: (lanes.waiting_accounts(c, moment), paces.learnt_of(c, moment)))
        )
        self._learning.take_over(learnt, self._rooms.values())
        for account_id in found:
            self.wake(account_id)
        for account_id in list(self._rooms):
            self._room(account_id)

    async def fall_back(self) -> bool:
        """Moves waiting mail of accounts that can't send; whether there is more to move at once."""
        snapshot = self.snapshot
        if snapshot.clone is not None or self._stopping:
            return False
        again, woken = await self._learning.fall_back(snapshot)
        for account_id in woken:
            self.wake(account_id)
        return again

    async def beat(self) -> None:
        """Lengthens the leases. A lane whose lease is gone stops at once: its mail is another's now."""
        held = {lane.fence: lane for room in self._rooms.values() for lane in room.lanes}
        if not held:
            return
        asked = monotonic_ms()
        fences = list(held)
        alive = await self._store_call(lambda c: lanes.heartbeat(c, fences, self._lease_ms))
        if alive is None:
            return
        for fence, lane in held.items():
            if fence in alive:
                lane.valid_until = asked + self._lease_ms
            else:
                self.log.lane_lost(lane.account.name, lane.slot)
                lane.lose()

    async def stop(self, seconds: float) -> None:
        """No new lanes; open transactions end, at most for so long; the rest is given back."""
        self._stopping = True
        await self.proving.stop()
        for room in self._rooms.values():
            room.end_all()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=5)

    async def _store_call(self, function: Callable[[Any], Any]) -> Any:
        """A write whose failure only means: later. None then."""
        try:
            return await asyncio.wrap_future(self.store.write(function))
        except Exception as error:
            self.log.store_trouble(str(error))
            return None

    def _watch(self, future: Any) -> None:
        def told(done: Any) -> None:
            if not done.cancelled() and done.exception() is not None:
                self.log.store_trouble(str(done.exception()))

        future.add_done_callback(told)
