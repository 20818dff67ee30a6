"""All mailboxes that are read by this process: who reads which, trying one out, and having one read now.

One process at a time reads a mailbox, under a lease that is prolonged while it does. A mailbox that was changed is let
go and taken up anew with what is set now. A copied database (clone) reads nothing: the mail there is the original's.
"""

from __future__ import annotations

import asyncio
import secrets as randomness
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection

from postroom.clock import monotonic_ms, now_ms
from postroom.errors import TooMany
from postroom.maillog import MailLog
from postroom.model.application import Actor
from postroom.model.attempt import Result, Verdict
from postroom.model.audit import Entry
from postroom.model.mailbox import Mailbox, MailboxState
from postroom.office import Office
from postroom.office.changes import Ref
from postroom.office.mailbox_health import explained, in_words
from postroom.office.mailboxes import MailboxToTry
from postroom.office.trying import ToTry
from postroom.outbox.inbox import Inbox
from postroom.policy.rule import Words
from postroom.receive.imap import folder
from postroom.receive.imap.opening import Access, open_session
from postroom.receive.imap.session import Patience
from postroom.receive.imap.trouble import Trouble
from postroom.secrets import Secret
from postroom.sentence import Sentence
from postroom.settings import Settings
from postroom.store import audit, incoming, mailbox_reading
from postroom.store.database import Store
from postroom.wire.dial import DialTimeouts, Target
from postroom.wire.guard import guard_for_mailbox
from postroom.work.arrival import Arrived, wait_for
from postroom.work.connecting import Connecting
from postroom.work.equipping import Equipping
from postroom.work.grants import Grants
from postroom.work.mailbox_reader import LEASE_MS, MailboxReader, Reading

__all__ = ["ARRIVAL_SECONDS", "MailboxTrial", "Mailboxes", "TrialStep"]

_RENEW_MS = 40_000.0
_IN_HAND = 4
_STOP_SECONDS = 10.0
_MOST_TRIALS = 8
ARRIVAL_SECONDS = 90.0
"""How long a test waits for its message to arrive."""
_LOOKED_THROUGH = 50
_HEADER_OCTETS = 65_536
_SecretSource = Callable[[Secret | None], Awaitable[Secret | Result | None]]


@dataclass(frozen=True, slots=True)
class TrialStep:
    step: str
    ok: bool
    words: str
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class MailboxTrial:
    """What a test of a mailbox showed. `verdict` and `said`: what is to be mended, and the words by which it is known;
    None when it can be read."""

    sentence: str
    steps: tuple[TrialStep, ...]
    verdict: Verdict | None = None
    said: str = ""
    lines: tuple[str, ...] = ()
    words: Callable[[str], Words] | None = field(default=None, repr=False)
    """What is to be mended, told in a language."""

    @property
    def ok(self) -> bool:
        return self.verdict is None


@dataclass(slots=True)
class _Running:
    reader: MailboxReader
    task: asyncio.Task[None]
    renewed: float = field(default_factory=monotonic_ms)


class Mailboxes:
    """`run_once` by upkeep; `test` and `wake` by doors. One for the process. `reads`: whether this one does at all."""

    def __init__(
        self, store: Store, office: Office, settings: Settings, log: MailLog, connecting: Connecting, grants: Grants
    ) -> None:
        self._store = store
        self._office = office
        self._settings = settings
        self._log = log
        self._equipping = Equipping(office, settings, connecting, grants)
        self._connecting = connecting
        self._timeouts = DialTimeouts().scaled(settings.smtp_timeout_scale)
        self._patience = Patience().scaled(settings.smtp_timeout_scale)
        self._inbox = Inbox(store, office)
        self._reading: Reading | None = None
        self._running: dict[int, _Running] = {}
        self._trials = 0
        self._begun = False

    # -- for upkeep -------------------------------------------------------------------------------------------------

    async def run_once(self) -> bool:
        """Takes up what is nobody's, lets go what was changed, prolongs the rest."""
        if not self._begun:
            if self._store.sqlite:
                await self._write(mailbox_reading.end_leases)
            self._begun = True
        wanted = self._wanted()
        if not wanted and not self._running:
            return False
        states = {one.mailbox_id: one for one in await self._read(mailbox_reading.all_states)}
        await self._let_go(wanted)
        for number, mailbox in wanted.items():
            state, running = states.get(number), self._running.get(number)
            if state is None:
                continue
            if running is None:
                await self._take_up(mailbox)
            else:
                await self._keep(running, state)
        return False

    def _wanted(self) -> dict[int, Mailbox]:
        snapshot = self._office.snapshot
        if snapshot.clone is not None:
            return {}
        return {
            number: one
            for number, one in snapshot.mailboxes.items()
            if one.enabled and self._is_open(one) and not self._connecting.elsewhere(one.access)
        }

    def _is_open(self, mailbox: Mailbox) -> bool:
        tenant = self._office.snapshot.tenants.get(mailbox.tenant_id)
        return tenant is not None and not tenant.suspended and tenant.deleted_ms is None

    async def _let_go(self, wanted: Mapping[int, Mailbox]) -> None:
        gone = [
            number
            for number, one in self._running.items()
            if one.task.done() or number not in wanted or wanted[number] != one.reader.mailbox
        ]
        await self._end([self._running.pop(number) for number in gone])

    async def _take_up(self, mailbox: Mailbox) -> None:
        whose = (mailbox.tenant_id, mailbox.id)
        fence, node = self._store.ids.next(), self._store.worker
        held = await self._write(lambda c: mailbox_reading.lease(c, *whose, LEASE_MS, fence, node))
        if held is None:
            return
        if self._reading is None:
            room = asyncio.Semaphore(_IN_HAND)
            self._reading = Reading(self._store, self._inbox, self._log, room, self._settings.smtp_timeout_scale)
        reader = MailboxReader(
            mailbox, held, self._access(mailbox, self._equipping.stored(mailbox.access)), self._reading
        )
        task = asyncio.get_running_loop().create_task(self._watched(reader), name=f"mailbox-{mailbox.name}")
        self._running[mailbox.id] = _Running(reader, task)

    async def _watched(self, reader: MailboxReader) -> None:
        try:
            await reader.run()
        except Exception as error:  # whoever takes it up next begins where this one got to
            self._log.unexpected("mailbox", error)

    async def _keep(self, running: _Running, state: MailboxState) -> None:
        reader = running.reader
        if state.asked_ms is not None and state.asked_ms > reader.looked_ms:
            reader.wake.set()
        if monotonic_ms() - running.renewed < _RENEW_MS:
            return
        if await self._write(partial(mailbox_reading.renew, held=reader.held, lease_ms=LEASE_MS)) is None:
            running.task.cancel()
        running.renewed = monotonic_ms()

    async def stop(self) -> None:
        """Lets all of them go; what was under way ends at its next step."""
        running, self._running = list(self._running.values()), {}
        await self._end(running)

    async def _end(self, ending: list[_Running]) -> None:
        for one in ending:
            one.task.cancel()
        if ending:
            await asyncio.wait([one.task for one in ending], timeout=_STOP_SECONDS)
        for one in ending:
            await self._write(partial(mailbox_reading.release, held=one.reader.held))

    # -- for doors --------------------------------------------------------------------------------------------------

    def wake(self, mailbox_id: int) -> None:
        """It is looked into now, if it is this process that reads it."""
        running = self._running.get(mailbox_id)
        if running is not None:
            running.reader.wake.set()

    async def test(
        self,
        actor: Actor,
        ref: Ref | None,
        values: Mapping[str, object] | None = None,
        secret: str | Secret | None = None,
        tenant_id: int | None = None,
    ) -> MailboxTrial:
        """Opens a mailbox step by step, up to its folder, and changes nothing there. Values that are not saved are
        tried only with the secret typed along. Raises NotFound, BadInput, Conflict."""
        if self._trials >= _MOST_TRIALS:
            raise TooMany("So many mailboxes are being tested already; wait a moment.", seconds=10)
        to_try = await asyncio.wrap_future(self._office.mailbox_to_try(actor, ref, values, secret, tenant_id))
        await self._note_test(actor, to_try)
        mailbox = to_try.mailbox
        stored = self._equipping.stored(mailbox.access)
        typed = self._equipping.typed(ToTry(mailbox.access, True, secret=to_try.secret))
        access = self._access(mailbox, typed if to_try.edited else stored)
        steps: list[TrialStep] = []
        lines: list[str] = []
        self._trials += 1
        try:
            outcome = await self._tried(mailbox, access, steps, lines)
        finally:
            self._trials -= 1
        if isinstance(outcome, str):
            return MailboxTrial(outcome, tuple(steps), lines=tuple(lines))
        verdict = explained(mailbox.access, outcome)
        steps.append(TrialStep(_STEPS.get(outcome.phase, "login"), False, outcome.text))
        words = partial(in_words, mailbox.access, outcome)
        return MailboxTrial(verdict.title, tuple(steps), verdict, outcome.text, tuple(lines), words)

    async def _tried(self, mailbox: Mailbox, access: Access, steps: list[TrialStep], lines: list[str]) -> str | Result:
        """What it came to in a sentence, or why it can't be read."""

        def tell(step: str, words: str, ms: float) -> None:
            steps.append(TrialStep(step, True, words, ms))

        session = await open_session(access, tell, lines)
        if isinstance(session, Result):
            return session
        began = monotonic_ms()
        try:
            chosen = await folder.choose(session, mailbox.folder, read_only=True)
        except Trouble as trouble:
            return trouble.result
        finally:
            await session.goodbye()
        holds = Sentence("{folder} holds {count} mails", folder=mailbox.folder, count=chosen.exists)
        tell("folder", holds, monotonic_ms() - began)
        if "IDLE" in session.capabilities:
            return Sentence("{folder} can be read. The server tells of new mail by itself.", folder=mailbox.folder)
        return Sentence(
            "{folder} can be read. The server is asked for new mail every {count} seconds.",
            folder=mailbox.folder,
            count=mailbox.poll_seconds,
        )

    async def _note_test(self, actor: Actor, to_try: MailboxToTry) -> None:
        mailbox = to_try.mailbox
        told: dict[str, object] = {"host": mailbox.host, "port": mailbox.port, "user": mailbox.user}
        entry = Entry(mailbox.tenant_id, "mailbox.tested", now_ms(), mailbox.id, mailbox.name, after=told).by(actor)
        number = self._store.ids.next()
        await self._write(lambda c: audit.note(c, [(number, entry)]))

    # -- for tests of accounts --------------------------------------------------------------------------------------

    def mailbox_at(self, tenant_id: int, address: str) -> Mailbox | None:
        """The tenant's own mailbox that is read and where mail for this address arrives; a tag behind a plus is its
        owner's affair."""
        wanted = _untagged(address)
        found = self._office.snapshot.mailboxes.values()
        mine = (one for one in found if one.tenant_id == tenant_id and one.enabled and one.address)
        return next((one for one in mine if _untagged(one.address) == wanted), None)

    async def arrival(self, mailbox: Mailbox, message_id: str, since_ms: int) -> Arrived | Verdict | None:
        """Where the message with this Message-ID lies in the mailbox; what keeps it from being looked into; None when
        it is not there after a minute and a half. `since_ms`: when it was sent."""

        async def was_taken() -> bool:
            return bool(await self._read(lambda c: _came(c, mailbox.tenant_id, message_id.encode(), since_ms)))

        access = self._access(mailbox, self._equipping.stored(mailbox.access))
        seconds = ARRIVAL_SECONDS * self._settings.smtp_timeout_scale
        found = await wait_for(mailbox, access, message_id, seconds, was_taken)
        return explained(mailbox.access, found) if isinstance(found, Result) else found

    # -- inside -----------------------------------------------------------------------------------------------------

    def _access(self, mailbox: Mailbox, secret: _SecretSource) -> Access:
        account = mailbox.access
        return Access(
            account,
            Target.of(account, self._settings.tls_minimum),
            secret,
            lambda: randomness.token_urlsafe(18),
            guard_for_mailbox(account, self._settings.tenant_hosts),
            self._timeouts,
            self._patience,
            self._connecting.way_of(account),
        )

    async def _read(self, function: Any) -> Any:
        return await asyncio.wrap_future(self._store.read(function))

    async def _write(self, function: Any) -> Any:
        return await asyncio.wrap_future(self._store.write(function))


_STEPS = {"resolve": "connect", "connect": "connect", "tls": "tls", "starttls": "tls", "greeting": "greeting"}


def _untagged(address: str) -> str:
    """How an address is compared: without a tag behind a plus, whatever the case."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}".casefold()


def _came(connection: Connection, tenant_id: int, message_id: bytes, since_ms: int) -> bool:
    """Whether a mail that was taken in since then has this Message-ID."""
    for one in incoming.listed(connection, tenant_id, _LOOKED_THROUGH):
        if one.received_ms < since_ms:
            return False
        content = incoming.content(connection, tenant_id, one.id) or b""
        if message_id in content[:_HEADER_OCTETS].partition(b"\r\n\r\n")[0]:
            return True
    return False
