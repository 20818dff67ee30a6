"""The office's verbs for connectors: making and changing them, confirming a host key, deleting, their log.

A connector's change may be what paused accounts waited for, so those that go through it get another try. It may also
lead somewhere else: an account whose server proves nothing (no encryption, or certificate errors ignored) then loses
its password, as it would if the server itself were changed (P7).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Conflict, NotFound
from postroom.model.account import CertificateCheck, Encryption
from postroom.model.application import Actor, Scope
from postroom.model.connector import Agent, Connector, ConnectorEvent, ConnectorKind
from postroom.model.version import Version
from postroom.office.changes import Changes, Ref, require, tenant_for
from postroom.office.connector_choice import connector_meant
from postroom.office.connector_values import apply, read, read_secret
from postroom.office.fields import Reading
from postroom.secrets import SealedTo, Secret
from postroom.sentence import Sentence
from postroom.settings import Settings
from postroom.store import accounts, agents, connectors, credentials, mailboxes
from postroom.wire.guard import guard_for_connector

__all__ = ["ConnectorVerbs", "ConnectorView", "check_place", "found_connector"]

_MOST_EVENTS = 200


@dataclass(frozen=True, slots=True)
class ConnectorView:
    """A connector as people see it.

    `accounts`: the names of those that go through it. `needs`: what is missing before it can be used. `trouble`: the
    last line of its log, where that tells of one. `secret_dropped`: this very change made its stored secret useless;
    `accounts_dropped`: accounts that lost their passwords by it.
    """

    connector: Connector
    accounts: tuple[str, ...] = ()
    agents: tuple[Agent, ...] = ()
    needs: tuple[str, ...] = ()
    trouble: ConnectorEvent | None = None
    secret_dropped: bool = False
    accounts_dropped: tuple[str, ...] = ()


class ConnectorVerbs(Changes):
    def connectors(self, actor: Actor, tenant_id: int | None = None) -> Future[list[ConnectorView]]:
        """The tenant's own connectors, in the order in which they were made."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[ConnectorView]:
            self._existing(connection, number)
            return [self._connector_view(connection, one) for one in connectors.of_tenant(connection, number)]

        return self._store.read(work)

    def connector(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[ConnectorView]:
        """One connector by id or name. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> ConnectorView:
            self._existing(connection, number)
            return self._connector_view(connection, found_connector(connection, number, ref))

        return self._store.read(work)

    def connector_log(
        self, actor: Actor, ref: Ref, limit: int = _MOST_EVENTS, tenant_id: int | None = None
    ) -> Future[list[ConnectorEvent]]:
        """What happened to it, the newest first."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[ConnectorEvent]:
            connector = found_connector(connection, number, ref)
            return connectors.events(connection, number, connector.id, min(limit, _MOST_EVENTS))

        return self._store.read(work)

    def create_connector(
        self,
        actor: Actor,
        values: Mapping[str, object],
        tenant_id: int | None = None,
        former: Version | None = None,
    ) -> Future[ConnectorView]:
        """A new connector. `values`: the fields of Connector that people set, and `secret`; `kind` is required.

        The name is the host's when none is given. `former`: the last version of a deleted one that this is again.
        Raises BadInput with every fault.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        connector_id, version = (self._store.ids.next(), 1) if former is None else (former.noun_id, former.version + 1)
        reading = Reading()
        given = read(values, reading)
        if "kind" not in values and "type" not in values:
            kinds = ", ".join(ConnectorKind)
            reading.fault("kind", "is missing.", Sentence("Say what it is: {kinds}.", kinds=kinds))
        typed = read_secret(values, reading)
        blank = Connector(connector_id, number, "", ConnectorKind.SOCKS5, created_ms=moment, version=version)
        connector = apply(blank, given, typed, reading)
        connector = replace(connector, name=connector.name or connector.host or connector.kind.value)

        def work(connection: Connection) -> ConnectorView:
            self._existing(connection, number)
            _check_connector_name(connection, connector, reading)
            check_place(connector, None, self._settings, reading)
            reading.close()
            connectors.create(connection, connector)
            if typed is not None:
                self._seal_connector(connection, connector, typed, moment, actor)
            return self._connector_view(connection, found_connector(connection, number, connector_id))

        return self._change(work, actor)

    def change_connector(
        self, actor: Actor, ref: Ref, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[ConnectorView]:
        """Changes what is given; a blank secret stays as it was. Raises BadInput with every fault, NotFound.

        When what the secret was typed for changes and no new one is given, the old one is deleted and the view says so.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> ConnectorView:
            old = found_connector(connection, number, ref)
            reading = Reading()
            given = read(values, reading)
            typed = read_secret(values, reading)
            new = apply(old, given, typed, reading)
            _check_connector_name(connection, new, reading)
            check_place(new, old, self._settings, reading)
            reading.close()
            dropped, lost = self._save_connector(connection, old, new, typed, moment, actor)
            view = self._connector_view(connection, found_connector(connection, number, old.id))
            return replace(view, secret_dropped=dropped, accounts_dropped=lost)

        return self._change(work, actor)

    def delete_connector(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Deletes it with its secret, its agents' keys and its log. Raises Conflict while accounts go through it."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> None:
            self._remove_connector(connection, found_connector(connection, number, ref))

        return self._change(work, actor)

    def note_connector(self, connector_id: int, text: str, *, trouble: bool) -> Future[bool]:
        """For whoever uses connectors: a line for the log, unless it is the last one already. False then."""
        moment, event_id = now_ms(), self._store.ids.next()
        known = self.snapshot.connectors.get(connector_id)

        def work(connection: Connection) -> bool:
            if known is None:
                return False
            last = connectors.last_event(connection, known.tenant_id, connector_id)
            if last is not None and (last.text, last.trouble) == (text, trouble):
                return False
            event = ConnectorEvent(event_id, known.tenant_id, connector_id, moment, trouble, text)
            connectors.note(connection, event)
            return True

        return self._store.write(work)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _save_connector(
        self, connection: Connection, old: Connector, new: Connector, typed: Secret | None, moment: int, actor: Actor
    ) -> tuple[bool, tuple[str, ...]]:
        """Writes a changed connector with what follows. Whether its secret was lost, and accounts that lost theirs."""
        connectors.save(connection, new)
        dropped = False
        if typed is not None:
            self._seal_connector(connection, new, typed, moment, actor)
        elif SealedTo.of_connector(old) != SealedTo.of_connector(new):
            dropped = connectors.drop_secret(connection, new.tenant_id, new.id)
        lost = _drop_unproven(connection, old, new)
        for account_id, _ in connectors.users(connection, new.tenant_id, new.id):
            accounts.resume_mended(connection, new.tenant_id, account_id)
        return dropped, lost

    def _seal_connector(
        self, connection: Connection, connector: Connector, typed: Secret, moment: int, actor: Actor
    ) -> None:
        sealed = self._ring.seal(typed, SealedTo.of_connector(connector))
        connectors.put_secret(connection, connector.tenant_id, connector.id, sealed, moment, actor.name)

    def _remove_connector(self, connection: Connection, connector: Connector) -> None:
        users = _users(connection, connector)
        if users:
            names = ", ".join(users[:3])
            more = " and others" if len(users) > 3 else ""
            raise Conflict(
                Sentence(
                    "It can't be deleted yet: {names}{more} go through it. Choose another way for them first.",
                    names=names,
                    more=more,
                )
            )
        connectors.remove(connection, connector.tenant_id, connector.id)

    def _connector_view(self, connection: Connection, connector: Connector) -> ConnectorView:
        number = connector.tenant_id
        users = _users(connection, connector)
        own = tuple(agents.of_connector(connection, number, connector.id))
        last = connectors.last_event(connection, number, connector.id)
        trouble = last if last is not None and last.trouble else None
        return ConnectorView(connector, users, own, self._connector_needs(connector, own), trouble)

    def _connector_needs(self, connector: Connector, own: tuple[Agent, ...]) -> tuple[str, ...]:
        needs = []
        kind = connector.kind
        if kind is ConnectorKind.AGENT:
            if all(one.revoked_ms is not None for one in own):
                needs.append("It has no agent yet: `postroom connector add-agent` makes the key of one.")
            if self._settings.listen_agents is None:
                needs.append("This Postroom does not listen for agents: the operator sets POSTROOM_LISTEN_AGENTS.")
        elif not connector.has_secret and (connector.user or kind is ConnectorKind.SSH):
            needs.append("It needs its password" + (" or private key." if kind is ConnectorKind.SSH else "."))
        if kind is ConnectorKind.SSH and not connector.host_key:
            needs.append(
                "Its host key is not confirmed yet: `postroom connector test` shows it, `postroom connector trust` "
                "confirms it."
            )
        return tuple(needs)


def found_connector(connection: Connection, tenant_id: int, ref: Ref) -> Connector:
    """Raises NotFound."""
    found = connector_meant(connection, tenant_id, ref)
    if found is None:
        raise NotFound("There is no such connector here.")
    return found


def check_place(connector: Connector, old: Connector | None, settings: Settings, reading: Reading) -> None:
    """Adds a fault for a host or port that only the operator may name. What a name leads to shows later."""
    if connector.kind is ConnectorKind.AGENT or not connector.host:
        return
    if old is not None and (old.host, old.port) == (connector.host, connector.port):
        return
    guard = guard_for_connector(connector, settings.tenant_hosts)
    if guard.wrong_port:
        problem = "is none that a proxy or SSH server usually has, and only the operator can allow it."
        reading.fault(
            "port", problem, Sentence("Use one of {ports}, or ask him (setting tenant_hosts).", ports=guard.ports)
        )
    if guard.wrong_literal:
        reading.fault(
            "host",
            "is an address that only the operator of this installation can allow.",
            "Give a server's name, or ask him to allow it (setting tenant_hosts).",
        )


def _check_connector_name(connection: Connection, connector: Connector, reading: Reading) -> None:
    other = connectors.by_name(connection, connector.tenant_id, connector.name)
    if other is not None and other.id != connector.id:
        reading.fault("name", "is the name of another connector.", "Choose another name.")


def _users(connection: Connection, connector: Connector) -> tuple[str, ...]:
    """The names of the accounts and mailboxes that go through it."""
    number = connector.tenant_id
    boxes = mailboxes.through(connection, number, connector.id)
    return (*(name for _, name in connectors.users(connection, number, connector.id)), *(one.name for one in boxes))


def _drop_unproven(connection: Connection, old: Connector, new: Connector) -> tuple[str, ...]:
    """Takes the passwords of those that could not tell if the new way led to another server; their names."""
    if (old.kind, old.host, old.port) == (new.kind, new.host, new.port):
        return ()
    lost = []
    users = [
        accounts.get(connection, new.tenant_id, one) for one, _ in connectors.users(connection, new.tenant_id, new.id)
    ]
    users += [one.access for one in mailboxes.through(connection, new.tenant_id, new.id)]
    for account in users:
        if account is None:
            continue
        unproven = account.encryption is Encryption.NONE or account.certificate_check is CertificateCheck.IGNORE
        if unproven and credentials.drop(connection, new.tenant_id, account.id):
            lost.append(account.name)
    return tuple(lost)
