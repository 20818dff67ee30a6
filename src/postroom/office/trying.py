"""The office's part in the test of an account: which account is meant, as it is saved or with values typed along.

Rule it keeps (P7): what is stored never goes to values that are not saved. Whoever tests edited values types the secret
along, or tests without; the same holds for the key of a client certificate and for a reference. Whoever sends the very
values that are saved, and no secret, has edited nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Conflict
from postroom.model.account import Account, Encryption, Limits, Login
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.office import own_identity, references
from postroom.office.account_values import apply, read, read_secret
from postroom.office.accounts import AccountVerbs
from postroom.office.certificate_values import fit_client_key, read_client_key
from postroom.office.changes import Ref, require, tenant_for
from postroom.office.connector_choice import choose_connector
from postroom.office.fallback import FIELD
from postroom.office.fields import Reading
from postroom.office.operator import check_leave
from postroom.policy.snapshot import own_address
from postroom.secrets import Secret
from postroom.store import accounts, users

__all__ = ["SUBJECT", "TEXT", "ToTry", "TryingVerbs", "noted_test"]

SUBJECT = "Test message from Postroom"
TEXT = "This message was sent to prove that mail leaves through this account. It did.\n"
_BOOKKEEPING = ("version", "tested_ms", "has_secret", "has_client_key", "secret_set_ms")


@dataclass(frozen=True, slots=True)
class ToTry:
    """`edited`: the values are not those that are saved; then `secret` (or the reference in its place) and `client_key`
    are what was typed along, and nothing that is stored may be used. `new`: no saved account is meant at all."""

    account: Account
    edited: bool = False
    new: bool = False
    secret: Secret | None = field(default=None, repr=False)
    client_key: Secret | None = field(default=None, repr=False)


class TryingVerbs(AccountVerbs):
    def account_to_try(
        self,
        actor: Actor,
        ref: Ref | None,
        values: Mapping[str, object] | None = None,
        secret: str | Secret | None = None,
        tenant_id: int | None = None,
    ) -> Future[ToTry]:
        """The account of this name or id, with these values where any are given; without a name a new one.

        Nothing is saved. Raises NotFound, Conflict while this database may be a copy, BadInput with every fault.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)
        if self.snapshot.clone is not None:
            raise Conflict(
                "This database may be a copy of another installation's, so nothing leaves it, not even a test. Say "
                "first which of the two it is (`postroom confirm`)."
            )
        blank_id = self._store.ids.next()

        def work(connection: Connection) -> ToTry:
            self._existing(connection, number)
            saved = None if ref is None else accounts.get(connection, number, self._snapshot_account(number, ref).id)
            old = saved or self._blank(blank_id, number)
            if not values and not secret and saved is not None:
                return ToTry(saved)
            return self._edited(connection, actor, old, values or {}, secret, new=saved is None)

        return self._store.read(work)

    def prefilled_test(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[dict[str, str]]:
        """What a form for a test begins with: `to` (who asks, else the account's own address), `subject`, `text`."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> dict[str, str]:
            account = self._snapshot_account(number, ref)
            own = own_address(account)
            user = None if actor.user_id is None else users.get(connection, actor.tenant_id, actor.user_id)
            to = (user.email if user is not None else "") or ("" if own is None else own.spec)
            return {"to": to, "subject": SUBJECT, "text": TEXT}

        return self._store.read(work)

    def _blank(self, account_id: int, tenant_id: int) -> Account:
        limits = Limits(connections=self._settings.connections_per_account)
        return Account(account_id, tenant_id, "", "", 0, Encryption.STARTTLS, limits=limits, created_ms=now_ms())

    def _edited(
        self,
        connection: Connection,
        actor: Actor,
        old: Account,
        values: Mapping[str, object],
        secret: str | Secret | None,
        *,
        new: bool,
    ) -> ToTry:
        """The account as the values make it. The same checks as for saving it. Raises BadInput with every fault."""
        reading = Reading()
        given = read(values, reading)
        typed = read_secret(values, secret, reading)
        connector = given.pop("connector_id", old.connector_id)
        given.pop(FIELD, None)
        key = read_client_key(values, reading)
        account = fit_client_key(apply(old, given, typed, reading), key, reading)
        account = choose_connector(connection, replace(account, name=account.name or account.host), connector, reading)
        former = None if new else old
        own_identity.check(actor, former, account, self._settings.tenant_realms, reading)
        check_leave(actor, former, account, self._settings, reading)
        sealed = self._to_seal(actor, former, account, typed, references.FIELD in given, reading)
        edited = new or typed is not None or key is not None or _content(account) != _content(old)
        if edited and sealed is None and account.needs_secret and account.login is not Login.OAUTH2:
            reading.fault(
                "secret",
                "is needed to test values that are not saved: what is stored is only used for what it was typed for.",
                "Type it along, or save the account and test it then.",
            )
        if edited and account.client_certificate and key is None:
            reading.fault(
                "client_key",
                "is needed to test values that are not saved, as the account shows a client certificate.",
                "Give it along, or save the account and test it then.",
            )
        reading.close()
        return ToTry(account, True, new, sealed, key) if edited else ToTry(old)


def _content(account: Account) -> Account:
    """The account without what is noted about it."""
    blank = Account(0, 0, "", "", 0)
    return replace(account, **{name: getattr(blank, name) for name in _BOOKKEEPING})


def noted_test(actor: Actor, to_try: ToTry, to: str) -> Entry:
    """What the audit trail is told of a test: mail leaves by it, and perhaps to a server that nobody has saved."""
    account = to_try.account
    told: dict[str, object] = {"to": to}
    if to_try.edited:
        told |= {"edited": True, "host": account.host, "port": account.port, "user": account.user}
    number = None if to_try.new else account.id
    return Entry(account.tenant_id, "account.tested", now_ms(), number, account.name, after=told).by(actor)
