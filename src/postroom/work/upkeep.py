"""Keeping the house: small duties, each with a `run_once`, each on its own clock. None of them decides about mail.

A duty that fails says so in the log and is tried again at its next turn; it never stops the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from postroom.clock import now_ms
from postroom.failpoints import reach
from postroom.maillog import MailLog
from postroom.office import Office
from postroom.outbox.digests import Digests
from postroom.outbox.jobs import Jobs
from postroom.settings import Settings
from postroom.store import expiry, lanes, nodes, retention, staged, unknown_answers
from postroom.store.database import Store
from postroom.work.alarms import Alarms
from postroom.work.connecting import Connecting
from postroom.work.grants import Grants
from postroom.work.listing import Listing
from postroom.work.mailboxes import Mailboxes
from postroom.work.webhooks import Webhooks
from postroom.work.worker import Worker

__all__ = ["Duty", "Upkeep"]

_AGAIN_MS = 60_000
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Duty:
    """`run_once` says whether there is more to do at once."""

    name: str
    every_seconds: float
    run_once: Callable[[], Awaitable[bool]]


class Upkeep:
    """`worker` is None in a process that only takes mail in."""

    def __init__(
        self,
        store: Store,
        office: Office,
        settings: Settings,
        log: MailLog,
        connecting: Connecting,
        grants: Grants,
        worker: Worker | None,
        alarms: Alarms,
        digests: Digests,
        webhooks: Webhooks,
        jobs: Jobs,
        mailboxes: Mailboxes,
    ) -> None:
        self._digests = digests
        self._connecting = connecting
        self._grants = grants
        self._store = store
        self._office = office
        self._worker = worker
        self._log = log
        self._hours = settings.idempotency_hours
        self._tasks: list[asyncio.Task[None]] = []
        beat, poll = settings.heartbeat_seconds, settings.poll_seconds
        duties = [
            Duty("refresh", poll, self.refresh),
            Duty("node", beat, self.say_alive),
            Duty("jobs", min(poll, 1.0), jobs.run_once),
            Duty("checks", settings.check_seconds, alarms.run_once),
        ]
        if worker is not None:
            duties += [
                Duty("beat", beat, self.beat),
                Duty("poll", poll, self.poll),
                Duty("fallback", poll, self.fall_back),
                Duty("connectors", poll, self.connectors),
                Duty("reclaim", max(poll, settings.lease_seconds / 6), self.reclaim),
                Duty("expire", 15.0, self.expire),
                Duty("resume", 15.0, self.resume),
                Duty("unheard", 15.0, self.write_unheard),
                Duty("digests", 15.0, self.send_digests),
                Duty("proofs", max(poll, 0.1), worker.proving.run_once),
                Duty("grants", 30.0, self.check_grants),
                Duty("dkim", 60.0, self.look_for_dkim_records),
                Duty("dns", 300.0, self.check_dns_again),
                Duty("webhooks", poll, webhooks.run_once),
                Duty("mailboxes", poll, mailboxes.run_once),
                Duty("sweep", 300.0, self.sweep),
                Duty("feed", 300.0, webhooks.sweep),
                Duty("old jobs", 300.0, jobs.sweep),
                Duty("list", 2.0, Listing(store, worker.settled).run_once),
            ]
        self.duties = tuple(duties)

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep(duty), name=f"upkeep-{duty.name}") for duty in self.duties]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _keep(self, duty: Duty) -> None:
        said = ""
        while True:
            try:
                more = await duty.run_once()
                said = ""
            except Exception as error:
                if str(error) != said:  # a database that is gone for an hour is told once by each
                    said = str(error)
                    self._log.store_trouble(f"{duty.name}: {said}")
                more = False
            await asyncio.sleep(0 if more else duty.every_seconds)

    async def _write(self, function: Callable[[Any], Any]) -> Any:
        return await asyncio.wrap_future(self._store.write(function))

    async def refresh(self) -> bool:
        """Settings that another node changed."""
        if not self._store.sqlite:
            await asyncio.wrap_future(self._office.refresh())
        return False

    async def say_alive(self) -> bool:
        if not await self._write(lambda c: nodes.seen(c, self._store.worker)):
            await asyncio.to_thread(self._store.join)
        return False

    async def beat(self) -> bool:
        if self._worker is not None:
            await self._worker.beat()
        return False

    async def poll(self) -> bool:
        if self._worker is not None:
            await self._worker.poll()
        return False

    async def fall_back(self) -> bool:
        """Waiting mail of accounts that can't send leaves through their fallback."""
        return self._worker is not None and await self._worker.fall_back()

    async def connectors(self) -> bool:
        """Connectors that were changed, agents that were revoked or are connected to other processes."""
        await self._connecting.look_after(alone=self._store.sqlite)
        return False

    async def reclaim(self) -> bool:
        moment = now_ms()
        ids = self._store.ids.next
        again, doubtful = await self._write(lambda c: lanes.reclaim(c, moment, moment + _AGAIN_MS, ids, limit=_BATCH))
        if again or doubtful:
            reach("reclaim.after-commit")
            self._log.reclaimed(again, doubtful)
        return bool(again + doubtful >= _BATCH)

    async def expire(self) -> bool:
        count = await self._write(lambda c: expiry.expire(c, now_ms(), self._store.ids.next, limit=_BATCH))
        if count:
            self._log.expired(count)
        return bool(count >= _BATCH)

    async def resume(self) -> bool:
        """Accounts whose pause was for a time (a daily quota)."""
        for name in await asyncio.wrap_future(self._office.resume_due(now_ms())):
            self._log.account_resumed(name)
        return False

    async def write_unheard(self) -> bool:
        """Answers that no rule knows are counted in memory and written down now and then."""
        unheard = self._worker.unheard if self._worker is not None else None
        if unheard is None or not (counts := unheard.take()):
            return False
        try:
            await self._write(lambda c: unknown_answers.count(c, counts, now_ms()))
        except Exception:
            unheard.back(counts)
            raise
        return False

    async def send_digests(self) -> bool:
        """What recipients want together, when it is time."""
        return await self._digests.send_due()

    async def check_grants(self) -> bool:
        """Access tokens are renewed ahead of time, and a grant that died is noticed."""
        await self._grants.check()
        return False

    async def look_for_dkim_records(self) -> bool:
        """Keys begin to sign once their record is there, and a record that is gone is told."""
        for change in await self._office.look_for_dkim_records():
            name, before, after = change.key.name, change.before, change.key
            if after.signs and not before.signs:
                self._log.dkim_key_found(name)
            elif before.signs and (after.absent_since_ms, after.state) != (before.absent_since_ms, before.state):
                if after.absent_since_ms is None:
                    self._log.dkim_key_found(name)
                else:
                    self._log.dkim_key_missing(name, change.seen, after.signs)
        return False

    async def check_dns_again(self) -> bool:
        """What was found in the DNS is looked at once a day."""
        return bool(await self._office.check_dns_again())

    async def sweep(self) -> bool:
        swept = await self._write(lambda c: retention.sweep(c, now_ms(), _BATCH, idempotency_hours=self._hours))
        if swept.contents or swept.messages:
            self._log.swept(swept.contents, swept.messages)
        await self._write(lambda c: staged.forget(c, now_ms()))
        await asyncio.wrap_future(self._office.forget_deleted())
        return bool(swept.more)
