"""What Kerberos' errors mean: a `Refusal` each, told apart by the number that the library gives, in its own words.

The numbers are those of MIT Kerberos (lib/krb5/error_tables/krb5_err.et, k5e1_err.et) as 32 bits without sign; the
first 128 are the protocol's own (RFC 4120, 7.5.9). A number nobody foresaw is `Failure.KERBEROS`, and the words tell.
"""

from __future__ import annotations

from postroom.model.account import Account, CredentialSource
from postroom.model.attempt import Failure
from postroom.smtp.fault import Refusal
from postroom.smtp.reply import printable

__all__ = ["explain"]

_BASE = 2529638912
"""ERROR_TABLE_BASE_krb5."""

_MEANINGS = {
    _BASE + 1: Failure.USER_LOCKED,  # the user's entry has expired
    _BASE + 6: Failure.PRINCIPAL,
    _BASE + 7: Failure.SERVICE_NAME,
    _BASE + 12: Failure.USER_LOCKED,  # policy: not at this hour, not from here
    _BASE + 18: Failure.USER_LOCKED,
    _BASE + 23: Failure.PASSWORD_EXPIRED,
    _BASE + 24: Failure.PASSWORD,
    _BASE + 31: Failure.PASSWORD,
    _BASE + 32: Failure.TICKET,
    _BASE + 33: Failure.CLOCK,  # a ticket that is not valid yet
    _BASE + 37: Failure.CLOCK,
    _BASE + 41: Failure.SERVICE_NAME,  # the server could not open the ticket: it is for another key
    _BASE + 44: Failure.SERVICE_NAME,  # ... or for another version of it
    _BASE + 45: Failure.SERVICE_NAME,
    _BASE + 68: Failure.REALM,
    _BASE + 134: Failure.PRINCIPAL,  # the name can't be read
    _BASE + 140: Failure.TICKET,  # unknown type of ticket cache
    _BASE + 141: Failure.TICKET,  # no such ticket in the cache
    _BASE + 148: Failure.CLOCK,
    _BASE + 154: Failure.REALM,  # no KDC is known for the realm
    _BASE + 156: Failure.LOGIN_SERVICE,
    _BASE + 181: Failure.KEYTAB,
    _BASE + 184: Failure.KEYTAB,
    _BASE + 193: Failure.TICKET,  # the cache can't be read
    _BASE + 194: Failure.TICKET,
    _BASE + 195: Failure.TICKET,  # there is no ticket cache
    _BASE + 210: Failure.PASSWORD,  # pre-authentication failed
    _BASE + 223: Failure.PASSWORD,
    _BASE + 224: Failure.REALM,  # no default realm
    _BASE + 230: Failure.KEYTAB_STALE,  # the key's version is not in it
    39756032: Failure.TICKET,  # the cache is somebody else's
    39756033: Failure.TICKET,  # the cache is empty
    39756034: Failure.KEYTAB,  # the keytab has no key of this user
}
_WITH_KEYTAB = {Failure.PASSWORD: Failure.KEYTAB_STALE, Failure.TICKET: Failure.KEYTAB}
"""What the same number means where the key comes out of a file."""


def explain(number: int, words: str, account: Account, user: str, *, expired: bool = False) -> Refusal:
    """Why there was no login. `number` is the library's minor status, `words` what it says of it. `expired`: the ticket
    ran out while it was used."""
    failure = Failure.TICKET if expired else _MEANINGS.get(number & 0xFFFFFFFF, Failure.KERBEROS)
    if account.credential_source is CredentialSource.KEYTAB:
        failure = _WITH_KEYTAB.get(failure, failure)
    return Refusal(failure, None, f"Kerberos: {printable(words)[:300]}{_place(failure, account, user)}.")


def _place(failure: Failure, account: Account, user: str) -> str:
    """Which file it was, where the library's words leave that out."""
    whose = f" for {user}" if user else ""
    if failure in (Failure.KEYTAB, Failure.KEYTAB_STALE):
        return f" (keytab {account.credential_path}{whose})"
    if failure is Failure.TICKET and account.credential_source is CredentialSource.TICKET_CACHE:
        return f" (ticket cache {account.credential_path or 'of the service itself'}{whose})"
    return ""
