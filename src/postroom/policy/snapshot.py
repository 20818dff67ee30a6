"""All settings at one moment, in memory, immutable: what every decision about a message's way is made from.

Built whole from the stored rows and replaced whole after a change, so that no decision sees half of one. Lookups are
dictionary lookups. What follows from the settings alone is worked out once and remembered; the memory is bounded and
belongs to the snapshot, so it can never be older than the settings.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from postroom.addresses import Address
from postroom.model.account import Account
from postroom.model.application import Application
from postroom.model.clone import Clone
from postroom.model.connector import Connector
from postroom.model.dkim import DkimKey
from postroom.model.kind import Kind
from postroom.model.mailbox import Mailbox
from postroom.model.sender import Sender
from postroom.model.template import Layout, Template
from postroom.model.tenant import Mode, Tenant
from postroom.model.webhook import Webhook
from postroom.policy.inherit import Inherited, chain, inherited
from postroom.policy.retry import Schedule
from postroom.policy.sourced import Sourced, address_of

__all__ = ["NATIVE", "Snapshot", "own_address"]

NATIVE = -1
"""Stands where an account's id stands, for the operator's own mail command. No row has it."""

_MOST_REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`version` is that of the stored settings, for whoever compares. Made by `of`."""

    version: int
    tenants: Mapping[int, Tenant]
    accounts: Mapping[int, Account]
    senders: Mapping[int, Sender]
    applications: Mapping[int, Application]
    connectors: Mapping[int, Connector]
    addresses: Mapping[int, Address]
    """Sender id → its address with its name. A sender whose stored address can't be read is not in it."""
    _by_address: Mapping[tuple[int, str], Sender]
    _accounts_by_address: Mapping[tuple[int, str], Account]
    _accounts_by_name: Mapping[tuple[int, str], Account]
    _with_senders: frozenset[int]
    _with_addresses: frozenset[int]
    dkim_keys: Mapping[int, DkimKey] = field(default_factory=dict)
    clone: Clone | None = None
    """Set while this database may be a copy: nothing leaves, whatever the modes are."""
    kinds: Mapping[int, Kind] = field(default_factory=dict)
    suppressing: frozenset[int] = frozenset()
    """Tenants that had somebody on their list of suppressed recipients when this was read."""
    webhooks: Mapping[int, Webhook] = field(default_factory=dict)
    templates: Mapping[int, Template] = field(default_factory=dict)
    layouts: Mapping[int, Layout] = field(default_factory=dict)
    mailboxes: Mapping[int, Mailbox] = field(default_factory=dict)
    _memory: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    @staticmethod
    def of(
        tenants: Iterable[Tenant] = (),
        accounts: Iterable[Account] = (),
        senders: Iterable[Sender] = (),
        applications: Iterable[Application] = (),
        connectors: Iterable[Connector] = (),
        *,
        dkim_keys: Iterable[DkimKey] = (),
        version: int = 0,
        clone: Clone | None = None,
        kinds: Iterable[Kind] = (),
        suppressing: Iterable[int] = (),
        webhooks: Iterable[Webhook] = (),
        templates: Iterable[Template] = (),
        layouts: Iterable[Layout] = (),
        mailboxes: Iterable[Mailbox] = (),
    ) -> Snapshot:
        """Never raises for what a row holds: what can't be read is as if it were not set."""
        rows, owners = list(accounts), list(senders)
        addresses = {sender.id: address for sender in owners if (address := _named(sender)) is not None}
        own = {
            (account.tenant_id, address.key): account
            for account in reversed(rows)
            if (address := own_address(account)) is not None
        }
        return Snapshot(
            version,
            MappingProxyType({tenant.id: tenant for tenant in tenants}),
            MappingProxyType({account.id: account for account in rows}),
            MappingProxyType({sender.id: sender for sender in owners}),
            MappingProxyType({application.id: application for application in applications}),
            MappingProxyType({connector.id: connector for connector in connectors}),
            MappingProxyType(addresses),
            {(sender.tenant_id, addresses[sender.id].key): sender for sender in owners if sender.id in addresses},
            own,
            {(account.tenant_id, account.name.casefold()): account for account in reversed(rows)},
            frozenset(sender.tenant_id for sender in owners if sender.id in addresses),
            frozenset({tenant_id for tenant_id, _ in own} | {s.tenant_id for s in owners if s.id in addresses}),
            MappingProxyType({key.id: key for key in dkim_keys}),
            clone,
            MappingProxyType({kind.id: kind for kind in kinds}),
            frozenset(suppressing),
            MappingProxyType({webhook.id: webhook for webhook in webhooks}),
            MappingProxyType({template.id: template for template in templates}),
            MappingProxyType({layout.id: layout for layout in layouts}),
            MappingProxyType({mailbox.id: mailbox for mailbox in mailboxes}),
        )

    def with_account(self, account: Account) -> Snapshot:
        """The same settings as they would be with this account, saved like this."""
        others = {**self.accounts, account.id: account}
        return Snapshot.of(
            self.tenants.values(),
            others.values(),
            self.senders.values(),
            self.applications.values(),
            self.connectors.values(),
            version=self.version,
            clone=self.clone,
        )

    @property
    def logins(self) -> Mapping[int, Account]:
        """Everything that logs in with a kept secret: accounts, and mailboxes in the words of an account."""
        found: Mapping[int, Account] = self.remembered(
            "logins", lambda: {**self.accounts, **{one.id: one.access for one in self.mailboxes.values()}}
        )
        return found

    # -- lookups ----------------------------------------------------------------------------------------------------

    def settings(self, tenant_id: int) -> Inherited:
        """What holds for the tenant, each value with its source. A tenant that is not there has the defaults."""
        found: Inherited = self.remembered(("settings", tenant_id), lambda: self._worked_out(tenant_id))
        return found

    def _worked_out(self, tenant_id: int) -> Inherited:
        found = inherited(self.line(tenant_id))
        if self.clone is None or found.mode.value is Mode.DISABLED:
            return found
        return replace(found, mode=Sourced(Mode.SILENT, "clone guard"))

    def line(self, tenant_id: int) -> tuple[Tenant, ...]:
        """The tenant and those it inherits from, up to the installation; empty when it is not there."""
        found: tuple[Tenant, ...] = self.remembered(("line", tenant_id), lambda: chain(self.tenants, tenant_id))
        return found

    def schedule(self, tenant_id: int) -> Schedule:
        """The tenant's retry schedule. Raises ValueError when what is set makes none."""
        found: Schedule = self.remembered(("schedule", tenant_id), lambda: self.settings(tenant_id).schedule)
        return found

    def sender_at(self, tenant_id: int, address: Address) -> Sender | None:
        """The tenant's own sender with this address."""
        return self._by_address.get((tenant_id, address.key))

    def account_at(self, tenant_id: int, address: Address) -> Account | None:
        """The tenant's own account whose own address this is."""
        return self._accounts_by_address.get((tenant_id, address.key))

    def account_named(self, tenant_id: int, name: str) -> Account | None:
        """The tenant's own account of this name, in whatever case it is written."""
        return self._accounts_by_name.get((tenant_id, name.strip().casefold()))

    def has_senders(self, tenant_id: int) -> bool:
        """Whether the tenant has senders of its own."""
        return tenant_id in self._with_senders

    def kinds_of(self, tenant_id: int) -> tuple[Kind, ...]:
        """The kinds that the tenant's mail may have: its own, and those it inherits that it has no own one for."""
        found: tuple[Kind, ...] = self.remembered(("kinds", tenant_id), lambda: self._kinds_of(tenant_id))
        return found

    def _kinds_of(self, tenant_id: int) -> tuple[Kind, ...]:
        nearest: dict[str, Kind] = {}
        for tenant in self.line(tenant_id):
            own = {kind.name.casefold(): kind for kind in self.kinds.values() if kind.tenant_id == tenant.id}
            nearest = own | nearest
        return tuple(sorted(nearest.values(), key=lambda kind: kind.id))

    def kind_named(self, tenant_id: int, name: str) -> Kind | None:
        """The kind that a message of this tenant names, in whatever case it is written."""
        wanted = name.strip().casefold()
        return next((kind for kind in self.kinds_of(tenant_id) if kind.name.casefold() == wanted), None)

    def templates_of(self, tenant_id: int) -> tuple[Template, ...]:
        """The templates that the tenant's mail may be written by: its own, and those it inherits and has no own of."""
        found: tuple[Template, ...] = self.remembered(
            ("templates", tenant_id), lambda: self._nearest(tenant_id, self.templates)
        )
        return found

    def template_named(self, tenant_id: int, name: str) -> Template | None:
        """In whatever case it is written."""
        wanted = name.strip().casefold()
        return next((one for one in self.templates_of(tenant_id) if one.name.casefold() == wanted), None)

    def layouts_of(self, tenant_id: int) -> tuple[Layout, ...]:
        """The tenant's layouts, its own and inherited ones."""
        found: tuple[Layout, ...] = self.remembered(
            ("layouts", tenant_id), lambda: self._nearest(tenant_id, self.layouts)
        )
        return found

    def default_layout(self, tenant_id: int) -> Layout | None:
        """The default of the tenant, or of the nearest one above it that has one."""
        for tenant in self.line(tenant_id):
            for layout in self.layouts.values():
                if layout.default and layout.tenant_id == tenant.id:
                    return layout
        return None

    def _nearest(self, tenant_id: int, things: Mapping[int, Any]) -> tuple[Any, ...]:
        nearest: dict[str, Any] = {}
        for tenant in self.line(tenant_id):
            nearest = {one.name.casefold(): one for one in things.values() if one.tenant_id == tenant.id} | nearest
        return tuple(sorted(nearest.values(), key=lambda one: str(one.name).casefold()))

    def may_use(self, tenant_id: int, account_id: int | None) -> Account | None:
        """The account, if there is one and it belongs to the tenant or to one that it inherits from (P8)."""
        account = None if account_id is None else self.accounts.get(account_id)
        if account is None or all(tenant.id != account.tenant_id for tenant in self.line(tenant_id)):
            return None
        return account

    def account_for(self, tenant_id: int) -> int | None:
        """What mail that has no account yet leaves through: NATIVE, the default account's id, or None."""
        settings = self.settings(tenant_id)
        if settings.mode.value is Mode.NATIVE:
            return NATIVE
        account = self.may_use(tenant_id, settings.default_account_id.value)
        return None if account is None else account.id

    def has_own_addresses(self, tenant_id: int) -> bool:
        """Whether anything of the tenant's own names an address that mail could come from."""
        return tenant_id in self._with_addresses

    # -- memory -----------------------------------------------------------------------------------------------------

    def remembered(self, key: Hashable, work_out: Any) -> Any:
        """What `work_out()` gave for this key. It must follow from the snapshot and the key alone.

        Keys may hold text from outside, so the memory is emptied when it is full. Threads may work the same out twice.
        """
        memory = self._memory
        try:
            return memory[key]
        except KeyError:
            if len(memory) >= _MOST_REMEMBERED:
                memory.clear()
            found = memory[key] = work_out()
            return found


def _named(sender: Sender) -> Address | None:
    address = address_of(sender.address)
    if address is None or not sender.name:
        return address
    return Address(address.local, address.domain, sender.name)


def own_address(account: Account) -> Address | None:
    """The address that an account itself sends from: the one set, else its user name where that is an address.

    A login may always send as itself, so a newcomer who typed only a user name has a sender that works.
    """
    address = address_of(account.sender_address)
    if address is not None:
        return Address(address.local, address.domain, account.sender_name or address.name)
    address = address_of(account.user)
    if address is None or address.name:
        return None
    return Address(address.local, address.domain, account.sender_name)
