"""AUTH NTLM as Exchange speaks it (MS-SMTPNTLM; the messages: MS-NLMP), by pyspnego.

The server's first word (`334 ntlm supported`) says nothing, so the first message waits for it whatever it is. Only
NTLMv2 is spoken. The answer is bound to the service and, on an encrypted link, to its certificate (what Exchange calls
extended protection). The server proves nothing: that it is the right one is TLS' business.
"""

from __future__ import annotations

import struct
from typing import Any

from postroom.model.account import Account
from postroom.model.attempt import Failure
from postroom.smtp.fault import Lost, LostKind, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.sasl import Credentials, Exchange, Mechanism
from postroom.wire.integrated.extras import load, why_not

__all__ = ["mechanism", "missing"]

_HOSTILE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, struct.error)
"""What a malformed challenge makes the library raise, besides its own errors."""


def mechanism(account: Account) -> Mechanism:
    """NTLM for this account. Run its steps apart: loading the library and its hashes take a while."""
    return Mechanism("NTLM", False, lambda credentials, _nonce: _start(account, credentials), blocking=True, waits=True)


def missing() -> str:
    """Why NTLM can't be used here, "" when it can."""
    return why_not("spnego", "ntlm", "NTLM")


def _start(account: Account, credentials: Credentials) -> Exchange:
    """Negotiate, challenge, authenticate (MS-NLMP 2.2.1)."""
    if why := missing():
        return Refusal(Failure.NOT_INSTALLED, None, why)
    context = _context(account, credentials)
    challenge = yield context.step()
    if challenge is None:
        return _unproven("The server declared the login complete before it was.")
    answer = _answer(context, challenge)
    if isinstance(answer, Lost):
        return answer
    heard = yield answer
    return None if heard is None else _unproven("The server asked for more when the login was complete.")


def _answer(context: Any, challenge: bytes) -> bytes | Lost:
    try:
        answer: bytes = context.step(challenge)
    except (load("spnego.exceptions").SpnegoError, *_HOSTILE):  # its words could hold what the server sent
        return _unproven("The server broke the rules of the login: its NTLM challenge can't be read.")
    return answer


def _context(account: Account, credentials: Credentials) -> Any:
    spnego = load("spnego")
    bound = [data for kind, data in credentials.bindings if kind == "tls-server-end-point"]
    service, _, host = account.service_principal.partition("@")[0].partition("/")
    return spnego.client(
        _user(credentials.user, account.realm),
        credentials.secret.reveal(),
        hostname=host or account.host,
        service=service or "SMTP",
        protocol="ntlm",
        options=spnego.NegotiateOptions.use_ntlm,
        channel_bindings=load("spnego.channel_bindings").GssChannelBindings(
            application_data=b"tls-server-end-point:" + bound[0]
        )
        if bound
        else None,
    )


def _user(user: str, domain: str) -> str:
    """`DOMAIN\\user`, unless the name says its domain itself."""
    return f"{domain}\\{user}" if domain and "\\" not in user and "@" not in user else user


def _unproven(text: str) -> Lost:
    return Lost(LostKind.UNPROVEN, text, Phase.AUTH)
