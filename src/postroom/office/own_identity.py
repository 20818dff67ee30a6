"""Who may let an account log in with what this machine has: its keytabs and tickets are the operator's, not a tenant's.

They are sealed to nothing, as passwords are. So whoever is no operator can neither give them to an account nor turn an
account that has them to another server, user or service.
"""

from __future__ import annotations

from postroom.model.account import Account
from postroom.model.application import Actor
from postroom.model.tenant import INSTALLATION
from postroom.office.fields import Reading
from postroom.secrets import SealedTo

__all__ = ["check", "refuse"]

_PROBLEM = "uses this machine's own Kerberos identity, and only the operator decides for which server."
_MEND = "Log in with a user and a password, or ask the operator of this Postroom to set it."


def check(actor: Actor, old: Account | None, new: Account, reading: Reading, field: str = "credential_source") -> None:
    """A fault in `field` when this actor may not save that. `old` is None for a new account."""
    if actor.tenant_id == INSTALLATION or not new.by_own_identity:
        return
    if old is None or SealedTo.of(old) != SealedTo.of(new):
        reading.fault(field, _PROBLEM, _MEND)


def refuse(actor: Actor, old: Account | None, new: Account, field: str) -> None:
    """The same where faults are not collected. Raises BadInput."""
    reading = Reading()
    check(actor, old, new, reading, field)
    reading.close()
