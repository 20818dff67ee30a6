"""What every door of the web is given: settings, store, facades, the ways through connectors, tests, jobs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from postroom.office import Office
from postroom.outbox import Outbox
from postroom.outbox.jobs import Jobs
from postroom.reports import Reports
from postroom.settings import Settings
from postroom.store.database import Store
from postroom.work.connecting import Connecting
from postroom.work.grants import Grants
from postroom.work.mailboxes import Mailboxes
from postroom.work.testing import Testing
from postroom.work.webhooks import Webhooks

__all__ = ["Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of a running Postroom that a door may call. `closing`: the server stops; what streams has to end."""

    settings: Settings
    store: Store = field(repr=False)
    office: Office = field(repr=False)
    outbox: Outbox = field(repr=False)
    reports: Reports = field(repr=False)
    connecting: Connecting = field(repr=False)
    grants: Grants = field(repr=False)
    testing: Testing = field(repr=False)
    webhooks: Webhooks = field(repr=False)
    jobs: Jobs = field(repr=False)
    mailboxes: Mailboxes = field(repr=False)
    closing: asyncio.Event = field(default_factory=asyncio.Event, repr=False, kw_only=True)
