"""What of Kerberos is the operator's to decide: whose tickets an account uses, and which realms a tenant may name.

This machine's keytabs and tickets are sealed to nothing, as passwords are. So whoever is no operator can neither give
them to an account nor turn an account that has them to another server, user or service. And a realm is more than a
word: its servers are found by the DNS of whoever owns it, and asked from inside this machine's network.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from postroom.model.account import Account, Login
from postroom.model.application import Actor
from postroom.model.tenant import INSTALLATION
from postroom.office.fields import Reading
from postroom.secrets import SealedTo
from postroom.sentence import Sentence

__all__ = ["check", "refuse"]

_PROBLEM = "uses this machine's own Kerberos identity, and only the operator decides for which server."
_MEND = "Log in with a user and a password, or ask the operator of this Postroom to set it."


def check(
    actor: Actor,
    old: Account | None,
    new: Account,
    realms: Collection[str],
    reading: Reading,
    place: Callable[[str], str] = str,
) -> None:
    """Faults for what this actor may not save. `old` is None for a new account; `realms`: those that tenants may name;
    `place`: how a field is called where the account was written down."""
    if actor.tenant_id == INSTALLATION or (old is not None and SealedTo.of(old) == SealedTo.of(new)):
        return
    if new.by_own_identity:
        reading.fault(place("credential_source"), _PROBLEM, _MEND)
    elif new.login is Login.KERBEROS:
        allowed = {realm.casefold() for realm in realms}
        named = {"realm": new.realm}
        named |= {field: getattr(new, field).rpartition("@")[2] for field in ("user", "service_principal")}
        for field, realm in named.items():
            if (field == "realm" or "@" in getattr(new, field)) and realm and realm.casefold() not in allowed:
                reading.fault(
                    place(field),
                    Sentence("names the realm {realm}, which the operator has not opened to tenants.", realm=realm),
                    "Leave the realm out to use this machine's own, or ask the operator (setting tenant_realms).",
                )


def refuse(
    actor: Actor, old: Account | None, new: Account, realms: Collection[str], place: Callable[[str], str]
) -> None:
    """The same where faults are not collected. Raises BadInput."""
    reading = Reading()
    check(actor, old, new, realms, reading, place)
    reading.close()
