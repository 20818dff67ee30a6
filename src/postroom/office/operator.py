"""What only the operator may allow: the people and keys of the installation, or nobody.

A tenant's account may not log in where somebody could read the password, unless the operator said so for just this
server; and it may not name a server inside the operator's network, unless the operator's setting `tenant_hosts` does.
What is found here is found before anything is looked up or connected to; `wire` checks again, by the address.
"""

from __future__ import annotations

from dataclasses import replace

from postroom.model.account import Account
from postroom.model.application import Actor
from postroom.model.tenant import INSTALLATION
from postroom.office.fields import Reading
from postroom.secrets import SealedTo
from postroom.sentence import Sentence
from postroom.settings import Settings
from postroom.wire.guard import AccountGuard, guard_for, guard_for_mailbox

__all__ = ["check_leave"]


def check_leave(
    actor: Actor, old: Account | None, new: Account, settings: Settings, reading: Reading, *, mailbox: bool = False
) -> None:
    """Adds a fault for everything that this actor may not decide. `old` is None for a new account.

    `mailbox`: it is the access to a mailbox, whose server has other ports.
    """
    _check_login(actor, old, new, reading)
    server = (new.host, new.port, new.connector_id)
    if new.connector_id is None and (old is None or (old.host, old.port, old.connector_id) != server):
        guard = (guard_for_mailbox if mailbox else guard_for)(new, settings.tenant_hosts)
        _check_server(guard, reading)  # where a connector leads, no address of ours is connected to


def _check_login(actor: Actor, old: Account | None, new: Account, reading: Reading) -> None:
    if actor.tenant_id == INSTALLATION or not new.allow_clear_login:
        return
    if old is None or not old.allow_clear_login:
        reading.fault(
            "allow_clear_login",
            "lets others on the way read the password, so only the operator of this installation can allow it.",
            "Use encryption and a certificate that is checked, or ask him.",
        )
    elif SealedTo.of(old) != SealedTo.of(replace(new, allow_clear_login=True)):
        reading.fault(
            "allow_clear_login",
            "was allowed by the operator for the server and settings as they were.",
            "Set it to no, or ask him to make this change.",
        )


def _check_server(guard: AccountGuard, reading: Reading) -> None:
    """Only what is plain to see: a port that is none of mail, an internal address written as such."""
    if guard.wrong_port:
        reading.fault("port", "is no port of a mail server.", Sentence("Use one of {ports}.", ports=guard.ports))
    if guard.wrong_literal:
        reading.fault(
            "host",
            "is an address that only the operator of this installation can allow.",
            "Give a server's name, or ask him to allow it (setting tenant_hosts).",
        )
