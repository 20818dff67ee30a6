"""Which connector an account goes through: one of its own tenant's, by id or name.

Not one of the tenant above: a connector reaches into somebody's network, and who may use that is decided by making one.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from postroom.model.account import Account
from postroom.model.connector import Connector
from postroom.office.changes import Ref, meant
from postroom.office.fields import Reading
from postroom.store import connectors

__all__ = ["choose_connector", "connector_meant"]


def connector_meant(connection: Connection, tenant_id: int, ref: Ref) -> Connector | None:
    """The tenant's connector of this id or name."""
    return meant("x", ref, connectors.get, connectors.by_name, connection, tenant_id)


def choose_connector(connection: Connection, account: Account, ref: Ref | None, reading: Reading) -> Account:
    """The account with this connector, or with none. One that is not there is a fault."""
    if ref is None:
        return replace(account, connector_id=None)
    found = connector_meant(connection, account.tenant_id, ref)
    if found is None:
        mend = "Give the id or name of one; `postroom connector list` names them."
        reading.fault("connector_id", "names no connector of this tenant.", mend)
        return account
    return replace(account, connector_id=found.id)
