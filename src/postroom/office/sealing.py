"""The office's care for secrets: sealing them to their server, taking them away, sealing them anew with another key.

Promise P7 is kept twice here: a secret is sealed to what it was typed for, and a change of any of that without a new
secret deletes the old one in the same transaction and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Conflict, NotFound
from postroom.model.account import Account, Login
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.tenant import INSTALLATION
from postroom.office.changes import Changes, require
from postroom.office.client_secret import reseal_client_secrets
from postroom.office.fields import Reading
from postroom.office.references import secret_to_seal
from postroom.office.second_factor import reseal_second_factors
from postroom.policy.providers import endpoints
from postroom.secrets import SealedTo, Secret
from postroom.secrets.dkim import sealed_to
from postroom.store import accounts, client_keys, connectors, credentials, dkim_keys, grants, mailboxes, webhooks

__all__ = ["Sealing", "same_grant"]


class Sealing(Changes):
    def _keep_right(
        self, connection: Connection, old: Account, new: Account, typed: Secret | None, moment: int, actor: Actor
    ) -> bool:
        """Seals a new secret, or deletes one that no longer belongs. True when one was lost that is still needed.

        What was granted to an account goes the same way.
        """
        ungranted = not same_grant(old, new) and grants.drop(connection, new.tenant_id, new.id)
        lost = self._keep_right_secret(connection, old, new, typed, moment, actor)
        return lost or (ungranted and new.login is Login.OAUTH2 and new.oauth2_flow.needs_consent)

    def _keep_right_secret(
        self, connection: Connection, old: Account, new: Account, typed: Secret | None, moment: int, actor: Actor
    ) -> bool:
        if not new.takes_secret:
            credentials.drop(connection, new.tenant_id, new.id)
            return False
        if typed is not None:
            self._seal(connection, new, typed, moment, actor)
            grants.check_soon(connection, new.tenant_id, new.id)
            return False
        if SealedTo.of(old) == SealedTo.of(new) and old.secret_reference == new.secret_reference:
            return False
        return credentials.drop(connection, new.tenant_id, new.id)

    def _to_seal(
        self, actor: Actor, old: Account | None, new: Account, typed: Secret | None, given: bool, reading: Reading
    ) -> Secret | None:
        """The password typed, or the reference that this actor may give (see `references`)."""
        tenants = self.snapshot.tenants
        return secret_to_seal(actor, old, new, typed, given, self._settings, tenants, reading)

    def _seal(self, connection: Connection, account: Account, typed: Secret, moment: int, actor: Actor) -> None:
        sealed = self._ring.seal(typed, SealedTo.of(account))
        credentials.put(connection, account.tenant_id, account.id, sealed, moment, actor.name)

    def _keep_key_right(
        self, connection: Connection, old: Account, new: Account, typed: Secret | None, moment: int, actor: Actor
    ) -> bool:
        """The same for the private key of the client certificate."""
        if not new.client_certificate:
            client_keys.drop(connection, new.tenant_id, new.id)
            return False
        if typed is not None:
            self._seal_key(connection, new, typed, moment, actor)
            return False
        if SealedTo.client_key(old) == SealedTo.client_key(new):
            return False
        return client_keys.drop(connection, new.tenant_id, new.id)

    def _seal_key(self, connection: Connection, account: Account, typed: Secret, moment: int, actor: Actor) -> None:
        sealed = self._ring.seal(typed, SealedTo.client_key(account))
        client_keys.put(connection, account.tenant_id, account.id, sealed, moment, actor.name)

    def rotate_key(self, actor: Actor) -> Future[int]:
        """A new key in the ring, and every secret sealed with it; returns how many. Writes the ring's file: may block.

        Where the keys come from the environment, a new one is put there by the operator, and this seals everything with
        it; Conflict says so when there is none.
        """
        _require_installation(actor)
        try:
            self._ring.rotate()
        except Conflict:
            if self._all_current():
                raise
        return self.reseal_secrets(actor)

    def _all_current(self) -> bool:
        settled = self._settled
        logins, known = settled.snapshot.logins, settled.snapshot.connectors
        passwords = [(sealed, SealedTo.of(logins[number])) for number, sealed in settled.sealed.items()]
        keys = [(sealed, SealedTo.client_key(logins[number])) for number, sealed in settled.keys.items()]
        ways = [(sealed, SealedTo.of_connector(known[number])) for number, sealed in settled.sealed_connectors.items()]
        signing = [(sealed, sealed_to(settled.snapshot.dkim_keys[n])) for n, sealed in settled.sealed_dkim.items()]
        told = [
            (one.sealed, SealedTo.of_webhook(settled.snapshot.webhooks[number]))
            for number, one in settled.sealed_webhooks.items()
        ]
        every = passwords + keys + ways + signing + told
        return all(self._ring.is_current(sealed, seal_to) for sealed, seal_to in every)

    def reseal_secrets(self, actor: Actor) -> Future[int]:
        """Seals all secrets with the current key of the ring; returns how many were not."""
        _require_installation(actor)

        def work(connection: Connection) -> int:
            by_id = {account.id: account for account in accounts.all_accounts(connection)}
            by_id |= {mailbox.id: mailbox.access for mailbox in mailboxes.all_mailboxes(connection)}
            count = 0
            for one in credentials.all_sealed(connection):
                seal_to = SealedTo.of(by_id[one.account_id])
                if not self._ring.is_current(one.sealed, seal_to):
                    credentials.reseal(connection, one, self._ring.reseal(one.sealed, seal_to))
                    count += 1
            for key in client_keys.all_sealed(connection):
                seal_to = SealedTo.client_key(by_id[key.account_id])
                if not self._ring.is_current(key.sealed, seal_to):
                    client_keys.reseal(connection, key, self._ring.reseal(key.sealed, seal_to))
                    count += 1
            count += self._reseal_connectors(connection)
            count += self._reseal_grants(connection, by_id)
            count += reseal_second_factors(connection, self._ring)
            count += reseal_client_secrets(connection, self._ring)
            count += self._reseal_dkim(connection)
            count += self._reseal_webhooks(connection)
            self._note(connection, actor, Entry(INSTALLATION, "key-ring.resealed", now_ms(), after={"sealed": count}))
            return count

        return self._change(work, actor)

    def _reseal_webhooks(self, connection: Connection) -> int:
        by_id = {webhook.id: webhook for webhook in webhooks.all_webhooks(connection)}
        count = 0
        for one in webhooks.all_sealed(connection):
            seal_to = SealedTo.of_webhook(by_id[one.webhook_id])
            kept = [sealed for sealed in (one.sealed, one.former) if sealed is not None]
            if not all(self._ring.is_current(sealed, seal_to) for sealed in kept):
                former = None if one.former is None else self._ring.reseal(one.former, seal_to)
                webhooks.reseal(connection, one, self._ring.reseal(one.sealed, seal_to), former)
                count += 1
        return count

    def _reseal_connectors(self, connection: Connection) -> int:
        by_id = {connector.id: connector for connector in connectors.all_connectors(connection)}
        count = 0
        for one in connectors.all_sealed(connection):
            seal_to = SealedTo.of_connector(by_id[one.connector_id])
            if not self._ring.is_current(one.sealed, seal_to):
                connectors.reseal(connection, one, self._ring.reseal(one.sealed, seal_to))
                count += 1
        return count

    def _reseal_dkim(self, connection: Connection) -> int:
        count = 0
        for key, sealed in dkim_keys.all_sealed(connection):
            bound = sealed_to(key)
            if not self._ring.is_current(sealed, bound):
                dkim_keys.reseal(connection, key, self._ring.reseal(sealed, bound))
                count += 1
        return count

    def _reseal_grants(self, connection: Connection, by_id: Mapping[int, Account]) -> int:
        """How many rows were not sealed with the current key. One that is renewed just now is sealed anew anyway."""
        count = 0
        for one in grants.all_grants(connection):
            account = by_id[one.account_id]
            old = {"refresh": one.refresh, "access": one.access}
            new = {
                what: sealed and self._ring.reseal(sealed, SealedTo.of_grant(account, what))
                for what, sealed in old.items()
                if sealed is None or not self._ring.is_current(sealed, SealedTo.of_grant(account, what))
            }
            if any(new.values()):
                kept = old | new
                count += grants.reseal(connection, one, kept["refresh"], kept["access"])
        return count


def same_grant(one: Account, other: Account) -> bool:
    """Whether what was granted to the one is good for the other."""
    if Login.OAUTH2 not in (one.login, other.login):
        return True
    return (
        one.login is other.login
        and SealedTo.of_grant(one, "refresh") == SealedTo.of_grant(other, "refresh")
        and (one.oauth2_flow, endpoints(one).scope) == (other.oauth2_flow, endpoints(other).scope)
    )


def _require_installation(actor: Actor) -> None:
    require(actor, Scope.ADMIN)
    if actor.tenant_id != INSTALLATION:
        raise NotFound("The key ring belongs to the installation.")
