"""Looking after the installation: the settings check on its clock, and letters about what is new or over.

One node looks at what is common to all (`store.turns`), each machine at itself. What is new or over goes into the log
at once, and to people in letters (see `office.alarm_way` for when and by which way). A letter that can't be sent stops
nothing: it is tried again, and is itself a finding.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

from postroom.clock import monotonic_ms
from postroom.errors import PostroomError
from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft, Priority
from postroom.model.state import State
from postroom.office import Office
from postroom.office.alarm_way import Letter
from postroom.office.checks import machine
from postroom.office.checks.letter import write
from postroom.outbox import Outbox
from postroom.policy.checks import told
from postroom.settings import Settings
from postroom.store.database import Store
from postroom.store.problems import News
from postroom.store.turns import take_turn

__all__ = ["Alarms"]

_SETTLING_MS = 20_000.0
_TURNS = 3
_LEAVES = {State.QUEUED.value, State.SENDING.value, State.SENT.value, State.DEFERRED.value}


class Alarms:
    """`run_once` by upkeep. `delivers`: only such a process looks at what is common, and writes letters."""

    def __init__(
        self, store: Store, office: Office, outbox: Outbox, settings: Settings, log: MailLog, *, delivers: bool
    ) -> None:
        self._store = store
        self._office = office
        self._outbox = outbox
        self._log = log
        self._delivers = delivers
        self._public_url = settings.public_url
        self._every_ms = settings.check_seconds * 1000
        self._begins = monotonic_ms() + min(_SETTLING_MS, self._every_ms)

    async def run_once(self) -> bool:
        """A process that has just begun has connected to nothing yet, and one command's process never gets so far."""
        if monotonic_ms() < self._begins:
            return False
        lease_ms = int(_TURNS * self._every_ms)
        here = await self._turn(f"checks {machine.name()}", lease_ms)
        everything = self._delivers and await self._turn("checks", lease_ms)
        if not here and not everything:
            return False
        seen = await _done(self._office.look_around(everything=everything))
        news: News = await _done(self._office.note_problems(seen))
        self._tell_log(news)
        if everything:
            for letter in await _done(self._office.letters_due()):
                await self._send(letter)
        return False

    async def _turn(self, duty: str, lease_ms: int) -> bool:
        worker = self._store.worker
        return bool(await _done(self._store.write(lambda c: take_turn(c, duty, worker, lease_ms))))

    def _tell_log(self, news: News) -> None:
        for one in news.began:
            words = told(one.finding)
            self._log.problem_began(one.finding.tenant_id, one.key, one.weight.value, words.about, words.what)
        for one in news.ended:
            self._log.problem_over(one.finding.tenant_id, one.key, told(one.finding).about)

    async def _send(self, letter: Letter) -> None:
        trouble = letter.trouble
        if not trouble and not await self._leaves(letter):
            trouble = "alarm-has-no-account"
        changed = await _done(self._office.note_letter(letter, trouble))
        if trouble and changed:
            self._log.alarm_unsent(letter.tenant_id, trouble)
        elif not trouble:
            readers, new, over = len(letter.readers), len(letter.new), len(letter.over)
            self._log.alarm_sent(letter.tenant_id, readers, letter.name or "-", new, over)

    async def _leaves(self, letter: Letter) -> bool:
        """Hands the letter over, to each reader for himself; whether it is on its way to one of them at least."""
        subject, text = write(letter.new, letter.over, letter.lasting, letter.language, self._public_url)
        actor = Actor(letter.tenant_id, frozenset({Scope.SEND}), name="postroom")
        on_its_way = False
        for reader in letter.readers:
            draft = Draft(
                to=(reader,), subject=subject, text=text, priority=Priority.URGENT, kind="alarm", account=letter.account
            )
            try:
                receipt = await _done(self._outbox.send(actor, draft))
            except PostroomError as error:
                self._log.store_trouble(f"alarm: {error}")
                continue
            on_its_way = on_its_way or receipt.state in _LEAVES
        return on_its_way


async def _done(future: Future[Any]) -> Any:
    return await asyncio.wrap_future(future)
