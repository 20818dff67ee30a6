"""Reading one mailbox, for as long as its lease is held: look, take in, wait for more; after trouble, try again.

Rules it keeps:
- A mail counts as dealt with when it is taken in for good, or noted as one that can't be; then its original is put
  away, and then the place moves on, in that order. Who dies in between takes the same mail in again, which changes
  nothing (its digest is known).
- A mail that can't be had does not hold up those behind it: it is passed over, left as it lies, and its number noted.
- Memory is bounded: mails are listed some hundreds at a time, fetched some megabytes at a time, and a few mailboxes at
  once have mail in hand.
- A refused login is not repeated in haste: servers lock out who does.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, PostroomError, TooLarge
from postroom.failpoints import reach
from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.attempt import Failure, Result
from postroom.model.mailbox import Afterwards, Mailbox, MailboxEvent, MailboxState
from postroom.office.mailbox_health import explained
from postroom.outbox.inbox import Inbox
from postroom.receive.imap import folder
from postroom.receive.imap.folder import Chosen, Lying
from postroom.receive.imap.opening import Access, open_session
from postroom.receive.imap.session import Session
from postroom.receive.imap.trouble import Trouble
from postroom.receive.sorting import MAX_CONTENT
from postroom.store import mailbox_reading, mailboxes
from postroom.store.database import Store

__all__ = ["LEASE_MS", "MailboxReader", "Reading"]

LEASE_MS = 120_000
_WINDOW = 1_000
_LISTED = 500
_BATCH = 50
_BATCH_OCTETS = 2_000_000
_FIRST_WAIT = 15.0
_LOGIN_WAIT = 300.0
_LONGEST_WAIT = 3_600.0
_IDLE_SECONDS = 25 * 60.0
_STUBBORN = 3
"""How often the same mail may break the connection before it is fetched alone, and then before it is passed over."""
_LOCKS_OUT = frozenset({Failure.MAILBOX_LOGIN, Failure.SECRET, Failure.GRANT, Failure.NO_GRANT})


class _Lost(Exception):
    """The lease is somebody else's."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What every reader is given. `room`: how many of them may have mail in hand; `wait`: a factor on all waits."""

    store: Store
    inbox: Inbox
    log: MailLog
    room: asyncio.Semaphore
    wait: float = 1.0


class MailboxReader:
    """One mailbox in our hand. Set `wake` to have it looked into now; `looked_ms`: when it last began to look."""

    def __init__(self, mailbox: Mailbox, held: MailboxState, access: Access, reading: Reading) -> None:
        self.mailbox = mailbox
        self.held = held
        self.wake = asyncio.Event()
        self.looked_ms = 0
        self._access = access
        self._with = reading
        self._actor = Actor(mailbox.tenant_id, frozenset({Scope.ACT}), name=f"mailbox {mailbox.name}", door="imap")
        self._trouble = held.trouble
        self._said = held.fault if held.trouble else ""
        self._uid = held.uid
        self._stuck = (0, 0)

    async def run(self) -> None:
        """Until it is cancelled, or the lease is lost."""
        try:
            while True:
                self.looked_ms = now_ms()
                self.wake.clear()
                result = await self._turn()
                wait = float(self.mailbox.poll_seconds) if result is None else await self._troubled(result)
                await self._pause(wait)
        except _Lost:
            return

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.wake.wait(), seconds * self._with.wait)
        except TimeoutError:
            return

    # -- one connection ---------------------------------------------------------------------------------------------

    async def _turn(self) -> Result | None:
        """Reads until the connection ends; None where that is because the server is only asked now and then."""
        session = await open_session(self._access)
        if isinstance(session, Result):
            return session
        try:
            chosen = await self._chosen(session)
            while True:
                await self._catch_up(session, chosen)
                idles = "IDLE" in session.capabilities
                await self._went_well(idles=idles)
                if not idles:
                    await session.goodbye()
                    return None
                await session.idle(self.wake, min(self.mailbox.poll_seconds * self._with.wait, _IDLE_SECONDS))
                self.looked_ms = now_ms()
                self.wake.clear()
        except Trouble as trouble:
            return trouble.result
        except PostroomError as error:  # the store takes nothing: what was not taken in stays unmarked
            self._with.log.store_trouble(f"mailbox: {error}")
            return Result("auth", text=error.text, failure=Failure.INTERNAL)
        finally:
            session.link.close()

    async def _chosen(self, session: Session) -> Chosen:
        mailbox = self.mailbox
        only_looks = mailbox.afterwards is Afterwards.LEAVE
        chosen = await folder.choose(session, mailbox.folder, read_only=only_looks)
        if not chosen.writable and not only_looks:
            words = "The folder can only be read, so no mail in it can be marked, moved or deleted."
            raise Trouble(Failure.MAILBOX_FOLDER, words)
        if self.held.uid_validity != chosen.validity:
            known, self._uid = self.held.uid_validity, 0
            if known is None and mailbox.only_new:
                self._uid = await folder.highest(session)
            text = (
                "The server numbers the folder anew: it is read from its beginning. What had come in changes nothing."
            )
            await self._advance(chosen, self._uid, notes=[] if known is None else [text])
        return chosen

    async def _catch_up(self, session: Session, chosen: Chosen) -> None:
        """Everything behind our place, the oldest first."""
        session.news = False
        top, first, window = await folder.highest(session), self._uid + 1, _WINDOW
        taken = passed = 0
        while first <= top:
            last = min(first + window - 1, top)
            lying = await folder.list_some(session, first, last, _LISTED)
            for batch in _batches(lying, alone=self._is_stuck):
                done = await self._take(session, chosen, batch)
                taken, passed = taken + done[0], passed + done[1]
            first = lying[-1].uid + 1 if len(lying) >= _LISTED else last + 1
            window = _WINDOW if lying else window * 2
        if top > self._uid:
            await self._advance(chosen, top)
        if taken or passed:
            self._with.log.mailbox_read(self.mailbox.name, taken, passed)

    # -- some mails ---------------------------------------------------------------------------------------------------

    async def _take(self, session: Session, chosen: Chosen, batch: Sequence[Lying]) -> tuple[int, int]:
        """Takes these in, puts their originals away, moves our place behind them. How many came in, how many could
        not."""
        notes = [_too_large(one) for one in batch if one.size > MAX_CONTENT]
        wanted = [one for one in batch if one.size <= MAX_CONTENT]
        if wanted and self._gives_up(wanted):
            notes.append(f"Mail number {wanted[0].uid} broke the connection again and again; it is left where it is.")
            wanted = []
        async with self._with.room:
            came, missing = await self._fetched(session, wanted)
            reach("mailbox.after-fetch")
            refused = await self._taken_in(came)
        reach("mailbox.after-take")
        notes += [*missing, *refused.values()]
        done = [uid for uid in came if uid not in refused]
        await folder.put_away(session, done, self.mailbox.afterwards, self.mailbox.move_to)
        reach("mailbox.after-put-away")
        await self._advance(chosen, batch[-1].uid, len(done), notes)
        self._stuck = (0, 0)
        return len(done), len(notes)

    async def _fetched(self, session: Session, wanted: Sequence[Lying]) -> tuple[dict[int, bytes], list[str]]:
        """Their contents, and a sentence for each that the server has but does not give."""
        came: dict[int, bytes] = {}
        if not wanted:
            return came, []
        try:
            await folder.fetch(session, wanted, MAX_CONTENT, came.__setitem__)
        except Trouble as trouble:
            if trouble.result.failure is not Failure.MAILBOX_REFUSED:
                self._stuck = (wanted[0].uid, self._stuck[1] + 1 if self._stuck[0] == wanted[0].uid else 1)
                raise
        notes = []
        for one in wanted:
            if one.uid not in came and await folder.list_some(session, one.uid, one.uid, 1):
                notes += await self._alone(session, one, came)
        return came, notes

    async def _alone(self, session: Session, one: Lying, came: dict[int, bytes]) -> list[str]:
        why = "the server does not give it"
        try:
            await folder.fetch(session, [one], MAX_CONTENT, came.__setitem__)
        except Trouble as trouble:
            if trouble.result.failure is not Failure.MAILBOX_REFUSED:
                raise
            why = f"the server says: {trouble.result.text}"
        return [] if one.uid in came else [f"Mail number {one.uid} can't be had: {why}. It is left where it is."]

    async def _taken_in(self, came: Mapping[int, bytes]) -> dict[int, str]:
        """Takes them in, all at once; why that is not possible, by number, for each that can't be."""
        if not came:
            return {}
        taking = await asyncio.to_thread(self._with.inbox.take_many, self._actor, list(came.values()))
        answers = await asyncio.wrap_future(taking)
        refused = {}
        for uid, answer in zip(came, answers, strict=True):
            if isinstance(answer, BadInput | TooLarge):
                refused[uid] = f"Mail number {uid} can't be taken in: {_why(answer)} It is left where it is."
            elif isinstance(answer, PostroomError):
                raise answer
        return refused

    @property
    def _is_stuck(self) -> bool:
        return self._stuck[1] >= _STUBBORN

    def _gives_up(self, wanted: Sequence[Lying]) -> bool:
        return len(wanted) == 1 and self._stuck[0] == wanted[0].uid and self._stuck[1] >= 2 * _STUBBORN

    # -- what is written down ---------------------------------------------------------------------------------------

    async def _advance(self, chosen: Chosen, uid: int, taken: int = 0, notes: Sequence[str] = ()) -> None:
        moment, passed = now_ms(), len(notes) if taken or uid > self._uid else 0
        events = [self._event(moment, text, trouble=bool(passed)) for text in notes]

        def work(connection: Connection) -> bool:
            if not mailbox_reading.advance(
                connection, self.held, chosen.validity, uid, taken, passed, moment, LEASE_MS
            ):
                return False
            for event in events:
                mailboxes.note(connection, event)
            return True

        await self._held(work)
        self._uid = uid
        self.held = replace(self.held, uid_validity=chosen.validity, uid=uid)

    async def _went_well(self, *, idles: bool) -> None:
        moment, mended = now_ms(), bool(self._trouble)
        event = self._event(moment, "It can be read again.", trouble=False)

        def work(connection: Connection) -> bool:
            kept = mailbox_reading.looked(connection, self.held, moment, idles=idles)
            if kept and mended:
                mailboxes.note(connection, event)
            return kept

        await self._held(work)
        self._trouble, self._said = 0, ""
        if mended:
            self._with.log.mailbox_works(self.mailbox.name)

    async def _troubled(self, result: Result) -> float:
        """Writes it down, and says how many seconds to wait."""
        self._trouble += 1
        failure, moment = result.failure or Failure.INTERNAL, now_ms()
        verdict = explained(self.mailbox.access, replace(result, failure=failure))
        news, self._said = result.text != self._said, result.text
        event = self._event(moment, f"{verdict.title} “{result.text}”", trouble=True)

        def work(connection: Connection) -> bool:
            kept = mailbox_reading.fail(connection, self.held, result.phase, failure.value, result.text, moment)
            if kept and news:
                mailboxes.note(connection, event)
            return kept

        try:
            await self._held(work)
        except PostroomError as error:
            self._with.log.store_trouble(f"mailbox: {error}")
        if news:
            self._with.log.mailbox_trouble(self.mailbox.name, verdict.diagnosis, result.text)
        first = _LOGIN_WAIT if failure in _LOCKS_OUT else _FIRST_WAIT
        wait: float = min(
            first * 2.0 ** min(self._trouble - 1, 10), max(_LONGEST_WAIT, float(self.mailbox.poll_seconds))
        )
        return wait * random.uniform(0.8, 1.2)  # noqa: S311  (spreads, no secret)

    def _event(self, moment: int, text: str, *, trouble: bool) -> MailboxEvent:
        mailbox = self.mailbox
        return MailboxEvent(self._with.store.ids.next(), mailbox.tenant_id, mailbox.id, moment, trouble, text[:1_000])

    async def _held(self, work: Any) -> None:
        """Writes under the lease. Raises _Lost."""
        writing: Future[bool] = self._with.store.write(work)
        if not await asyncio.wrap_future(writing):
            raise _Lost


def _batches(lying: Sequence[Lying], *, alone: bool) -> list[list[Lying]]:
    """A few at a time, and no more octets than a little; a large one goes alone."""
    found: list[list[Lying]] = []
    octets = 0
    for one in lying:
        if not found or alone or len(found[-1]) >= _BATCH or octets + one.size > _BATCH_OCTETS:
            found.append([])
            octets = 0
        found[-1].append(one)
        octets += one.size
    return found


def _too_large(one: Lying) -> str:
    return (
        f"Mail number {one.uid} has {one.size:,} octets; {MAX_CONTENT:,} are read at most. It is left where it is, for "
        "a person to look at."
    )


def _why(error: BadInput | TooLarge) -> str:
    if isinstance(error, BadInput):
        return " ".join(f"It {fault.problem}" for fault in error.faults)
    return error.text
