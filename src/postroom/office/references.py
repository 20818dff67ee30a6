"""Who may use a password that is kept elsewhere: the operator's decision, asked at set-up and at every use.

What a reference leads to is known to nobody who sets up an account, so it must not follow the account to another
server. The reference is therefore sealed like a password (P7): to the server, user and protection it was given for. Any
change of these by somebody who may not use references, or who does not give the reference once more, ends it.
"""

from __future__ import annotations

from collections.abc import Mapping

from postroom.ids import decode
from postroom.model.account import Account
from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION, Tenant
from postroom.office.fields import Reading
from postroom.secrets import Secret
from postroom.settings import Settings

__all__ = ["FIELD", "may_be_used", "secret_to_seal"]

FIELD = "secret_reference"


def may_be_used(settings: Settings, tenants: Mapping[int, Tenant], tenant_id: int, reference: str) -> bool:
    """Whether accounts of this tenant may use this reference: the installation's any, others what is listed."""
    if tenant_id == INSTALLATION:
        return True
    tenant = tenants.get(tenant_id)
    return tenant is not None and any(
        (one.tenant == tenant.name or decode("t", one.tenant) == tenant_id) and one.fits(reference)
        for one in settings.secret_references
    )


def secret_to_seal(
    actor: Actor,
    old: Account | None,
    new: Account,
    typed: Secret | None,
    given: bool,
    settings: Settings,
    tenants: Mapping[int, Tenant],
    reading: Reading,
) -> Secret | None:
    """What is to be sealed to the account: the password typed, or the reference that is given (again); None: nothing
    new. `given`: the reference stands in what was typed. What may not be is a fault."""
    reference = new.secret_reference
    if not reference:
        return typed
    if typed is not None:
        reading.fault(FIELD, "and a password are both given.", "Give only one of them; the other is left empty.")
    changed = old is None or old.secret_reference != reference
    if not changed and not given:
        return None
    if not may_be_used(settings, tenants, new.tenant_id, reference):
        problem, mend = (
            "is not among what the operator lets this tenant use.",
            "He lists it in the setting secret_references, as tenant=reference.",
        )
    elif not actor.may(Scope.ADMIN):
        problem = "can only be given by an administrator, because it lets the account use a password nobody typed."
        mend = "Ask one to give it (again)."
    else:
        return Secret(reference)
    if changed:
        reading.fault(FIELD, problem, mend)
    return None
