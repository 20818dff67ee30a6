"""The office's verb for finding the mail server of an address.

Rules it keeps: it connects out, so it needs the right to change settings; for a tenant the address guard judges every
address, and nothing that is not public is told (threat A9); through a connector only one of the tenant's own is taken.
Nothing is saved: the best answer only fills a form.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from sqlalchemy import Connection

from postroom.addresses import Address, BadAddress
from postroom.errors import BadInput, Fault, TooMany
from postroom.model.account import Account, Encryption
from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION
from postroom.office.accounts import AccountVerbs
from postroom.office.changes import Ref, require, tenant_for
from postroom.office.connector_choice import choose_connector
from postroom.office.fields import Reading
from postroom.probe.discovery import Around, Discovered, at_last, searched
from postroom.sentence import Sentence
from postroom.wire.dial import Way
from postroom.wire.dns import Dns
from postroom.wire.guard import AccountGuard, allow_all, guard_for, refuse_internal
from postroom.wire.names import own_name

__all__ = ["Discovered", "DiscoveringVerbs", "at_last"]

_AT_ONCE = 4
"""Searches under way in one process: each opens some connections at a time."""


def _directly(_account: Account) -> Way | None:
    return None


class DiscoveringVerbs(AccountVerbs):
    """`quiet_way_of`: how to come to a server, without telling anybody how it goes; whoever knows the ways sets it."""

    quiet_way_of: Callable[[Account], Way | None] = staticmethod(_directly)
    _searching = 0

    async def discover(
        self, actor: Actor, address: str, connector: Ref | None = None, tenant_id: int | None = None
    ) -> Discovered:
        """The servers through which mail of this address can leave, the best first.

        `connector`: look through this one, as the account would. Raises BadInput, TooMany.
        """
        return await at_last(self.searched(actor, address, connector, tenant_id))

    async def searched(
        self, actor: Actor, address: str, connector: Ref | None = None, tenant_id: int | None = None
    ) -> AsyncGenerator[Discovered, None]:
        """The same while it is being found out: all that is known so far, until it is `over`. Closing it ends the
        search. Raises what `discover` does, before anything else.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        meant = _meant(address)
        account = Account(0, number, "", meant.domain, 587)
        if connector is not None:
            account = await asyncio.wrap_future(self._store.read(partial(_through, account=account, ref=connector)))
        if self._searching >= _AT_ONCE:
            raise TooMany("Other searches are under way. Try again in a minute.", seconds=30)
        self._searching += 1
        try:
            async with aclosing(searched(meant, self._around(account))) as search:
                async for found in search:
                    yield found
        finally:
            self._searching -= 1

    def _around(self, account: Account) -> Around:
        settings = self._settings
        return Around(
            dns=Dns(settings.dns_servers, settings.dns_seconds),
            guard=partial(self._guard, account.tenant_id),
            web_guard=allow_all if account.tenant_id == INSTALLATION else refuse_internal,
            ehlo_name=settings.ehlo_name or own_name(),
            tls_minimum=settings.tls_minimum,
            via=self.quiet_way_of(account),
            autoconfig=settings.discovery_autoconfig,
            own_names=bool(settings.dns_servers),
            seconds=settings.discovery_seconds,
            each=min(12.0, settings.discovery_seconds),
        )

    def _guard(self, tenant_id: int, host: str, port: int) -> AccountGuard:
        return guard_for(Account(0, tenant_id, "", host, port, Encryption.STARTTLS), self._settings.tenant_hosts)


def _meant(text: str) -> Address:
    """Raises BadInput."""
    try:
        address = Address.parse(text.strip())
    except BadAddress as bad:
        raise BadInput(
            [Fault("address", Sentence("is no address. {problem}", problem=bad.problem), bad.mend)]
        ) from None
    if address.domain.startswith("["):
        raise BadInput([Fault("address", "has no domain, only an IP address.", "Give one like you@example.com.")])
    return address


def _through(connection: Connection, account: Account, ref: Ref) -> Account:
    """Raises BadInput for a connector that the tenant has not."""
    reading = Reading()
    chosen = choose_connector(connection, account, ref, reading)
    reading.close()
    return chosen
