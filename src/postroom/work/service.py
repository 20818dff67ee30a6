"""The engine as a whole: started in order, stopped in the opposite order.

Store → key ring → office → worker → outbox and reports → upkeep. Whatever fails on the way up is taken down again. One
engine serves one process: the HTTP door, the listener, the command line and an embedding program all stand on it.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from postroom.intake.placement import NoPlacement
from postroom.maillog import MailLog
from postroom.office import Office
from postroom.outbox import Outbox
from postroom.outbox.digests import Digests
from postroom.outbox.jobs import Jobs
from postroom.reports import Reports
from postroom.secrets import KeyRing
from postroom.settings import Role, Settings
from postroom.store import credentials, expiry
from postroom.store.database import Store
from postroom.work.alarms import Alarms
from postroom.work.connecting import Connecting
from postroom.work.grants import Grants
from postroom.work.mailboxes import Mailboxes
from postroom.work.testing import Testing
from postroom.work.upkeep import Upkeep
from postroom.work.webhooks import Webhooks
from postroom.work.worker import Worker

__all__ = ["Engine"]

_STOP_SECONDS = 30.0


class Engine:
    """`role`: `http` takes mail in, `worker` delivers, `all` does both. Opening raises the store's and key ring's
    errors.
    """

    def __init__(self, settings: Settings, role: Role = Role.ALL, log: MailLog | None = None) -> None:
        self.settings = settings
        self.role = role
        self.log = log or MailLog(settings.log_format)
        self.store = Store(settings.database.reveal(), role=role.value, guarded=settings.clone_guard)
        try:
            sealed = self.store.read(credentials.any_sealed).result()
            self.ring = KeyRing.load(settings.key_file, settings.key, sealed_exist=sealed)
            self.office = Office(self.store, self.ring, settings)
        except BaseException:
            self.store.close()
            raise
        works = role is not Role.HTTP
        self.connecting = Connecting(self.office, settings, self.log)
        self.grants = Grants(self.store, self.office, self.ring, self.log)
        self.grants.elsewhere = self.connecting.elsewhere
        around = (self.store, self.office, settings, self.log, self.connecting, self.grants)
        self.worker = Worker(*around) if works else None
        self.outbox = Outbox(self.store, self.office, settings, self.log, self.worker or NoPlacement())
        self.reports = Reports(self.store, self.office)
        self.mailboxes = Mailboxes(*around)
        road = (self.store, self.office, self.outbox, settings, self.log)
        self.testing = Testing(*road, self.connecting, self.grants, self.mailboxes)
        self.webhooks = Webhooks(self.store, self.office, settings, self.log)
        alarms = Alarms(self.store, self.office, self.outbox, settings, self.log, delivers=works)
        self.digests = Digests(self.store, self.office, self.outbox, self.log, largest=settings.max_message_bytes)
        self.jobs = Jobs(self.store, self.office, self.outbox, self.log)
        self._upkeep = Upkeep(*around, self.worker, alarms, self.digests, self.webhooks, self.jobs, self.mailboxes)

    @property
    def parts(self) -> tuple[Store, Office, Outbox, Reports, Connecting, Grants, Testing, Webhooks, Jobs, Mailboxes]:
        """What a door may call, in the order in which a desk takes it."""
        ways = (self.connecting, self.grants, self.testing, self.webhooks, self.jobs, self.mailboxes)
        return self.store, self.office, self.outbox, self.reports, *ways

    async def start(self) -> None:
        """Call on the loop that will do the work."""
        self.store.attach(asyncio.get_running_loop())
        self.outbox.attach(asyncio.get_running_loop())
        if self.store.sqlite and self.worker is not None:
            await asyncio.wrap_future(self.store.write(expiry.end_all_leases))
        if self.worker is not None:
            await asyncio.wrap_future(self.office.no_agents_here())
        self._upkeep.start()
        self.log.started(self.role.value, self.store.engine.dialect.name)

    async def stop(self) -> None:
        """Clean (P10): no new leases, open transactions end, the rest is given back, all that was handed in is written.

        Upkeep goes last, for leases have to be renewed while the last transactions end.
        """
        await self.testing.stop()
        if self.worker is not None:
            await self.worker.stop(_STOP_SECONDS)
        await self._upkeep.stop()
        await self.jobs.stop_working()
        await self.webhooks.stop()
        await self.mailboxes.stop()
        await self.connecting.close()
        await self.grants.stop(_STOP_SECONDS)
        await asyncio.to_thread(self.outbox.close)
        self.outbox.attach(None)
        self.store.attach(None)
        await asyncio.to_thread(self.store.close)
        self.log.stopped()

    async def __aenter__(self) -> Engine:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
