"""Proving who we are: the mechanisms of `smtp.sasl` as IMAP carries them (RFC 9051, 6.2.2), and its own LOGIN.

The strongest way that both sides know and the mailbox allows. None that shows the password goes over a link on which
others could read it, unless the operator said so.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import replace

from postroom.model.account import Account, CertificateCheck, Login
from postroom.model.attempt import Failure
from postroom.receive.imap.command import Unwritable, quoted
from postroom.receive.imap.session import Answer, Session
from postroom.receive.imap.trouble import Trouble
from postroom.secrets import Secret
from postroom.smtp.fault import Lost, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.sasl import MECHANISM_NAMES, Credentials, Mechanism, NoCommonLogin, choose, fitting
from postroom.smtp.sasl_oauth import OAUTH_MECHANISM_NAMES, OAUTH_MECHANISMS

__all__ = ["log_in"]

_ALLOWED = {
    Login.PLAIN: ("PLAIN",),
    Login.LOGIN: ("LOGIN",),
    Login.CRAM_MD5: ("CRAM-MD5",),
    Login.SCRAM_SHA_1: ("SCRAM-SHA-1",),
    Login.SCRAM_SHA_256: ("SCRAM-SHA-256",),
    Login.OAUTH2: OAUTH_MECHANISM_NAMES,
}
_OFFER = "AUTH="
_READABLE = frozenset({"PLAIN", "LOGIN"})
_BY_COMMAND = "LOGIN (the command)"


async def log_in(session: Session, access: Account, secret: Secret, nonce: str) -> str:
    """The way that was taken. Raises Trouble; a refusal of name or password is MAILBOX_LOGIN."""
    session.phase = Phase.AUTH
    session.keep_out([secret])
    encrypted = session.link.encrypted
    trusted = encrypted and access.certificate_check is not CertificateCheck.IGNORE
    offered = tuple(sorted(one.removeprefix(_OFFER) for one in session.capabilities if one.startswith(_OFFER)))
    allowed = _ALLOWED.get(access.login, MECHANISM_NAMES)
    bindings = session.link.bindings() if any(name.startswith("SCRAM-") for name in offered) else ()
    chosen = choose(
        offered, allowed, trusted, access.allow_clear_login, known=OAUTH_MECHANISMS, bindable=bool(bindings)
    )
    if isinstance(chosen, NoCommonLogin):
        readable_allowed = bool(_READABLE & set(allowed)) and "LOGINDISABLED" not in session.capabilities
        if readable_allowed and (trusted or access.allow_clear_login):
            await _by_command(session, access.user, secret)
            return _BY_COMMAND
        if readable_allowed and not chosen.only_in_clear:
            chosen = replace(chosen, only_in_clear=True, offered=(*offered, "LOGIN"))
        refusal = chosen.refusal(encrypted)
        raise Trouble(refusal.id, refusal.text)
    credentials = fitting(Credentials(access.user, secret, bindings), chosen, offered)
    await _Authenticating(session, chosen, credentials, nonce).run()
    session.forget_capabilities()
    return chosen.name


async def _by_command(session: Session, user: str, secret: Secret) -> None:
    try:
        words = b"LOGIN " + quoted(user) + b" " + quoted(secret.reveal())
    except Unwritable as unwritable:
        raise Trouble(Failure.SECRET, f"The user name or the password {unwritable}") from None
    answer = await session.ask(words, shown='LOGIN "****" "****"')
    if not answer.ok:
        raise _refused(session, answer)
    session.forget_capabilities()


def _refused(session: Session, answer: Answer, told: str = "") -> Trouble:
    """The server's no. What it told within the exchange explains it better."""
    words = session.blanked(" ".join(part for part in (answer.end.words, told) if part))
    passing = answer.end.code in ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG") or answer.end.kind == "BAD"
    return Trouble(Failure.MAILBOX_REFUSED if passing else Failure.MAILBOX_LOGIN, words)


class _Authenticating:
    """One AUTHENTICATE under way."""

    def __init__(self, session: Session, mechanism: Mechanism, credentials: Credentials, nonce: str) -> None:
        self._session = session
        self._mechanism = mechanism
        self._exchange = mechanism.start(credentials, nonce)
        self._held: bytes | None = None
        self._started = False
        self._over = False
        self._fault: Lost | Refusal | None = None
        self._told = ""

    async def run(self) -> None:
        name = self._mechanism.name
        first = await self._advance(None)
        if self._fault is not None:
            raise self._broken(self._fault)
        words = f"AUTHENTICATE {name}".encode("ascii")
        if first is not None and "SASL-IR" in self._session.capabilities:
            words += b" " + (_base64(first) or b"=")
        else:
            self._held = first
        answer = await self._session.dialogue(words, f"AUTHENTICATE {name} ****", self._respond)
        if not answer.ok:
            if self._fault is not None:
                raise self._broken(self._fault)
            raise _refused(self._session, answer, self._told)
        await self._advance(None)
        if self._fault is not None:
            raise self._broken(self._fault)
        if self._held is not None or not self._over:
            raise Trouble(Failure.SERVER_UNPROVEN, "The server declared the login complete before it was.")

    async def _respond(self, text: str) -> bytes | None:
        """The answer to what the server asked; None gives up."""
        response, self._held = self._held, None
        if response is None:
            try:
                challenge = base64.b64decode(text.strip(), validate=True)
            except (binascii.Error, ValueError):
                return None
            if self._mechanism.told_by is not None:
                self._told = self._mechanism.told_by(challenge)
            response = await self._advance(challenge)
        return None if response is None else _base64(response)

    async def _advance(self, heard: bytes | None) -> bytes | None:
        """SCRAM derives keys for a while: that is done on a thread."""
        response, self._fault, self._over = await asyncio.to_thread(self._step, heard)
        return response

    def _step(self, heard: bytes | None) -> tuple[bytes | None, Lost | Refusal | None, bool]:
        try:
            if self._over:
                return None, self._fault, True
            if not self._started:
                self._started = True
                return next(self._exchange), None, False
            return self._exchange.send(heard), None, False
        except StopIteration as stop:
            return None, stop.value, True
        except UnicodeEncodeError:
            words = "The user name or the password is not valid text."
            return None, Refusal(Failure.SECRET, None, words), True

    def _broken(self, fault: Lost | Refusal) -> Trouble:
        if isinstance(fault, Refusal):
            return Trouble(fault.id, fault.text)
        return Trouble(Failure.SERVER_UNPROVEN, self._session.blanked(fault.detail))


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data)
