"""Setting an account's fallback: which it may be, and that no circle comes of it.

It may be an account of the same tenant, or one of the installation, whose accounts all tenants inherit. Whether it then
takes over is decided elsewhere (`policy.fallback`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from postroom.ids import encode
from postroom.model.account import Account
from postroom.model.tenant import INSTALLATION
from postroom.office.fields import Reading
from postroom.office.tenants import find_account_number
from postroom.policy.fallback import chain_of
from postroom.sentence import Sentence
from postroom.store import accounts

__all__ = ["FIELD", "fallback_code", "free_of", "settle_fallback", "usable"]

FIELD = "fallback_account_id"


def usable(connection: Connection, tenant_id: int) -> dict[int, Account]:
    """The accounts a tenant may use: its own and the installation's."""
    found = accounts.of_tenant(connection, tenant_id)
    if tenant_id != INSTALLATION:
        found += accounts.of_tenant(connection, INSTALLATION)
    return {one.id: one for one in found}


def settle_fallback(
    connection: Connection, account: Account, values: Mapping[str, Any], reading: Reading
) -> dict[str, Any]:
    """The values with the fallback's number in the place of what was typed. What it can't be is a fault."""
    settled = dict(values)
    if settled.get(FIELD) is None:
        return settled
    number = find_account_number(connection, account.tenant_id, settled[FIELD])
    if number is None and account.tenant_id != INSTALLATION:
        number = find_account_number(connection, INSTALLATION, settled[FIELD])
    settled[FIELD] = number
    if number is None:
        reading.fault(FIELD, "names no account of this tenant or of the installation.", "Give its id or its name.")
    elif number == account.id:
        reading.fault(FIELD, "is the account itself.", "Name another account, or leave it empty.")
    else:
        every = usable(connection, account.tenant_id)
        chain = chain_of(every | {account.id: account}, replace(account, fallback_account_id=number))
        if chain and chain[-1].fallback_account_id == account.id:
            way = " → ".join([account.name, *(one.name for one in chain), account.name])
            reading.fault(
                FIELD, Sentence("would make a circle: {way}.", way=way), "Take the fallback of one of them away first."
            )
    return settled


def fallback_code(account: Account, every: Mapping[int, Account]) -> str | None:
    """How a file names the account's fallback: by its name, by its id where an own account has the same name."""
    one = None if account.fallback_account_id is None else every.get(account.fallback_account_id)
    if one is None:
        return None
    named = [other for other in every.values() if other.name.casefold() == one.name.casefold()]
    own = one.tenant_id == account.tenant_id
    return one.name if own or len(named) == 1 else encode("a", one.id)


def free_of(connection: Connection, gone: Account, heir: Account | None) -> list[str]:
    """Names of the accounts whose fallback the account is that is to go; with an heir they get him instead, and none
    is left."""
    users = accounts.falling_back_on(connection, gone.id)
    if heir is None:
        return [one.name for one in users]
    for one in users:
        other = None if one.id == heir.id or heir.fallback_account_id == one.id else heir.id
        accounts.save(connection, replace(one, fallback_account_id=other))
    return []
