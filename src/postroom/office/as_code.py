"""The office's verbs for settings as code: writing them out, saying what a file would change, taking it over.

An import is one transaction: all of it or nothing. (Only waiting mail that follows a new default moves in batches
after it.) A plan is an import that is rolled back before anybody could see it, so the two can't differ. A changed
server without a password in the file drops the kept one, as by any change (P7).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault, PostroomError
from postroom.ids import encode
from postroom.model.account import Account, Login
from postroom.model.application import Actor, Application, Scope
from postroom.model.connector import Connector
from postroom.model.plan import Plan, Planned, What
from postroom.model.version import differences
from postroom.office import own_identity
from postroom.office.changes import AGAIN, Again, require, tenant_for
from postroom.office.code_file import CodeFile, read_file
from postroom.office.code_kinds import prune_kinds, take_kinds
from postroom.office.code_text import (
    Names,
    account_code,
    application_code,
    connector_code,
    sender_code,
    settings_code,
    written,
)
from postroom.office.code_wanted import (
    Wanted,
    WantedAccount,
    WantedConnector,
    WantedSender,
    WantedSettings,
    spec_of,
    wanted_of,
)
from postroom.office.connectors import check_place
from postroom.office.fallback import FIELD, fallback_code, settle_fallback, usable
from postroom.office.fields import Reading
from postroom.office.keys import KeyVerbs
from postroom.office.operator import check_leave
from postroom.office.routing import DefaultMove, free_held, unproven
from postroom.office.versions import VersionVerbs
from postroom.policy.way import Reason
from postroom.secrets import Secret
from postroom.sentence import Sentence
from postroom.store import accounts, applications, connectors, kinds, queue, senders, tenants

__all__ = ["AsCodeVerbs"]


class _Seen(PostroomError):
    """No error but the end of a rehearsal: rolls a plan's transaction back, and never leaves this module."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


@dataclass(slots=True)
class _Taking:
    """One import, through all its transactions."""

    actor: Actor
    tenant_id: int
    file: CodeFile
    prune: bool
    force: bool
    moment: int
    changes: list[Planned] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    moving: list[DefaultMove] = field(default_factory=list)
    removing: dict[int, list[DefaultMove]] = field(default_factory=dict)
    done: list[Planned] = field(default_factory=list)

    def note(self, what: What, noun: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        self.changes.append(Planned(what, noun, name, tuple(differences(before, after))))


class AsCodeVerbs(VersionVerbs, KeyVerbs):
    def export(self, actor: Actor, tenant_id: int | None = None) -> Future[str]:
        """The tenant's settings as TOML, without any secret."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> str:
            own, every = accounts.of_tenant(connection, number), usable(connection, number)
            return written(
                self._existing(connection, number),
                own,
                senders.of_tenant(connection, number),
                applications.of_tenant(connection, number),
                {one.id: fallback_code(one, every) for one in own},
                connectors.of_tenant(connection, number),
                kinds.of_tenant(connection, number),
            )

        return self._store.read(work)

    def plan(self, actor: Actor, text: str, *, prune: bool = False, tenant_id: int | None = None) -> Future[Plan]:
        """What `import_file` would do; nothing is changed. Raises what it would raise."""
        require(actor, Scope.SETTINGS_READ)
        taking = _Taking(actor, tenant_for(actor, tenant_id), read_file(text), prune, False, now_ms())

        def work(connection: Connection) -> Plan:
            self._take_over(connection, taking)
            raise _Seen(Plan(tuple(taking.changes), tuple(taking.warnings)))

        return _caught(self._change(work, actor))

    def import_file(
        self, actor: Actor, text: str, *, prune: bool = False, force: bool = False, tenant_id: int | None = None
    ) -> Future[Plan]:
        """Makes everything as the file has it, and says what that changed.

        `prune`: what is of a kind that the file has tables for, but not in it, is deleted; applications are suspended,
        because mail tells of them. `force`: a tenant's own server takes over untested. Raises BadInput with every
        fault and its place in the file, Conflict for what can't be deleted, Forbidden for applications without the
        right to manage them.
        """
        require(actor, Scope.SETTINGS_WRITE)
        taking = _Taking(actor, tenant_for(actor, tenant_id), read_file(text), prune, force, now_ms())
        if taking.file.applications is not None:
            require(actor, Scope.APPLICATIONS)

        def work(connection: Connection) -> Plan | Again:
            again = self._take_over(connection, taking)
            taking.done.extend(change for change in taking.changes if change not in taking.done)
            return again or Plan(tuple(taking.done), tuple(taking.warnings))

        return self._change(work, actor)

    # -- taking over ------------------------------------------------------------------------------------------------

    def _take_over(self, connection: Connection, taking: _Taking) -> Again | None:
        """Everything of it; run again, it finds done what is done."""
        number = taking.tenant_id
        self._existing(connection, number)
        taking.changes.clear()
        taking.warnings.clear()
        wanted = wanted_of(
            taking.file,
            number,
            self._settings.connections_per_account,
            [one.name for one in accounts.of_tenant(connection, number)],
            [one.address for one in senders.of_tenant(connection, number)],
            [one.name for one in connectors.of_tenant(connection, number)],
        )
        taking.warnings.extend(wanted.warnings)
        ways = {one.name.casefold(): one for one in connectors.of_tenant(connection, number)}
        for way in wanted.connectors or ():
            self._take_connector(connection, taking, way, ways.get(way.connector.name.casefold()))
        every = {one.name.casefold(): one for one in accounts.of_tenant(connection, number)}
        made = [
            self._take_account(connection, taking, one, every.get(one.account.name.casefold()))
            for one in wanted.accounts or ()
        ]
        _take_fallbacks(connection, taking, wanted)
        present = accounts.of_tenant(connection, number)
        for sender in wanted.senders or ():
            self._take_sender(connection, taking, sender, present)
        again = self._take_settings(connection, taking, wanted, [one for one in made if one is not None])
        known = {one.name: one for one in applications.of_tenant(connection, number)}
        for application in wanted.applications or ():
            self._take_application(connection, taking, application, known.get(application.name))
        take_kinds(connection, number, wanted.kinds or (), self._store.ids.next, taking.moment, taking.note)
        return again or (self._prune(connection, taking, wanted) if taking.prune else None)

    def _take_connector(
        self, connection: Connection, taking: _Taking, wanted: WantedConnector, old: Connector | None
    ) -> None:
        typed, there = wanted.secret, wanted.connector
        reading = Reading()
        check_place(there, old, self._settings, reading)
        self._refuse(taking, "connectors", there.name, reading)
        after = connector_code(there)
        if typed is not None and (old is None or old.secret_set_ms != taking.moment):
            after[_SECRET] = "typed"
        if old is None:
            new = replace(there, id=self._store.ids.next(), created_ms=taking.moment)
            connectors.create(connection, new)
            if typed is not None:
                self._seal_connector(connection, new, typed, taking.moment, taking.actor)
            shown = {name: value for name, value in after.items() if value not in (None, "", 0)}
            taking.note(What.CREATE, "connector", new.name, {}, shown)
            needs = self._connector_needs(replace(new, has_secret=typed is not None), ())
            taking.warnings.extend(f"{new.name}: {need}" for need in needs)
            return
        before = connector_code(old)
        if old.has_secret and _SECRET in after:
            before[_SECRET] = "kept"
        new = replace(there, id=old.id, tenant_id=old.tenant_id)
        if before == after and old.name == new.name:
            return
        dropped, lost = self._save_connector(connection, old, new, typed, taking.moment, taking.actor)
        if dropped:
            before[_SECRET], after[_SECRET] = "kept", "dropped"
            taking.warnings.append(f"{new.name} needs its password again: the kept one was typed for another host.")
        taking.warnings.extend(f"{name} needs its password again: the way to its server is another." for name in lost)
        taking.note(What.CHANGE, "connector", new.name, {"name": old.name} | before, {"name": new.name} | after)

    def _take_account(
        self, connection: Connection, taking: _Taking, wanted: WantedAccount, old: Account | None
    ) -> Account | None:
        """Makes or changes it; the account when it is new."""
        ways = connectors.of_tenant(connection, taking.tenant_id)
        names = Names((), (), ways)
        typed, there = wanted.secret, replace(wanted.account, connector_id=_way_named(ways, wanted.connector))
        place = partial(taking.file.place, "accounts", there.name)
        meant = there if old is None else _kept(old, there)
        own_identity.refuse(taking.actor, old, meant, self._settings.tenant_realms, place)
        self._check_leave(taking, there, old)
        after = account_code(there, names)
        confirmed = self._confirmed(taking, there, old, typed)
        if typed is not None and (old is None or old.secret_set_ms != taking.moment):  # else an earlier step sealed it
            after[_SECRET] = "typed"
        if old is None:
            new = replace(there, id=self._store.ids.next(), created_ms=taking.moment)
            accounts.create(connection, new)
            if confirmed is not None and new.takes_secret:
                self._seal(connection, new, confirmed, taking.moment, taking.actor)
            elif new.needs_secret:
                taking.warnings.append(
                    f"{new.name} needs its password: `postroom account edit --password` asks for it."
                )
            elif new.login is Login.OAUTH2:
                taking.warnings.append(f"{new.name} has to be connected: `postroom account connect` begins it.")
            taking.note(What.CREATE, "account", new.name, {}, {k: v for k, v in after.items() if v not in (None, "")})
            return new
        before = account_code(old, names)
        if old.has_secret and _SECRET in after:
            before[_SECRET] = "kept"
        new = _kept(old, there)
        if before == after and old.name == new.name:
            return None
        if self._save_account(connection, old, new, confirmed, taking.moment, taking.actor):
            before[_SECRET], after[_SECRET] = "kept", "dropped"
            taking.warnings.append(f"{new.name} needs its password again: the kept one was typed for another server.")
        taking.note(What.CHANGE, "account", new.name, {"name": old.name} | before, {"name": new.name} | after)
        return None

    def _confirmed(self, taking: _Taking, there: Account, old: Account | None, typed: Secret | None) -> Secret | None:
        """What is to be sealed: the password of the file, or its reference where whoever imports it may use that."""
        reading = Reading()
        new = there if old is None else _kept(old, there)
        found = self._to_seal(taking.actor, old, new, typed, True, reading)
        place = taking.file.place("accounts", there.name, "secret_reference")
        if reading.faults:
            raise BadInput([Fault(place, one.problem, one.mend) for one in reading.faults])
        return found

    def _check_leave(self, taking: _Taking, there: Account, old: Account | None) -> None:
        """What only the operator may allow is no different in a file."""
        reading = Reading()
        new = there if old is None else _kept(old, there)
        check_leave(taking.actor, old, new, self._settings, reading)
        self._refuse(taking, "accounts", there.name, reading)

    @staticmethod
    def _refuse(taking: _Taking, table: str, name: str, reading: Reading) -> None:
        faults = [(taking.file.place(table, name, one.field), one) for one in reading.faults]
        if faults:
            raise BadInput([Fault(place, one.problem, one.mend) for place, one in faults])

    def _take_sender(self, connection: Connection, taking: _Taking, wanted: WantedSender, every: list[Account]) -> None:
        number = taking.tenant_id
        names = Names(every, ())
        there = replace(wanted.sender, account_id=_numbered(every, wanted.account))
        old = senders.by_address(connection, number, there.address)
        if old is None:
            senders.create(connection, replace(there, id=self._store.ids.next(), created_ms=taking.moment))
            shown = {k: v for k, v in sender_code(there, names).items() if v not in (None, "")}
            taking.note(What.CREATE, "sender", there.address, {}, shown)
            return
        before, after = sender_code(old, names), sender_code(there, names)
        if before != after:
            new = replace(old, **{name: getattr(there, name) for name in _SENDER_FIELDS})
            senders.save(connection, new)
            taking.note(What.CHANGE, "sender", there.address, before, after)

    def _take_settings(
        self, connection: Connection, taking: _Taking, wanted: Wanted, made: list[Account]
    ) -> Again | None:
        number = taking.tenant_id
        names = Names(accounts.of_tenant(connection, number), senders.of_tenant(connection, number))
        tenant = self._existing(connection, number)
        before = settings_code(tenant.settings, names)
        account_id = self._default_account(connection, taking, wanted.settings, made)
        again = None
        if account_id is not None and (taking.moving or account_id != tenant.settings.default_account_id):
            if not taking.moving:
                taking.moving.append(DefaultMove(number, account_id, taking.moment, self._store.ids.next))
            again = taking.moving[0].step(connection)
            tenant = self._existing(connection, number)
        there = wanted.settings.settings if wanted.settings is not None else tenant.settings
        sender_id = self._default_sender(connection, tenant.settings.default_sender_id, taking, wanted)
        there = replace(there, default_account_id=tenant.settings.default_account_id, default_sender_id=sender_id)
        if there != tenant.settings:
            tenants.save(connection, replace(tenant, settings=there))
        after = settings_code(there, names)
        if before != after:
            taking.note(What.CHANGE, "settings", "", before, after)
        tenant = self._existing(connection, number)
        return again or free_held(connection, tenant, taking.moment, self._store.ids.next)

    def _default_account(
        self, connection: Connection, taking: _Taking, wanted: WantedSettings | None, made: list[Account]
    ) -> int | None:
        """The account that becomes or stays the default; None: as it is."""
        tenant = self._existing(connection, taking.tenant_id)
        if wanted is not None and wanted.default_account is not None:
            chosen = _numbered(accounts.of_tenant(connection, tenant.id), wanted.default_account)
        elif tenant.settings.default_account_id is None:
            chosen = next((one.id for one in made if one.enabled), None)
        else:
            return None
        account = None if chosen is None else accounts.get(connection, tenant.id, chosen)
        if account is None or account.id == tenant.settings.default_account_id:
            return chosen
        if not taking.force and unproven(connection, tenant, account):
            taking.warnings.append(
                f"{account.name} becomes the default once a test message has left through it; until then mail goes on "
                "through the installation's default account."
            )
            return None
        return chosen

    @staticmethod
    def _default_sender(connection: Connection, present: int | None, taking: _Taking, wanted: Wanted) -> int | None:
        every = senders.of_tenant(connection, taking.tenant_id)
        if wanted.settings is not None and wanted.settings.default_sender is not None:
            spec = spec_of(wanted.settings.default_sender)
            return next((one.id for one in every if one.address == spec), present)
        first = wanted.senders[0].sender.address if wanted.senders else None
        return present if present is not None else next((one.id for one in every if one.address == first), None)

    def _take_application(
        self, connection: Connection, taking: _Taking, wanted: Application, old: Application | None
    ) -> None:
        after = application_code(wanted)
        if old is None:
            applications.create(connection, replace(wanted, id=self._store.ids.next(), created_ms=taking.moment))
            taking.note(What.CREATE, "application", wanted.name, {}, after)
        elif application_code(old) != after:
            applications.save(connection, replace(wanted, id=old.id, created_ms=old.created_ms))
            taking.note(What.CHANGE, "application", wanted.name, application_code(old), after)

    # -- deleting ---------------------------------------------------------------------------------------------------

    def _prune(self, connection: Connection, taking: _Taking, wanted: Wanted) -> Again | None:
        owned = taking.file.owned
        if wanted.senders is not None and "senders" in owned:
            self._prune_senders(connection, taking, {one.sender.address for one in wanted.senders})
        if wanted.applications is not None:
            self._prune_applications(connection, taking, {one.name for one in wanted.applications})
        if wanted.kinds is not None and "kinds" in owned:
            prune_kinds(connection, taking.tenant_id, wanted.kinds, taking.note)
        again = self._prune_accounts(connection, taking, wanted) if "accounts" in owned else None
        if again is None and wanted.connectors is not None and "connectors" in owned:
            self._prune_connectors(connection, taking, {one.connector.name.casefold() for one in wanted.connectors})
        return again

    def _prune_connectors(self, connection: Connection, taking: _Taking, stay: set[str]) -> None:
        for one in connectors.of_tenant(connection, taking.tenant_id):
            if one.name.casefold() not in stay:
                self._remove_connector(connection, one)
                taking.note(What.DELETE, "connector", one.name, {}, {})

    def _prune_accounts(self, connection: Connection, taking: _Taking, wanted: Wanted) -> Again | None:
        if wanted.accounts is None:
            return None
        stay = {one.account.name.casefold() for one in wanted.accounts}
        for account in accounts.of_tenant(connection, taking.tenant_id):
            if account.name.casefold() not in stay:
                moving = taking.removing.setdefault(account.id, [])
                if self._remove_account(connection, account, None, moving, taking.moment) is AGAIN:
                    return AGAIN
                taking.note(What.DELETE, "account", account.name, {}, {})
        return None

    def _prune_senders(self, connection: Connection, taking: _Taking, stay: set[str]) -> None:
        number = taking.tenant_id
        for sender in senders.of_tenant(connection, number):
            if sender.address in stay:
                continue
            held = queue.held_of_sender(connection, number, sender.id, Reason.SENDER_HELD)
            if held:
                raise Conflict(
                    Sentence(
                        "{held:,} mails of {sender} are held. Release or cancel them first.",
                        held=held,
                        sender=sender.address,
                    ),
                    held=held,
                )
            tenant = self._existing(connection, number)
            if tenant.settings.default_sender_id == sender.id:
                tenants.save(connection, replace(tenant, settings=replace(tenant.settings, default_sender_id=None)))
            senders.remove(connection, number, sender.id)
            taking.note(What.DELETE, "sender", sender.address, {}, {})

    def _prune_applications(self, connection: Connection, taking: _Taking, stay: set[str]) -> None:
        for one in applications.of_tenant(connection, taking.tenant_id):
            if one.name not in stay and not one.suspended:
                applications.save(connection, replace(one, suspended=True))
                taking.note(What.SUSPEND, "application", one.name, {"suspended": False}, {"suspended": True})


_SECRET = "secret"  # noqa: S105  (the name of a field)
_SENDER_FIELDS = ("name", "reply_to", "return_path", "confirmation_address", "account_id")
_OURS = (
    "id", "tenant_id", "created_ms", "version", "state", "paused_reason", "paused_by", "paused_ms", "resume_ms",
    "has_secret", "secret_set_ms", "has_client_key", "tested_ms", "fallback_account_id",
)  # fmt: skip


def _kept(old: Account, there: Account) -> Account:
    """The wanted account in the old one's place."""
    return replace(there, **{name: getattr(old, name) for name in _OURS})


def _take_fallbacks(connection: Connection, taking: _Taking, wanted: Wanted) -> None:
    """After all accounts are there: one may fall back on another that comes later in the file. What changes is taken
    away first, so that two may change places."""
    number = taking.tenant_id
    present = {one.name.casefold(): one for one in accounts.of_tenant(connection, number)}
    before = {name: fallback_code(one, usable(connection, number)) for name, one in present.items()}
    faults: list[Fault] = []
    changing: list[tuple[Account, WantedAccount]] = []
    for one in wanted.accounts or ():
        name = one.account.name.casefold()
        account, typed = present[name], one.fallback
        same = typed is None if before[name] is None else str(typed).strip() in (before[name], _id_of(account))
        if not same:
            changing.append((account, one))
            accounts.save(connection, replace(account, fallback_account_id=None))
    for account, one in changing:
        reading = Reading()
        settled = settle_fallback(connection, account, {FIELD: one.fallback}, reading)[FIELD]
        place = taking.file.place("accounts", account.name, "fallback_account")
        faults += [Fault(place, fault.problem, fault.mend) for fault in reading.faults]
        if settled is not None and not reading.faults:
            accounts.save(connection, replace(account, fallback_account_id=settled))
        if not faults:
            told = before[account.name.casefold()]
            after = {"fallback_account": one.fallback}
            taking.note(What.CHANGE, "account", account.name, {"fallback_account": told}, after)
    if faults:
        raise BadInput(faults)


def _id_of(account: Account) -> str:
    return encode("a", account.fallback_account_id or 0)


def _numbered(every: list[Account], name: str | None) -> int | None:
    wanted = None if name is None else name.strip().casefold()
    return next((one.id for one in every if one.name.casefold() == wanted), None)


def _way_named(every: list[Connector], name: str | None) -> int | None:
    wanted = None if name is None else name.strip().casefold()
    return next((one.id for one in every if one.name.casefold() == wanted), None)


def _caught(rehearsal: Future[Plan]) -> Future[Plan]:
    """The plan that the rehearsal ended with; any other end is the caller's."""
    future: Future[Plan] = Future()
    future.set_running_or_notify_cancel()

    def done(ended: Future[Plan]) -> None:
        error = ended.exception()
        if isinstance(error, _Seen):
            future.set_result(error.plan)
        elif error is not None:
            future.set_exception(error)

    rehearsal.add_done_callback(done)
    return future
