"""The staged test of an account: started by a door, walked in this process, kept for everybody who may read it.

    test = await testing.start(actor, Asked("Relay", to="you@example.org"))
    test = await testing.news(actor, test.id, after=0)      # waits for reports that are newer than the nth

First the way is walked without a message (`probe.walk`); then a real one is handed to the outbox and leaves as all mail
does: queue, lane, courier, in whichever process delivers. What became of it is read from the store. Values that are not
saved can't take that road; their message goes in the walk's own session, and the report says so.

Rules it keeps: a step that was not done is told as not tested; a test never pauses an account or changes one; nothing
is handed over for an account that can't send now, so that no test message leaves by surprise tomorrow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from postroom.clock import monotonic_ms, now_ms
from postroom.errors import BadInput, Conflict, Fault, NotFound, PostroomError, TooMany
from postroom.ids import encode
from postroom.intake.taking import Taken
from postroom.maillog import MailLog
from postroom.model.account import Account, AccountState
from postroom.model.application import Actor, Scope
from postroom.model.attempt import Result, Verdict
from postroom.model.staged import Finding, StagedState, StagedStep, StagedTest, StepName
from postroom.model.tenant import Mode
from postroom.office import Office
from postroom.office.changes import Ref, require, tenant_for
from postroom.office.trying import SUBJECT, TEXT, ToTry, noted_test
from postroom.outbox import Outbox
from postroom.policy.route import NATIVE
from postroom.probe.answers import result_of
from postroom.probe.handover import hand_over
from postroom.probe.walk import STEP_OF, Walk, diagnosed
from postroom.secrets import Secret
from postroom.settings import Settings
from postroom.smtp.client import Opened, Recipient, Transmission
from postroom.store import audit, nodes, staged
from postroom.store.acceptance import MESSAGE_COLUMNS
from postroom.store.database import Store
from postroom.wire.drive import Replies
from postroom.wire.link import Link
from postroom.work.connecting import Connecting
from postroom.work.equipping import Equipping
from postroom.work.following import Seen, look, told
from postroom.work.grants import Grants
from postroom.work.mailboxes import Mailboxes

__all__ = ["Asked", "Testing"]

_MOST_SECONDS = 600.0
_MOST_OF_TENANT = 8
_MOST_AT_ALL = 64
_LOOK_SECONDS = 0.1
_LOOK_ELSEWHERE_SECONDS = 0.4
_BEATS_MISSED = 4
"""Signs of life that a process may miss before its tests are taken for stopped."""
_MOST_RECENT = 100
_MOST_REPORTS = 100
_8BIT, _UTF8 = MESSAGE_COLUMNS.index("eight_bit"), MESSAGE_COLUMNS.index("smtputf8")
_HEADER_ID = MESSAGE_COLUMNS.index("message_id")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be tested. `account`: its name or id, "native" for the host's own command, "" for values alone;
    `values` and `secret`: as for changing an account, and not saved. What is not given is pre-filled."""

    account: Ref = ""
    to: str = ""
    subject: str = ""
    text: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    secret: str | Secret | None = field(default=None, repr=False)


class _Run:
    """One test under way in this process."""

    def __init__(self, test: StagedTest) -> None:
        self.test = test
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.writes: list[Future[Any]] = []

    def wake(self) -> None:
        """Lets everybody look who waits, and whoever waits from now on wait anew."""
        self.changed.set()
        self.changed = asyncio.Event()


class Testing:
    """One for the process. `stop` ends what is under way."""

    def __init__(
        self,
        store: Store,
        office: Office,
        outbox: Outbox,
        settings: Settings,
        log: MailLog,
        connecting: Connecting,
        grants: Grants,
        mailboxes: Mailboxes,
    ) -> None:
        self._store = store
        self._office = office
        self._outbox = outbox
        self._log = log
        self._follow_seconds = settings.instant_seconds
        self._mailboxes = mailboxes
        self._equipping = Equipping(office, settings, connecting, grants)
        self._silent_ms = int(settings.heartbeat_seconds * _BEATS_MISSED * 1000)
        self._runs: dict[int, _Run] = {}

    # -- for doors --------------------------------------------------------------------------------------------------

    async def start(self, actor: Actor, asked: Asked, tenant_id: int | None = None) -> StagedTest:
        """Begins a test; it goes on whoever listens. Call on the service's loop.

        Raises NotFound, Conflict, TooMany, BadInput with what can't be tested so.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        actor = replace(actor, tenant_id=number)
        self._refuse_too_many(number)
        if asked.account == "native" and self._office.snapshot.account_named(number, "native") is None:
            return await self._start_native(actor, asked)
        trying = self._office.account_to_try(actor, asked.account or None, asked.values, asked.secret)
        to_try = await asyncio.wrap_future(trying)
        account = to_try.account
        to = asked.to or (await self._to(actor, to_try))
        subject, text = asked.subject or SUBJECT, asked.text or TEXT
        taken = self._outbox.prepare_test(actor, account, to, subject, text, saved=not to_try.edited)
        run = await self._begin(actor, to_try, taken, to, subject)
        run.task = asyncio.get_running_loop().create_task(self._go(run, to_try, taken), name="staged-test")
        return run.test

    async def _to(self, actor: Actor, to_try: ToTry) -> str:
        filled = {} if to_try.new else await asyncio.wrap_future(
            self._office.prefilled_test(actor, to_try.account.id)
        )  # fmt: skip
        to: str = filled.get("to", "")
        if not to:
            raise BadInput([Fault("to", "is missing.", "Say who is to get the test message.")])
        return to

    async def _start_native(self, actor: Actor, asked: Asked) -> StagedTest:
        """A message on the way of all mail, where that is the host's own command."""
        if self._office.snapshot.clone is not None or self._mode(actor.tenant_id) is not Mode.NATIVE:
            raise Conflict("The host's own mail command is not in use: the mode is not native.")
        if asked.values or asked.secret:
            raise BadInput([Fault("values", "can't be given for the host's own command.", "The operator sets it.")])
        if not asked.to:
            raise BadInput([Fault("to", "is missing.", "Say who is to get the test message.")])
        subject, text = asked.subject or SUBJECT, asked.text or TEXT
        taken = self._outbox.prepare_test(actor, None, asked.to, subject, text)
        to_try = ToTry(Account(NATIVE, actor.tenant_id, "native", "", 0))
        run = await self._begin(actor, to_try, taken, asked.to, subject)
        run.task = asyncio.get_running_loop().create_task(self._go(run, to_try, taken), name="staged-test")
        return run.test

    async def read(self, actor: Actor, test_id: int, tenant_id: int | None = None, after: int = 0) -> StagedTest:
        """The test with its reports after the `after`th. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        run = self._runs.get(test_id)
        if run is not None and run.test.tenant_id == number:
            return replace(run.test, steps=run.test.steps[after:])
        found = None
        if 0 <= test_id < 1 << 63:
            found = await self._read(lambda c: self._with_its_end(c, staged.get(c, number, test_id, after)))
        if found is None:
            raise NotFound("There is no such test here, or not any more.")
        test: StagedTest = found
        return test

    async def news(
        self, actor: Actor, test_id: int, after: int, seconds: float, tenant_id: int | None = None
    ) -> StagedTest:
        """As `read`, but waits until there is a newer report or the test is over, `seconds` at most."""
        ends = monotonic_ms() + seconds * 1000
        while True:
            run = self._runs.get(test_id)
            changed = None if run is None else run.changed
            found = await self.read(actor, test_id, tenant_id, after)
            left = (ends - monotonic_ms()) / 1000
            if found.steps or found.state is not StagedState.RUNNING or left <= 0:
                return found
            if changed is None:
                await asyncio.sleep(min(_LOOK_ELSEWHERE_SECONDS, left))
                continue
            try:
                async with asyncio.timeout(left):
                    await changed.wait()
            except TimeoutError:
                pass

    async def recent(
        self, actor: Actor, account: Ref | None = None, tenant_id: int | None = None, limit: int = 20
    ) -> list[StagedTest]:
        """The newest first, without their steps; of one account, or all of the tenant's."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        most = max(1, min(limit, _MOST_RECENT))
        account_id = None
        if account is not None:
            view = await asyncio.wrap_future(self._office.account(actor, account, tenant_id))
            account_id = view.account.id
        found: list[StagedTest] = await self._read(
            lambda c: [self._with_its_end(c, one) for one in staged.recent(c, number, account_id, most)]
        )
        return found

    def _with_its_end(self, connection: Connection, test: StagedTest | None) -> StagedTest | None:
        """A test whose process went away in the middle is over: soon after its last sign of life."""
        if test is None or test.state is not StagedState.RUNNING or test.id in self._runs:
            return test
        ours = test.worker == self._store.worker
        gone = ours or self._store.sqlite or not nodes.is_alive(connection, test.worker, self._silent_ms)
        return replace(test, state=StagedState.STOPPED) if gone else test

    async def prefilled(self, actor: Actor, account: Ref, tenant_id: int | None = None) -> dict[str, str]:
        """What a form for a test of this account begins with: `to`, `subject`, `text`."""
        return await asyncio.wrap_future(self._office.prefilled_test(actor, account, tenant_id))

    async def stop(self) -> None:
        """Ends the tests that are under way, as stopped."""
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- one test ---------------------------------------------------------------------------------------------------

    def _refuse_too_many(self, tenant_id: int) -> None:
        mine = sum(run.test.tenant_id == tenant_id for run in self._runs.values())
        if mine >= _MOST_OF_TENANT or len(self._runs) >= _MOST_AT_ALL:
            raise TooMany("So many tests are running already; wait until one of them has ended.", seconds=10)

    async def _begin(self, actor: Actor, to_try: ToTry, taken: Taken, to: str, subject: str) -> _Run:
        account = to_try.account
        test = StagedTest(
            id=self._store.ids.next(),
            tenant_id=actor.tenant_id,
            account_id=None if to_try.new else account.id,
            account=account.name,
            state=StagedState.RUNNING,
            started_ms=now_ms(),
            to=to,
            subject=subject,
            edited=to_try.edited,
            by=actor.name,
            host=account.host,
            port=account.port,
            user=account.user,
            sender=taken.route.return_path,
            mode=str(self._mode(actor.tenant_id)),
            worker=self._store.worker,
        )
        entry, number = noted_test(actor, to_try, to), self._store.ids.next()

        def work(connection: Connection) -> None:
            staged.begin(connection, test)
            audit.note(connection, [(number, entry)])

        self._refuse_too_many(actor.tenant_id)  # many may have come at once
        run = self._runs[test.id] = _Run(test)
        try:
            await asyncio.wrap_future(self._store.write(work))
        except BaseException:
            del self._runs[test.id]
            raise
        return run

    async def _go(self, run: _Run, to_try: ToTry, taken: Taken) -> None:
        """The whole test; whatever happens, it ends with a word on every step."""
        because = "before"
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                await self._walked(run, to_try, taken)
                await self._arrived(run, taken)
        except TimeoutError:
            because = "stopped"
        except asyncio.CancelledError:
            await self._close(run, "stopped", StagedState.STOPPED)
            raise
        except PostroomError as error:  # the store does not take the message
            self._log.store_trouble(f"staged test: {error}")
            because = "stopped"
        except Exception as error:  # a test that breaks is told as one that did not come so far, and logged loudly
            self._log.unexpected("staged test", error)
            because = "stopped"
        await self._close(run, because)

    async def _walked(self, run: _Run, to_try: ToTry, taken: Taken) -> None:
        account = to_try.account
        if account.id == NATIVE:
            for name in list(StepName)[: list(StepName).index(StepName.CONTENT)]:
                self._tell(run, StagedStep(name, Finding.NOT_NEEDED, now_ms(), seen={"by": "command"}))
            await self._deliver(run, account, taken, lambda step: step)
            return
        equipment = self._equipping.equipment(to_try)
        if isinstance(equipment, Result):
            self._fail(run, account, equipment)
            return
        if to_try.edited:
            await asyncio.wrap_future(self._outbox.sign_test(taken))
        transmission = _transmission(taken)
        walk = Walk(equipment, transmission, taken.route.sender.spec, lambda step: self._tell(run, step))
        if to_try.edited:
            await walk.run(lambda *session: _sent(walk, transmission, *session))
        elif await walk.run():
            await self._deliver(run, account, taken, walk.harmless)

    def _fail(self, run: _Run, account: Account, result: Result) -> None:
        found = diagnosed(result, account, "", run.test.sender)
        step = STEP_OF[result.phase]
        self._tell(run, StagedStep(step, Finding.FAILED, now_ms(), said=result.words, diagnosis=found))

    # -- the message ------------------------------------------------------------------------------------------------

    async def _deliver(
        self, run: _Run, account: Account, taken: Taken, harmless: Callable[[StagedStep], StagedStep]
    ) -> None:
        """Hands the message over to the queue, and tells what becomes of it."""
        present = self._office.snapshot.accounts.get(account.id, account)
        if present.state is AccountState.PAUSED or not present.enabled:
            why = "paused" if present.enabled else "disabled"
            for name in (StepName.CONTENT, StepName.ACCEPTED):
                self._tell(run, StagedStep(name, Finding.NOT_TESTED, now_ms(), seen={"because": why}))
            return
        await asyncio.wrap_future(self._outbox.accept_test(taken))
        await self._noted_message(run, taken.number)
        facts = {"message": encode("m", taken.number), "size": len(taken.content)}
        waiting = StagedStep(StepName.CONTENT, Finding.WAITING, now_ms(), seen={**facts, "where": "queued"})
        self._tell(run, waiting)
        began = monotonic_ms()
        seen = await self._followed(run.test.tenant_id, taken.number)
        if seen is None:
            still = {**facts, "where": "still-queued"}
            self._tell(run, StagedStep(StepName.CONTENT, Finding.WAITING, now_ms(), seen=still))
            return
        names = {one.id: one.name for one in self._office.snapshot.accounts.values()}
        mode = run.test.mode if account.id != NATIVE else ""
        for step in told(seen, present, facts, names, mode):
            self._tell(run, harmless(replace(step, ms=step.ms or round(monotonic_ms() - began))))
        if account.id != NATIVE and _was_taken(run.test):
            await asyncio.wrap_future(self._office.note_tested(account))

    async def _arrived(self, run: _Run, taken: Taken) -> None:
        """Waits for the message in the recipient's mailbox, where that is one that Postroom reads."""
        mailbox = self._mailboxes.mailbox_at(run.test.tenant_id, run.test.to)
        if mailbox is None or not _was_taken(run.test):
            return
        facts: dict[str, Any] = {"mailbox": mailbox.name, "folder": mailbox.folder}
        self._tell(run, StagedStep(StepName.ARRIVED, Finding.WAITING, now_ms(), seen={**facts, "where": "arriving"}))
        began, since = monotonic_ms(), run.test.started_ms
        found = await self._mailboxes.arrival(mailbox, str(taken.unit.message[_HEADER_ID]), since)
        ms = round(monotonic_ms() - began)
        if isinstance(found, Verdict):
            seen = {**facts, "because": "mailbox-unread", "why": found.title}
            self._tell(run, StagedStep(StepName.ARRIVED, Finding.NOT_TESTED, now_ms(), ms, seen=seen))
        elif found is None:
            seen = {**facts, "where": "not-arrived", "seconds": round(ms / 1000)}
            self._tell(run, StagedStep(StepName.ARRIVED, Finding.WAITING, now_ms(), ms, seen=seen))
        else:
            seen = {**facts, "folder": found.folder, "spam": found.spam, "seconds": round(ms / 1000, 1)}
            self._tell(run, StagedStep(StepName.ARRIVED, Finding.PASSED, now_ms(), ms, seen=seen))

    async def _noted_message(self, run: _Run, message_id: int) -> None:
        run.test = replace(run.test, message_id=message_id)
        await asyncio.wrap_future(
            self._store.write(lambda c: staged.set_message(c, run.test.tenant_id, run.test.id, message_id))
        )

    async def _followed(self, tenant_id: int, message_id: int) -> Seen | None:
        """What was decided about the message; None when nobody tried it in time."""
        ends = monotonic_ms() + self._follow_seconds * 1000
        while True:
            seen: Seen | None = await self._read(lambda c: look(c, tenant_id, message_id))
            if seen is not None and seen.decided:
                return seen
            if seen is None or monotonic_ms() > ends:
                return None
            await asyncio.sleep(_LOOK_SECONDS)

    # -- telling ----------------------------------------------------------------------------------------------------

    def _tell(self, run: _Run, step: StagedStep) -> None:
        """Told at once to who listens in this process, and written down for everybody else."""
        if len(run.test.steps) >= _MOST_REPORTS:
            return
        step = replace(step, n=len(run.test.steps) + 1)
        run.test = replace(run.test, steps=(*run.test.steps, step))
        whose = (run.test.tenant_id, run.test.id)
        run.writes.append(self._store.write(lambda c: staged.add(c, *whose, step)))
        run.wake()

    async def _close(self, run: _Run, because: str, state: StagedState | None = None) -> None:
        reported = {one.step for one in run.test.steps}
        taken = _was_taken(run.test)
        for name in StepName:
            if name not in reported:
                why = "no-mailbox" if taken and name is StepName.ARRIVED else because
                self._tell(run, StagedStep(name, Finding.NOT_TESTED, now_ms(), seen={"because": why}))
        state, moment = state or _state_of(run.test), now_ms()
        whose = (run.test.tenant_id, run.test.id)
        try:
            run.writes.append(self._store.write(lambda c: staged.end(c, *whose, state, moment)))
            await asyncio.gather(*(asyncio.wrap_future(one) for one in run.writes))
        except Exception as error:  # who listens here hears it all the same
            self._log.store_trouble(f"staged test: {error}")
        run.test = replace(run.test, state=state, ended_ms=moment)
        del self._runs[run.test.id]
        run.wake()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _mode(self, tenant_id: int) -> Mode:
        return self._office.snapshot.settings(tenant_id).mode.value

    async def _read(self, function: Any) -> Any:
        return await asyncio.wrap_future(self._store.read(function))


def _transmission(taken: Taken) -> Transmission:
    """The message as its courier would be given it."""
    message = taken.unit.message
    recipients = tuple(Recipient(address.spec) for _, address in taken.recipients)
    return Transmission(
        taken.number, taken.mail_from, recipients, taken.content, bool(message[_8BIT]), bool(message[_UTF8])
    )


async def _sent(walk: Walk, transmission: Transmission, opened: Opened, link: Link, replies: Replies) -> None:
    """The message of values that are not saved."""
    size = len(transmission.content)
    outcome = await hand_over(opened, link, replies, transmission)
    if outcome is None:
        return
    decided = outcome.recipients[0]
    lines = tuple(outcome.transcript.text().splitlines())
    result = replace(result_of(decided.phase, decided.reply, link), in_doubt=decided.in_doubt)
    step = STEP_OF[decided.phase]
    if decided.delivered or step is StepName.ACCEPTED:
        walk.passed(StepName.CONTENT, "", lines, size=size, session="own")
    if decided.delivered:
        walk.passed(StepName.ACCEPTED, result.words, session="own")
    elif decided.in_doubt:
        walk.waiting(StepName.ACCEPTED, result.words, where="unknown")
    else:
        walk.fail(step, result, lines, size=size)


def _was_taken(test: StagedTest) -> bool:
    return any(one.step is StepName.ACCEPTED and one.finding is Finding.PASSED for one in test.latest)


def _state_of(test: StagedTest) -> StagedState:
    if any(one.finding is Finding.FAILED for one in test.latest):
        return StagedState.FAILED
    return StagedState.PASSED if _was_taken(test) else StagedState.INCOMPLETE
