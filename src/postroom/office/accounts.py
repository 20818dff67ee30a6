"""The office's verbs for accounts: making and changing them, the default, pausing, deleting."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, NotFound
from postroom.model.account import Account, Encryption, Limits
from postroom.model.application import Actor, Scope
from postroom.model.tenant import Tenant
from postroom.model.version import Version
from postroom.office import own_identity, references
from postroom.office.account_end import check_free, whose_mail
from postroom.office.account_values import apply, read, read_secret
from postroom.office.certificate_values import fit_client_key, read_client_key
from postroom.office.certificate_views import certificates_of
from postroom.office.changes import AGAIN, Again, Ref, number_of, require, tenant_for
from postroom.office.connector_choice import choose_connector
from postroom.office.fallback import FIELD, free_of, settle_fallback
from postroom.office.fields import Reading, line
from postroom.office.operator import check_leave
from postroom.office.routing import BATCH, DefaultMove, refuse_unproven, unproven
from postroom.office.sealing import Sealing
from postroom.office.tenants import account_named, find_account_number
from postroom.office.views import AccountView, account_needs, account_warnings
from postroom.policy.diagnosis import catalogue
from postroom.policy.mending import change_of
from postroom.secrets import SealedTo, Secret
from postroom.store import accounts, credentials, paces, queue, senders

__all__ = ["AccountVerbs"]


class AccountVerbs(Sealing):
    # -- reading ----------------------------------------------------------------------------------------------------

    def accounts(self, actor: Actor, tenant_id: int | None = None) -> Future[list[AccountView]]:
        """The tenant's own accounts, in the order in which they were made."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[AccountView]:
            tenant = self._existing(connection, number)
            return [_view(connection, tenant, account) for account in accounts.of_tenant(connection, number)]

        return self._store.read(work)

    def account(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[AccountView]:
        """One account by id or name. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: _view(c, self._existing(c, number), _found(c, number, ref)))

    def find_account(self, actor: Actor, ref: Ref) -> Account:
        """At once, from the snapshot: the actor's own account. Raises NotFound."""
        return self._snapshot_account(actor.tenant_id, ref)

    # -- making and changing ----------------------------------------------------------------------------------------

    def create_account(
        self,
        actor: Actor,
        values: Mapping[str, object],
        secret: str | Secret | None = None,
        tenant_id: int | None = None,
        *,
        former: Version | None = None,
    ) -> Future[AccountView]:
        """A new account. The tenant's first one becomes its default. Raises BadInput with every fault.

        `values`: the fields of Account that people set, limits as `limits.connections` or nested; words of other
        products are understood. The name is the host's when none is given, the port goes with the encryption.
        `former`: the last version of a deleted one that this is again.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        account_id, version = (self._store.ids.next(), 1) if former is None else (former.noun_id, former.version + 1)
        reading = Reading()
        given = read(values, reading)
        connector = given.pop("connector_id", None)
        typed = read_secret(values, secret, reading)
        blank = Account(
            id=account_id,
            tenant_id=number,
            name="",
            host="",
            port=0,
            encryption=Encryption.STARTTLS,
            limits=Limits(connections=self._settings.connections_per_account),
            created_ms=moment,
            version=version,
        )
        plain = {field: value for field, value in given.items() if field != FIELD}
        account = apply(blank, plain, typed, reading)
        key = read_client_key(values, reading)
        account = fit_client_key(replace(account, name=account.name or account.host), key, reading)
        own_identity.check(actor, None, account, self._settings.tenant_realms, reading)
        given_reference = references.FIELD in given
        typed = self._to_seal(actor, None, account, typed, given_reference, reading)
        move = DefaultMove(number, account_id, moment, self._store.ids.next)
        made: list[bool] = []

        def work(connection: Connection) -> AccountView | Again:
            tenant = self._existing(connection, number)
            if accounts.get(connection, number, account_id) is None:
                new = choose_connector(connection, account, connector, reading)
                _check_name(connection, new, reading)
                wanted = settle_fallback(connection, new, given, reading).get(FIELD)
                check_leave(actor, None, new, self._settings, reading)
                reading.close()
                accounts.create(connection, replace(new, fallback_account_id=wanted))
                if typed is not None and new.takes_secret:
                    self._seal(connection, new, typed, moment, actor)
                if key is not None:
                    self._seal_key(connection, new, key, moment, actor)
                alone = tenant.settings.default_account_id is None and new.enabled
                made[:] = [alone and not unproven(connection, tenant, new)]
            if made[0] and move.step(connection) is AGAIN:
                return AGAIN
            return self._shown(connection, number, account_id)

        return self._change(work, actor)

    def change_account(
        self,
        actor: Actor,
        ref: Ref,
        values: Mapping[str, object],
        secret: str | Secret | None = None,
        tenant_id: int | None = None,
    ) -> Future[AccountView]:
        """Changes what is given; a blank secret stays as it was. Raises BadInput with every fault, NotFound.

        When what the secret was typed for changes and no new one is given, the old one is deleted and the view says so.
        An account that a server's answer had paused is tried again after a change.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        saved: list[AccountView] = []
        moving: list[DefaultMove] = []

        def work(connection: Connection) -> AccountView | Again:
            old = _found(connection, number, ref)
            # What an earlier run saved is there, unless its transaction was rolled back.
            if not saved or old.version < saved[0].account.version:
                new, dropped = self._save_changes(connection, old, values, secret, moment, actor)
                saved[:] = [self._shown(connection, number, old.id, dropped=dropped)]
                hope = new.enabled and not old.enabled and self._is_only_hope(connection, new)
                moving[:] = [DefaultMove(number, new.id, moment, self._store.ids.next)] if hope else []
            if not moving:
                return saved[0]
            return moving[0].step(connection) or replace(saved[0], is_default=True)

        return self._change(work, actor)

    def apply_diagnosis(
        self,
        actor: Actor,
        ref: Ref,
        diagnosis: str,
        secret: str | Secret | None = None,
        tenant_id: int | None = None,
    ) -> Future[AccountView]:
        """Sets what mends a diagnosis on this account, as `change_account` would.

        Raises NotFound for a diagnosis that there is not, Conflict where it has nothing to apply (any more).
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        rule = catalogue().by_id.get(diagnosis.strip().lower())
        if rule is None:
            raise NotFound("There is no such diagnosis.")
        found = self._snapshot_account(number, ref)
        change = change_of(rule.apply, found)
        if not change:
            raise Conflict("It is set so already." if rule.apply else "No setting of Postroom's mends this by itself.")
        return self.change_account(actor, ref, change, secret, tenant_id)

    def _snapshot_account(self, tenant_id: int, ref: Ref) -> Account:
        number = number_of("a", ref)
        found = None if number is None else self.snapshot.accounts.get(number)
        if (found is None or found.tenant_id != tenant_id) and isinstance(ref, str):
            found = self.snapshot.account_named(tenant_id, ref)
        if found is None or found.tenant_id != tenant_id:
            raise _no_account()
        return found

    def _save_changes(
        self,
        connection: Connection,
        old: Account,
        values: Mapping[str, object],
        secret: str | Secret | None,
        moment: int,
        actor: Actor,
    ) -> tuple[Account, bool]:
        """The account as it is now, and whether a secret was lost by it. Raises BadInput with every fault."""
        reading = Reading()
        given = settle_fallback(connection, old, read(values, reading), reading)
        typed = read_secret(values, secret, reading)
        connector = given.pop("connector_id", old.connector_id)
        key = read_client_key(values, reading)
        new = fit_client_key(apply(old, given, typed, reading), key, reading)
        new = choose_connector(connection, new, connector, reading)
        own_identity.check(actor, old, new, self._settings.tenant_realms, reading)
        _check_name(connection, new, reading)
        check_leave(actor, old, new, self._settings, reading)
        typed = self._to_seal(actor, old, new, typed, references.FIELD in given, reading)
        reading.close()
        return new, self._save_account(connection, old, new, typed, moment, actor, key)

    def _save_account(
        self,
        connection: Connection,
        old: Account,
        new: Account,
        typed: Secret | None,
        moment: int,
        actor: Actor,
        key: Secret | None = None,
    ) -> bool:
        """Writes a changed account, with what follows from the change. True when a secret was lost by it."""
        if SealedTo.of(old) != SealedTo.of(new):
            new = replace(new, tested_ms=None)
        accounts.save(connection, new)
        dropped = self._keep_right(connection, old, new, typed, moment, actor)
        self._keep_key_right(connection, old, new, key, moment, actor)
        if key is not None or _may_be_mended(old, new, typed):
            accounts.resume_mended(connection, old.tenant_id, old.id)
        return dropped

    def _is_only_hope(self, connection: Connection, account: Account) -> bool:
        """Whether the tenant has no default of its own and no other account: switched on, this one becomes it."""
        tenant = self._existing(connection, account.tenant_id)
        if tenant.settings.default_account_id is not None or unproven(connection, tenant, account):
            return False
        return len(accounts.of_tenant(connection, tenant.id)) == 1

    # -- the default ------------------------------------------------------------------------------------------------

    def set_default_account(
        self, actor: Actor, ref: Ref, tenant_id: int | None = None, *, force: bool = False
    ) -> Future[AccountView]:
        """Moves the default, with the waiting mail that followed it and mail that waited for any account at all.

        Raises Conflict where a tenant's own server is to take over from the installation's without a test that it
        passed, unless `force`.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        moving: list[DefaultMove] = []

        def work(connection: Connection) -> AccountView | Again:
            tenant = self._existing(connection, number)
            account = _found(connection, number, ref)
            if not moving:
                if not force:
                    refuse_unproven(connection, tenant, account)
                moving.append(DefaultMove(number, account.id, moment, self._store.ids.next))
            return moving[0].step(connection) or self._shown(connection, number, account.id)

        return self._change(work, actor)

    def note_tested(self, account: Account) -> Future[bool]:
        """A test message left through this account. False when its server or login was changed meanwhile.

        It is what a tenant's own server needed to take over from the installation's default, so then it does.
        """
        number, moment = account.tenant_id, now_ms()
        moving: list[DefaultMove] = []

        def work(connection: Connection) -> bool | Again:
            present = accounts.get(connection, number, account.id)
            if present is None or SealedTo.of(present) != SealedTo.of(account):
                return False
            tenant = self._existing(connection, number)
            if not moving and present.enabled and unproven(connection, tenant, present):
                moving.append(DefaultMove(number, present.id, moment, self._store.ids.next))
            accounts.tested(connection, number, present.id, moment)
            return (moving[0].step(connection) if moving else None) or True

        return self._change(work, None)

    # -- pausing ----------------------------------------------------------------------------------------------------

    def pause_account(
        self, actor: Actor, ref: Ref, reason: str = "", tenant_id: int | None = None
    ) -> Future[AccountView]:
        """Keeps the account's mail until somebody resumes it; nothing bounces."""
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        reading = Reading()
        reading.take("reason", line(200), reason)
        words: str = reading.close()["reason"] or "Paused by hand."

        def work(connection: Connection) -> AccountView:
            account = _found(connection, number, ref)
            accounts.pause(connection, number, account.id, words, moment)
            return self._shown(connection, number, account.id)

        return self._change(work, actor)

    def resume_account(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[AccountView]:
        """Lets its mail leave again, whoever paused it."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> AccountView:
            account = _found(connection, number, ref)
            accounts.resume(connection, number, account.id)
            return self._shown(connection, number, account.id)

        return self._change(work, actor)

    def pause_for(
        self, account_id: int, reason: str, resume_ms: int | None = None, version: int | None = None
    ) -> Future[bool]:
        """For the worker: what a server said stops the account. False when it is gone, paused, or changed meanwhile.

        `version`: the account's at the attempt, so that a late answer to old settings pauses nothing.
        """
        moment = now_ms()
        known = self.snapshot.accounts.get(account_id)

        def work(connection: Connection) -> bool:
            if known is None:
                return False
            meant = known if version is None else replace(known, version=version)
            return accounts.pause_by_verdict(connection, meant, reason, moment, resume_ms)

        return self._change(work, None)

    def resume_due(self, now_ms: int) -> Future[list[str]]:
        """For upkeep: ends the pauses whose time is over; returns the accounts' names."""
        over = [one for one in self.snapshot.accounts.values() if one.resume_ms is not None and one.resume_ms <= now_ms]
        if not over:
            nothing: Future[list[str]] = Future()
            nothing.set_result([])
            return nothing

        def work(connection: Connection) -> list[str]:
            resumed = set(accounts.resume_due(connection, now_ms))
            return [account.name for account in over if account.id in resumed]

        return self._change(work, None)

    # -- deleting ---------------------------------------------------------------------------------------------------

    def delete_account(
        self, actor: Actor, ref: Ref, move_to: Ref | None = None, tenant_id: int | None = None
    ) -> Future[None]:
        """Deletes the account and its secret. What depends on it goes to `move_to`: mail, senders, being the default.

        Raises Conflict with the number of what depends on it when `move_to` is missing, and while mail is being sent.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        moving: list[DefaultMove] = []

        def work(connection: Connection) -> Again | None:
            account = _found(connection, number, ref)
            heir = None if move_to is None else _heir(connection, account, move_to)
            return self._remove_account(connection, account, heir, moving, moment)

        return self._change(work, actor)

    def _remove_account(
        self, connection: Connection, account: Account, heir: Account | None, moving: list[DefaultMove], moment: int
    ) -> Again | None:
        """One step of a deletion; `moving` holds what the steps of one change share."""
        number = account.tenant_id
        tenant = self._existing(connection, number)
        whose = whose_mail(connection, account)
        check_free(connection, tenant, account, has_heir=heir is not None)
        if tenant.settings.default_account_id == account.id or moving:
            if not moving:
                moving.append(DefaultMove(number, heir.id if heir else None, moment, self._store.ids.next))
            if moving[0].step(connection) is AGAIN:
                return AGAIN
        free_of(connection, account, heir)
        if heir is not None:
            senders.move_account(connection, number, account.id, heir.id)
            if queue.move_account(connection, whose, account.id, heir.id, BATCH) >= BATCH:
                return AGAIN
        elif queue.forget_account(connection, whose, account.id, BATCH) >= BATCH:
            return AGAIN
        left = queue.pending(connection, whose, account.id)
        if left.waiting or left.sending:
            raise Conflict("Mail came for the account at this very moment. Try again.")
        accounts.remove(connection, number, account.id)
        return None

    # -- inside -----------------------------------------------------------------------------------------------------

    def _shown(self, connection: Connection, tenant_id: int, account_id: int, *, dropped: bool = False) -> AccountView:
        account = accounts.get(connection, tenant_id, account_id)
        if account is None:
            raise _no_account()
        return _view(connection, self._existing(connection, tenant_id), account, dropped=dropped)


def _no_account() -> NotFound:
    return NotFound("There is no such account here.")


def _found(connection: Connection, tenant_id: int, ref: Ref) -> Account:
    number = find_account_number(connection, tenant_id, ref)
    account = None if number is None else accounts.get(connection, tenant_id, number)
    if account is None:
        raise _no_account()
    return account


def _view(connection: Connection, tenant: Tenant, account: Account, *, dropped: bool = False) -> AccountView:
    pace = paces.of_account(connection, account)
    return AccountView(
        account=account,
        is_default=tenant.settings.default_account_id == account.id,
        needs=account_needs(account, dropped=dropped, trouble=pace.trouble),
        warnings=account_warnings(account, trouble=pace.trouble),
        certificates=certificates_of(account),
        secret_dropped=dropped,
        pace=pace,
        secret_set_by=credentials.set_by(connection, account.tenant_id, account.id) if account.has_secret else "",
    )


def _may_be_mended(old: Account, new: Account, typed: Secret | None) -> bool:
    """Whether this change may be the cure for what a server complained of."""
    if typed is not None:
        return True
    if SealedTo.of(old) != SealedTo.of(new):
        return not new.needs_secret
    cures = ("login", "limits", "sender_address", "oauth2_client_id", "oauth2_flow", "oauth2_scope")
    return any(getattr(old, name) != getattr(new, name) for name in cures)


def _check_name(connection: Connection, account: Account, reading: Reading) -> None:
    other = account_named(connection, account.tenant_id, account.name)
    if other is not None and other.id != account.id:
        reading.fault("name", "is the name of another account.", "Choose another name.")


def _heir(connection: Connection, account: Account, ref: Ref) -> Account:
    number = find_account_number(connection, account.tenant_id, ref)
    if number is None or number == account.id:
        reading = Reading()
        reading.fault("move_to", "names no other account of this tenant.", "Give its id or its name.")
        raise BadInput(reading.faults)
    return _found(connection, account.tenant_id, number)
