"""What a file of settings as code wants there to be: every value read and checked, all faults at once, each with its
place in the file.

Pure: what is there already is told by the names that may be referred to. A thing in a file is wholly what stands
there, so each is made from a blank one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from postroom.addresses import Address, BadAddress
from postroom.errors import BadInput, Fault
from postroom.model.account import Account, Encryption, Limits
from postroom.model.application import Application
from postroom.model.connector import Connector, ConnectorKind
from postroom.model.kind import Kind
from postroom.model.sender import Sender
from postroom.model.tenant import TenantSettings
from postroom.office import (
    account_values,
    application_values,
    certificate_values,
    connector_values,
    fields,
    kind_values,
    sender_values,
    tenant_values,
)
from postroom.office.code_file import CodeFile, Tables, bare_or_quoted
from postroom.office.fields import Reading, Unfit
from postroom.secrets import Secret
from postroom.sentence import Sentence

__all__ = ["Wanted", "WantedAccount", "WantedConnector", "WantedSender", "WantedSettings", "wanted_of"]

_ELSEWHERE = frozenset({"name", "suspended"})


@dataclass(frozen=True, slots=True)
class WantedConnector:
    connector: Connector
    secret: Secret | None


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """`fallback`: the id or name of an account, of the file, the tenant or the installation. `connector`: a
    name, of the file or of the tenant."""

    account: Account
    secret: Secret | None
    fallback: str | int | None = None
    connector: str | None = None


@dataclass(frozen=True, slots=True)
class WantedSender:
    """`account` is a name, of the file or of the tenant."""

    sender: Sender
    account: str | None


@dataclass(frozen=True, slots=True)
class WantedSettings:
    """Without the defaults, which are named here; None: the file leaves them as they are."""

    settings: TenantSettings
    default_account: str | None
    default_sender: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: the file says nothing of these."""

    accounts: tuple[WantedAccount, ...] | None
    senders: tuple[WantedSender, ...] | None
    settings: WantedSettings | None
    applications: tuple[Application, ...] | None
    connectors: tuple[WantedConnector, ...] | None = None
    warnings: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] | None = None


class _Things:
    """Reads one file. `blank` accounts allow so many connections."""

    def __init__(self, file: CodeFile, tenant_id: int, connections: int) -> None:
        self.file = file
        self.tenant_id = tenant_id
        self.connections = connections
        self.faults: list[Fault] = []
        self.warnings: list[str] = []

    def fault(self, table: str, name: str, field: str, problem: str, mend: str) -> None:
        self.faults.append(Fault(self.file.place(table, name, field), problem, mend))

    def take(self, table: str, name: str, reading: Reading) -> None:
        for fault in reading.faults:
            self.fault(table, name, fault.field, fault.problem, fault.mend)

    def names(self, table: str, tables: Tables) -> Iterable[tuple[str, Mapping[str, Any]]]:
        """Every thing of a table, without those whose names can't be used."""
        seen: set[str] = set()
        for typed, values in tables.items():
            if "name" in values:
                self.fault(table, typed, "name", "stands in the table's head already.", "Leave it out.")
            try:
                name = fields.name(typed)
            except Unfit as unfit:
                self.fault(table, typed, "", unfit.problem, unfit.mend)
                continue
            if name.casefold() in seen and table in ("accounts", "connectors", "kinds"):
                self.fault(table, typed, "", "is there twice, in different case.", "Keep one of them.")
                continue
            seen.add(name.casefold())
            yield name, {field: value for field, value in values.items() if field != "name"}

    def connectors(self, tables: Tables) -> Iterable[WantedConnector]:
        blank = Connector(0, self.tenant_id, "", ConnectorKind.SOCKS5)
        for name, values in self.names("connectors", tables):
            reading = Reading()
            given = connector_values.read(values, reading)
            typed = connector_values.read_secret(values, reading)
            if "kind" not in values:
                reading.fault(
                    "kind",
                    "is missing.",
                    Sentence("Say what it is: {connectorkind}.", connectorkind=", ".join(ConnectorKind)),
                )
            connector = connector_values.apply(blank, given, typed, reading)
            self.take("connectors", name, reading)
            if typed is not None:
                self._warn_of_secret("connectors", name)
            yield WantedConnector(replace(connector, name=name), typed)

    def _warn_of_secret(self, table: str, name: str) -> None:
        place = self.file.place(table, name, "secret")
        self.warnings.append(
            f"{place} holds a password. Files are no place for passwords: Postroom keeps it sealed, "
            "so take it out of the file."
        )

    def accounts(self, tables: Tables) -> Iterable[WantedAccount]:
        blank = Account(0, self.tenant_id, "", "", 0, Encryption.STARTTLS, limits=Limits(self.connections))
        for name, values in self.names("accounts", tables):
            reading = Reading()
            given = account_values.read(values, reading)
            fallback = given.pop("fallback_account_id", None)
            connector = given.pop("connector_id", None)
            typed = account_values.read_secret(values, None, reading)
            for word in certificate_values.KEY_WORDS:
                if word in values:
                    mend = Sentence(
                        "Take it out, and use `postroom account edit {name} --client-key-file FILE`.",
                        name=bare_or_quoted(name),
                    )
                    reading.fault(word, "is no setting of a file: files are no place for private keys.", mend)
            account = account_values.apply(blank, given, typed, reading)
            self.take("accounts", name, reading)
            if typed is not None:
                self._warn_of_secret("accounts", name)
            way = None if connector is None else str(connector)
            yield WantedAccount(replace(account, name=name), typed, fallback, way)

    def senders(self, tables: Tables) -> Iterable[WantedSender]:
        blank = Sender(0, self.tenant_id, "")
        seen: set[str] = set()
        for address, values in tables.items():
            reading = Reading()
            if "address" in values:
                reading.fault("address", "stands in the table's head already.", "Leave it out.")
            given = sender_values.read({**values, "address": address}, reading)
            account = given.pop("account_id", None)
            self.take("senders", address, reading)
            sender = replace(blank, **given)
            if sender.address in seen:
                self.fault("senders", address, "", "is there twice.", "Keep one of them.")
            seen.add(sender.address)
            yield WantedSender(sender, None if account is None else str(account))

    def settings(self, values: Mapping[str, Any]) -> WantedSettings:
        reading = Reading()
        plain = {}
        for name, value in values.items():
            if name.strip().lower() in _ELSEWHERE:
                reading.fault(name, "is no setting of a file.", "Use `postroom tenant edit`.")
            else:
                plain[name] = value
        given = dict(tenant_values.read(plain, reading))
        for fault in reading.faults:
            self.faults.append(Fault(self.file.places.told("settings", fault.field), fault.problem, fault.mend))
        account, sender = given.pop("default_account_id", None), given.pop("default_sender_id", None)
        return WantedSettings(
            TenantSettings(**given),
            None if account is None else str(account),
            None if sender is None else str(sender),
        )

    def applications(self, tables: Tables) -> Iterable[Application]:
        for name, values in self.names("applications", tables):
            reading = Reading()
            given = application_values.read(values, reading)
            self.take("applications", name, reading)
            yield replace(Application(0, self.tenant_id, name), **given)

    def kinds(self, tables: Tables) -> Iterable[Kind]:
        for name, values in self.names("kinds", tables):
            reading = Reading()
            given = kind_values.read({**values, "name": name}, reading)
            kind = kind_values.apply(Kind(0, self.tenant_id, ""), given, reading)
            self.take("kinds", name, reading)
            yield kind


def wanted_of(
    file: CodeFile,
    tenant_id: int,
    connections: int,
    accounts: Iterable[str],
    senders: Iterable[str],
    connectors: Iterable[str] = (),
) -> Wanted:
    """`accounts`, `senders`, `connectors`: the names and addresses that are there already. Raises BadInput with every
    fault."""
    things = _Things(file, tenant_id, connections)
    found = Wanted(
        accounts=None if file.accounts is None else tuple(things.accounts(file.accounts)),
        senders=None if file.senders is None else tuple(things.senders(file.senders)),
        settings=None if file.settings is None else things.settings(file.settings),
        applications=None if file.applications is None else tuple(things.applications(file.applications)),
        connectors=None if file.connectors is None else tuple(things.connectors(file.connectors)),
        kinds=None if file.kinds is None else tuple(things.kinds(file.kinds)),
    )
    ways = {name.casefold() for name in connectors} | {one.connector.name.casefold() for one in found.connectors or ()}
    for account in found.accounts or ():
        if account.connector is not None and account.connector.strip().casefold() not in ways:
            mend = "Name one of the file or of the tenant."
            things.fault("accounts", account.account.name, "connector", "names no connector.", mend)
    known = {name.casefold() for name in accounts} | {one.account.name.casefold() for one in found.accounts or ()}
    addresses = set(senders) | {one.sender.address for one in found.senders or ()}
    for one in found.senders or ():
        if one.account is not None and one.account.strip().casefold() not in known:
            mend = "Name one of the file or of the tenant."
            things.fault("senders", one.sender.address, "account", "names no account.", mend)
    if found.settings is not None:
        _check_defaults(things, found.settings, known, addresses)
    if things.faults:
        raise BadInput(things.faults)
    return replace(found, warnings=tuple(things.warnings))


def _check_defaults(things: _Things, wanted: WantedSettings, accounts: set[str], senders: set[str]) -> None:
    told = things.file.places.told
    if wanted.default_account is not None and wanted.default_account.strip().casefold() not in accounts:
        problem, mend = "names no account.", "Name one of the file or of the tenant."
        things.faults.append(Fault(told("settings", "default_account"), problem, mend))
    if wanted.default_sender is not None and spec_of(wanted.default_sender) not in senders:
        problem, mend = "names no sender.", "Give the address of one of the file or of the tenant."
        things.faults.append(Fault(told("settings", "default_sender"), problem, mend))


def spec_of(text: str) -> str:
    """An address as senders are stored by; empty for what is none."""
    try:
        return Address.parse(text.strip()).spec
    except BadAddress:
        return ""
