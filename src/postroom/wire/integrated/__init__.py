"""Logging in with what this machine or a domain knows: Kerberos and NTLM, as mechanisms for `postroom.smtp`.

    kerberos   SASL GSSAPI (RFC 4752): a ticket from a keytab, from a ticket cache, or for a user's password
    ntlm       AUTH NTLM as Exchange speaks it (MS-SMTPNTLM)
    trouble    what Kerberos' errors mean, as a `Refusal` each

Both need libraries that only those install who want them: the extras `postroom[kerberos]` and `postroom[ntlm]`. What
a mechanism does may wait for others, so the conversation asks for each of its steps to run apart (`smtp.steps.Reckon`).
"""

from postroom.model.account import Account, Login
from postroom.smtp.sasl import Mechanism
from postroom.wire.integrated import kerberos, ntlm

__all__ = ["mechanisms_for", "missing"]


def mechanisms_for(account: Account) -> tuple[Mechanism, ...]:
    """The mechanisms from outside `postroom.smtp` by which this account logs in; none for most."""
    if account.login is Login.KERBEROS:
        return (kerberos.mechanism(account),)
    if account.login is Login.NTLM:
        return (ntlm.mechanism(account),)
    return ()


def missing(login: Login) -> str:
    """Why this machine can't log in that way: what has to be installed, as a sentence. Empty when it can."""
    if login is Login.KERBEROS:
        return kerberos.missing()
    return ntlm.missing() if login is Login.NTLM else ""
