"""A value and where it comes from, so that every setting in effect can be traced back to the place where it was set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from postroom.addresses import Address, BadAddress, parse_list
from postroom.model.account import Account
from postroom.model.tenant import INSTALLATION, Tenant

__all__ = ["DEFAULT", "MESSAGE", "Sourced", "address_of", "addresses_of", "of_account", "of_sender", "of_tenant"]

T_co = TypeVar("T_co", covariant=True)

DEFAULT = "default"
MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Sourced(Generic[T_co]):
    """`source`: "installation", "tenant Acme", "account Main relay", "sender support@…", "message" or "default"."""

    value: T_co
    source: str


def of_tenant(tenant: Tenant) -> str:
    return "installation" if tenant.id == INSTALLATION else f"tenant {tenant.name}"


def of_account(account: Account) -> str:
    return f"account {account.name}"


def of_sender(address: Address) -> str:
    return f"sender {address.spec}"


def address_of(text: str) -> Address | None:
    """An address out of the settings, or None. One that can't be read counts as not set: who saves it checks it."""
    if not text:
        return None
    try:
        return Address.parse(text)
    except BadAddress:
        return None


def addresses_of(text: str) -> tuple[Address, ...]:
    """The same for a setting that may hold several, with commas between them."""
    if not text:
        return ()
    try:
        return parse_list(text)
    except BadAddress:
        return ()
