"""From a mailbox's settings to a session that is logged in: the road of the courier, with IMAP at its end.

The same dialling, guard, connector, TLS and secrets as for an account. A login that is refused with a secret that may
have been renewed meanwhile is tried once more with what is there now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from postroom.model.account import Account, Encryption
from postroom.model.attempt import Failure, Result
from postroom.receive.imap.login import log_in
from postroom.receive.imap.session import Patience, Session
from postroom.receive.imap.trouble import Trouble, of_no_link
from postroom.secrets import Secret
from postroom.sentence import Sentence
from postroom.smtp.phase import Phase
from postroom.wire.dial import DialTimeouts, NoLink, Target, Way, dial
from postroom.wire.guard import AccountGuard

__all__ = ["Access", "Tell", "nobody", "open_session"]

Secrets = Callable[[Secret | None], Awaitable[Secret | Result | None]]
Tell = Callable[[str, str, float], None]
"""Is told what was done, what came of it, and how long it took in ms."""


def nobody(step: str, words: str, ms: float) -> None:
    """For whoever does not want to be told."""


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes to open one mailbox. `account`: its `Mailbox.access`; `secret` gives its secret, or why there is
    none; asked with one that the server refused, another one if there is any."""

    account: Account
    target: Target
    secret: Secrets = field(repr=False)
    nonce: Callable[[], str] = field(repr=False)
    guard: AccountGuard
    dial_timeouts: DialTimeouts
    patience: Patience
    via: Way | None = None


async def open_session(access: Access, tell: Tell = nobody, keep: list[str] | None = None) -> Session | Result:
    """A session that is logged in. `keep`: gets the conversation, also of one that failed."""
    secret = await access.secret(None)
    if isinstance(secret, Result):
        return secret
    opened = await _once(access, secret or Secret(""), tell, keep)
    if not isinstance(opened, Result) or opened.failure is not Failure.MAILBOX_LOGIN:
        return opened
    renewed = await access.secret(secret)
    if not isinstance(renewed, Secret) or renewed == secret:
        return opened
    return await _once(access, renewed, tell, keep)


async def _once(access: Access, secret: Secret, tell: Tell, keep: list[str] | None) -> Session | Result:
    session = None
    try:
        session = await _connected(access, tell)
        await _logged_in(access, session, secret, tell)
    except Trouble as trouble:
        if session is not None:
            session.link.close()
        return trouble.result
    except BaseException:
        if session is not None:
            session.link.abort()
        raise
    finally:
        if session is not None and keep is not None:
            keep[:] = session.lines
            session.lines = keep
    return session


async def _connected(access: Access, tell: Tell) -> Session:
    account, began = access.account, monotonic()
    if access.via is None and access.guard.wrong_port:
        words = f"Port {account.port} is no port of a mail server."
        raise Trouble(Failure.FORBIDDEN_ADDRESS, words, Phase.CONNECT)
    link = await dial(
        access.target,
        timeouts=access.dial_timeouts,
        guard=access.guard,
        discreet=access.guard.discreet,
        via=access.via,
    )
    if isinstance(link, NoLink):
        raise of_no_link(link)
    tell("connect", Sentence("connected to {peer}", peer=link.peer), _ms(began))
    if link.encrypted:
        tell("tls", _tls_words(link), 0.0)
    return Session(link, access.patience, discreet=access.guard.discreet)


async def _logged_in(access: Access, session: Session, secret: Secret, tell: Tell) -> None:
    account, began = access.account, monotonic()
    greeting = await session.greeting()
    tell("greeting", session.blanked(greeting.text), _ms(began))
    wants_tls = account.encryption is Encryption.STARTTLS
    if greeting.kind == "PREAUTH":
        # RFC 9051, 7.1.4: nobody can tell who we would be, and STARTTLS is not possible any more.
        raise Trouble(Failure.SERVER_UNPROVEN, "The server takes us for somebody who has logged in already.")
    await session.learn()
    if wants_tls:
        began = monotonic()
        if "STARTTLS" not in session.capabilities:
            words = "The server does not offer STARTTLS, and nothing is sent to it without encryption."
            raise Trouble(Failure.NO_STARTTLS, words, Phase.STARTTLS)
        await session.start_tls(access.target.tls, access.dial_timeouts.total)
        tell("tls", _tls_words(session.link), _ms(began))
        await session.learn()
    began = monotonic()
    way = await log_in(session, account, secret, access.nonce())
    await session.learn()
    tell("login", Sentence("{user} is logged in by {way}", user=account.user, way=way), _ms(began))


def _tls_words(link: object) -> str:
    info = link.describe_tls()  # type: ignore[attr-defined]  # a link's
    return "encrypted" if info is None else f"{info.protocol}, {info.cipher}"


def _ms(began: float) -> float:
    return (monotonic() - began) * 1000
