"""*Apply*: the change of an account's own settings that mends what a diagnosis speaks of, where there is one.

A rule names settings and what to set them to; here is what that comes to for a certain account. Only settings whose
right value the rule can know are offered; a password, a server or a right at the provider is for people. Nothing is
changed here, and nothing by itself: somebody says *apply*, and the office changes the account as it would by hand.
"""

from __future__ import annotations

from collections.abc import Iterable

from postroom.model.account import Account, Encryption, Login

__all__ = ["HALF", "change_of", "unfit"]

HALF = "half"
"""Half of what the limit is now: for servers that say "fewer" and not how many."""

_THE_LOGIN = "{user}"
_LIMITS = ("limits.connections", "limits.per_minute", "limits.per_day", "limits.recipients", "limits.size")


def unfit(name: str, value: object) -> str | None:
    """What is wrong with this entry of a rule's `apply`, or None."""
    if name in _LIMITS:
        good = value == HALF or (type(value) is int and value > 0)
        return None if good else f"is {value!r}, which is no number above zero and not {HALF!r}"
    match name:
        case "port":
            return None if type(value) is int and 1 <= value <= 65_535 else f"is {value!r}, which is no port"
        case "encryption":
            return None if value in list(Encryption) else f"is {value!r}, which is no encryption"
        case "login":
            return None if value in list(Login) else f"is {value!r}, which is no login"
        case "user":
            return None if isinstance(value, str) and value else "is no user name"
        case "sender_address":
            return None if value == _THE_LOGIN else f"is {value!r}, but can only be {_THE_LOGIN}"
        case _:
            return "is no setting that a rule may change"


def change_of(apply: Iterable[tuple[str, str | int]], account: Account) -> dict[str, str | int]:
    """What to set on this account, in the words of its fields; empty when nothing of it would be different."""
    wanted = {name: _value(name, value, account) for name, value in apply}
    return {name: value for name, value in wanted.items() if value is not None and value != _present(name, account)}


def _present(name: str, account: Account) -> str | int | None:
    owner, _, field = name.rpartition(".")
    present: str | int | None = getattr(account.limits if owner else account, field)
    return present


def _value(name: str, value: str | int, account: Account) -> str | int | None:
    """None when there is nothing sensible to set: no limit to halve, a login that is no address."""
    if value == HALF:
        present = _present(name, account)
        return max(1, present // 2) if isinstance(present, int) else None
    if value == _THE_LOGIN:
        return account.user if "@" in account.user else None
    return value
