"""Proving senders: plans which pairs are probed when, probes what is due, and learns from mail that leaves anyway.

Rules it keeps:
- A probe goes the production road: the account's own courier, in a lane of the account's (so never more connections
  than it allows, over all nodes), counted against its pace. It never pauses an account or holds a sender: it only finds
  out.
- One node probes a pair, and writes down what came of it only under its lease (`store.proofs`).
- A server that could not be asked is asked later and later. Mail that got through saves the probe.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection

from postroom.addresses import Address, BadAddress
from postroom.clock import now_ms
from postroom.deliver.conclude import Ending
from postroom.deliver.feed import SessionFailure
from postroom.deliver.probing import ProbeFeed, Question, probe_job
from postroom.maillog import MailLog
from postroom.model.account import Account
from postroom.model.attempt import Action, Failure, Result
from postroom.model.job import Job
from postroom.model.proof import Pair, Proof, ProofState
from postroom.office import Office
from postroom.policy.guard import guard_of
from postroom.policy.pace import allowance
from postroom.policy.proving import (
    DAY_MS,
    SETTLE_MS,
    Answer,
    again_ms,
    answer_of,
    basis_of,
    first_due_ms,
    may_be_probed,
    pairs_of,
    wanted,
)
from postroom.policy.speed import narrowed
from postroom.policy.verdict import Context, judge
from postroom.settings import Settings
from postroom.smtp.phase import Phase
from postroom.store import lanes, paces, proofs
from postroom.store.database import Store
from postroom.work.couriers import Couriers

__all__ = ["Proving"]

_Known = tuple[int, str, int, int]
"""Tenant, address, account and the account's version."""

_AT_ONCE = 4
_PATIENCE = 120.0
"""Seconds for one probe: it holds a connection that mail could use."""
_LEASE_MS = 300_000
_BUSY_MS = 15_000
_AGAIN_PLANNED_MS = 60_000
_NEWS_MS = DAY_MS // 2
"""A sender that is proven by mail all day is written down no oftener."""
_MOST_KEPT = 10_000


class Proving:
    """Made by the worker's process; `run_once` is a duty of upkeep. `settle_ms`: from a change to its first probe."""

    def __init__(self, store: Store, office: Office, couriers: Couriers, settings: Settings, log: MailLog) -> None:
        self.settle_ms = SETTLE_MS
        self._store = store
        self._office = office
        self._couriers = couriers
        self._log = log
        self._chance: Callable[[], float] = random.random
        self._lane_ms = int(settings.lease_seconds * 1000)
        self._beat = settings.heartbeat_seconds
        self._planned: tuple[int, int] = (-1, 0)
        self._running: dict[int, asyncio.Task[None]] = {}
        self._news: dict[_Known, tuple[Account, Ending, int]] = {}
        self._known: dict[_Known, tuple[ProofState, int]] = {}

    # -- the clock's work -------------------------------------------------------------------------------------------

    async def run_once(self) -> bool:
        """Plans after changes and now and then, writes down what mail proved, begins what is due."""
        await self._write_news()
        moment, version = now_ms(), self._office.snapshot.version
        known, at = self._planned
        if version != known or abs(moment - at) >= _AGAIN_PLANNED_MS:
            await self._write(lambda c: self._plan(c, moment))
            self._planned = (version, moment)
        if len(self._running) < _AT_ONCE:
            waiting = await asyncio.wrap_future(self._store.read(lambda c: proofs.due(c, now_ms(), _AT_ONCE * 4)))
            for proof in waiting:
                self._begin(proof)
        return False

    async def stop(self) -> None:
        """What is under way is broken off: nothing of it was promised to anybody."""
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _plan(self, connection: Connection, moment: int) -> None:
        snapshot = self._office.snapshot
        goal = wanted(snapshot)
        present = {proof.pair: proof for proof in proofs.all_proofs(connection)}
        there = {pair for tenant_id in snapshot.tenants for pair in pairs_of(snapshot, tenant_id)} | set(goal)
        proofs.forget(connection, [pair for pair in present if pair not in there])
        new = [pair for pair, account in goal.items() if not _is_planned(present.get(pair), account)]
        for pair in new:
            account = goal[pair]
            due = first_due_ms(pair, moment, many=len(new) > _AT_ONCE, settle_ms=self.settle_ms)
            proofs.plan(connection, pair, basis_of(account), account.probe_address, due)
        for pair, proof in present.items():
            if pair not in goal and proof.due_ms is not None and pair in there:
                proofs.unplan(connection, pair)

    # -- probing ----------------------------------------------------------------------------------------------------

    def _begin(self, proof: Proof) -> None:
        """One at a time for an account: they would only wait for each other."""
        number = proof.pair.account_id
        account = self._office.snapshot.accounts.get(number)
        if number in self._running or len(self._running) >= _AT_ONCE:
            return
        if account is not None and self._couriers.elsewhere(account):
            return
        task = asyncio.get_running_loop().create_task(self._watched(proof))
        self._running[number] = task
        task.add_done_callback(lambda _: self._running.pop(number, None))

    async def _watched(self, proof: Proof) -> None:
        fence = self._store.ids.next()
        if not await self._write(lambda c: proofs.lease(c, proof, _LEASE_MS, fence)):
            return
        try:
            await self._probe(proof, fence)
        except BaseException as error:
            await self._write(lambda c: proofs.put_off(c, proof, fence, now_ms() + _BUSY_MS))
            if not isinstance(error, Exception):
                raise
            self._log.unexpected("proof", error)

    async def _probe(self, proof: Proof, fence: int) -> None:
        account = self._account(proof)
        if isinstance(account, str):
            await self._settle(proof, fence, Answer(None, account), "")
            return
        slot = self._store.ids.next()
        if not await self._write(lambda c: self._take_place(c, account, slot)):
            await self._write(lambda c: proofs.put_off(c, proof, fence, now_ms() + _BUSY_MS))
            return
        holding = asyncio.get_running_loop().create_task(self._hold(slot))
        try:
            answer, family = await self._asked(proof, account)
        finally:
            holding.cancel()
            await self._write(lambda c: lanes.release(c, slot))
        await self._settle(proof, fence, answer, family, account)

    def _account(self, proof: Proof) -> Account | str:
        """The account as it is now, or why this pair can't be probed with it."""
        snapshot, pair = self._office.snapshot, proof.pair
        account = snapshot.may_use(pair.tenant_id, pair.account_id)
        if account is None:
            return "The account is not there any more."
        if snapshot.clone is not None:
            return "This database may be a copy, so nothing leaves it."
        if not may_be_probed(account):
            return "The account is paused, switched off or not complete, or writes its own sender into all mail."
        return account if basis_of(account) == proof.basis else "The account was changed meanwhile."

    async def _settle(
        self, proof: Proof, fence: int, answer: Answer, family: str, account: Account | None = None
    ) -> None:
        moment = now_ms()
        due = again_ms(answer, proof.tries, moment, self._chance())
        kept = await self._write(
            lambda c: proofs.settle(
                c, proof, fence, due, moment,
                state=answer.state, words=answer.words, diagnosis=answer.diagnosis, family=family,
            )
        )  # fmt: skip
        if kept and account is not None and (answer.state is not proof.state or not proof.tries):
            state = "not certain" if answer.state is None else answer.state.value
            self._log.sender_probed(proof.pair.address, account.name, state, answer.words)
        if kept and answer.state is ProofState.PROVEN:
            await self._let_go(proof.pair)

    async def _let_go(self, pair: Pair) -> None:
        """What waits because this sender was refused goes on. Only a probe lets it go, for it sent a whole message
        after the refusal; mail that got through may have been under way beside the one that was refused.
        """
        known = self._office.snapshot.sender_at(pair.tenant_id, Address.parse(pair.address))
        if known is not None and known.paused_reason:
            moved = await asyncio.wrap_future(self._office.sender_is_proven(pair))
            if not self._office.snapshot.senders[known.id].paused_reason:
                self._log.sender_released(pair.address, moved)

    async def _hold(self, slot: int) -> None:
        """The lane stays ours for as long as the probe lasts."""
        while True:
            await asyncio.sleep(self._beat)
            await self._write(lambda c: lanes.heartbeat(c, [slot], self._lane_ms))

    def _take_place(self, connection: Connection, account: Account, fence: int) -> bool:
        """A lane of the account's, and one message of its pace; False where either is used up."""
        moment = now_ms()
        pace = paces.of_account(connection, account, lock=True)
        limits = narrowed(account.limits, pace.learnt, moment)
        allowed = allowance(limits, pace.used, moment)
        if allowed.n <= 0 or pace.learnt.rests(moment):
            return False
        slots = min(limits.connections, account.limits.connections)
        worker = self._store.worker
        if lanes.acquire(connection, account.id, account.tenant_id, slots, worker, self._lane_ms, fence) is None:
            return False
        paces.book(connection, account, allowed.after(1))
        return True

    async def _asked(self, proof: Proof, account: Account) -> tuple[Answer, str]:
        """What the server says of this sender, and what kind of server it is."""
        sender, reader = Address.parse(proof.pair.address), self._reader(proof, account)
        known = self._office.snapshot.sender_at(proof.pair.tenant_id, sender)
        mail_from = (known.return_path if known is not None else "") or account.return_path or sender.spec
        errand: ProbeFeed | Question
        if reader is None:
            errand = Question(mail_from, sender.spec)
        else:
            number = self._store.ids.next()
            errand = ProbeFeed(probe_job(sender, account.name, reader, number, now_ms(), mail_from))
        try:
            async with asyncio.timeout(_PATIENCE):
                failure = await self._couriers.courier(account).run(errand)
        except TimeoutError:
            text = f"The server did not answer within {_PATIENCE:g} seconds."
            failure = SessionFailure(Result(Phase.CONNECT.value, text=text, failure=Failure.TIMEOUT), "")
        result = _result(errand, failure)
        family = failure.family if failure is not None else errand.family
        context = Context(
            family=family, encryption=account.encryption, login=account.login, host=account.host, port=account.port,
            user=account.user, sender=sender.spec,
        )  # fmt: skip
        return answer_of(result, judge(result, context), whole=reader is not None), family

    def _reader(self, proof: Proof, account: Account) -> Address | None:
        """Who gets the message; nobody where there is no probe address, or where the tenant's guard keeps it here."""
        if not account.probe_address:
            return None
        try:
            reader = Address.parse(account.probe_address)
        except BadAddress:
            return None
        guard = guard_of(self._office.snapshot, proof.pair.tenant_id, "")
        return reader if guard is None or guard.allows(reader) else None

    # -- what mail proves -------------------------------------------------------------------------------------------

    def note(self, job: Job, account: Account, endings: Iterable[Ending]) -> None:
        """Mail left, or was refused: what is certain of it is a proof. Costs next to nothing while it is no news."""
        if not job.sender or job.rendering is not None or account.rewrite_from:
            return
        for ending in endings:
            state = _state_of(ending)
            if state is None:
                continue
            key, moment = (job.tenant_id, job.sender, account.id, account.version), now_ms()
            known = self._known.get(key)
            if known is None or known[0] is not state or moment - known[1] >= _NEWS_MS:
                if len(self._known) >= _MOST_KEPT:
                    self._known.clear()
                self._known[key] = (state, moment)
                self._news[key] = (account, ending, moment)
            return

    async def _write_news(self) -> None:
        if not self._news:
            return
        news, self._news = self._news, {}
        try:
            await self._write(lambda c: self._tell(c, news))
        except Exception:
            self._news = news | self._news
            raise

    def _tell(self, connection: Connection, news: dict[_Known, tuple[Account, Ending, int]]) -> None:
        for (tenant_id, address, account_id, _), (account, ending, at_ms) in news.items():
            state = _state_of(ending) or ProofState.UNTESTED
            proofs.note_mail(
                connection,
                Pair(tenant_id, address, account_id),
                basis_of(account),
                again_ms(Answer(state, ""), 0, at_ms, self._chance()),
                at_ms,
                state=state,
                words=ending.words[:1_000],
                diagnosis="" if state is ProofState.PROVEN else ending.verdict.diagnosis,
                family=ending.family,
            )

    async def _write(self, function: Callable[[Connection], Any]) -> Any:
        return await asyncio.wrap_future(self._store.write(function))


def _is_planned(proof: Proof | None, account: Account) -> bool:
    if proof is None or proof.due_ms is None:
        return False
    return proof.basis == basis_of(account) and proof.probe_address == account.probe_address


def _state_of(ending: Ending) -> ProofState | None:
    if ending.verdict.action is Action.HOLD_SENDER:
        return ProofState.REFUSED
    return ProofState.PROVEN if ending.verdict.action is Action.NONE else None


def _result(errand: ProbeFeed | Question, failure: SessionFailure | None) -> Result:
    if failure is not None:
        return failure.result
    return errand.result or Result("connect", text="The session ended before the server was asked.")
