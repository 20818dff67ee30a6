"""The office's verbs around an account's life: another one like it, and what its end would mean."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future

from sqlalchemy import Connection

from postroom.errors import NotFound
from postroom.model.account import Account
from postroom.model.application import Actor, Scope
from postroom.model.version import content_of
from postroom.office.account_end import AccountEnd, account_end
from postroom.office.account_values import apply, read
from postroom.office.accounts import AccountVerbs
from postroom.office.changes import Ref, require, tenant_for
from postroom.office.connector_choice import choose_connector
from postroom.office.fallback import settle_fallback
from postroom.office.fields import Reading
from postroom.office.tenants import find_account_number
from postroom.office.views import AccountView
from postroom.secrets import SealedTo
from postroom.store import accounts

__all__ = ["AccountLifeVerbs"]

_NOT_COPIED = frozenset({"name", "has_secret", "has_client_key", "secret_reference"})
"""Of a reference, because a copy is no new word about which account may have the password that it leads to."""
_MOST_NAME = 180


class AccountLifeVerbs(AccountVerbs):
    async def duplicate_account(
        self, actor: Actor, ref: Ref, name: str = "", tenant_id: int | None = None
    ) -> AccountView:
        """Another account with the same settings, under this name or the next free one. Raises BadInput, NotFound.

        What was typed for the first one alone stays with it: the password, the key of a client certificate, a
        reference, a consent (P7). The copy says that it needs them.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def read(connection: Connection) -> tuple[Account, str]:
            account = self._meant(connection, number, ref)
            taken = {one.name.casefold() for one in accounts.of_tenant(connection, number)}
            return account, name.strip() or _free_name(account.name, taken)

        account, wanted = await asyncio.wrap_future(self._store.read(read))
        values = {field: value for field, value in content_of(account).items() if field not in _NOT_COPIED}
        making = self.create_account(actor, values | {"name": wanted}, tenant_id=number)
        return await asyncio.wrap_future(making)

    def account_end(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[AccountEnd]:
        """What deleting it would mean at this moment. Nothing is changed. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: account_end(c, self._existing(c, number), self._meant(c, number, ref)))

    def loses_secret(
        self, actor: Actor, ref: Ref, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[bool]:
        """Whether this change, without a password typed anew, would make the kept one useless (P7): so that somebody
        can be asked for it before, and not be told of it after. Nothing is changed; what is wrong with the values is
        told by the change itself.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> bool:
            old, reading = self._meant(connection, number, ref), Reading()
            given = settle_fallback(connection, old, read(values, reading), reading)
            connector = given.pop("connector_id", old.connector_id)
            new = choose_connector(connection, apply(old, given, None, reading), connector, reading)
            moved = SealedTo.of(old) != SealedTo.of(new) or old.secret_reference != new.secret_reference
            return not reading.faults and old.has_secret and new.takes_secret and moved

        return self._store.read(work)

    def _meant(self, connection: Connection, tenant_id: int, ref: Ref) -> Account:
        number = find_account_number(connection, tenant_id, ref)
        account = None if number is None else accounts.get(connection, tenant_id, number)
        if account is None:
            raise NotFound("There is no such account here.")
        return account


def _free_name(name: str, taken: set[str]) -> str:
    """`Main (2)`, or the next number that nobody has."""
    number = 2
    while (found := f"{name[:_MOST_NAME]} ({number})").casefold() in taken:
        number += 1
    return found
