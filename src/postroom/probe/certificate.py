"""Looking at the certificate that a server shows at this moment, on the way the account's mail takes.

Nothing is said there but what leads to TLS: no login, no sender, no mail. The certificate is shown whether it is good
or not; whether it is, is told by the check that the account would make without a pin, in the same words as when mail
leaves.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from postroom.model.account import Account, CertificateCheck, Encryption
from postroom.model.attempt import Failure, Result, Verdict
from postroom.policy.rule import Context
from postroom.policy.verdict import judge
from postroom.smtp.client import Failed, Refusal, Reply, SessionSettings, open_session
from postroom.smtp.phase import Phase
from postroom.wire.certificate import Certificate, read
from postroom.wire.dial import DialTimeouts, NoLink, Target, Way, dial, start_tls
from postroom.wire.drive import Replies, drive_open
from postroom.wire.guard import AccountGuard
from postroom.wire.link import Link
from postroom.wire.tls import TlsSettings

__all__ = ["NotShown", "Shown", "look"]

_PATIENCE = 300.0
"""Seconds; the whole look has less."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the server showed: `der` its own certificate, `chain` all of them in words, its own first; empty when that
    one can't be read.

    `why`: a sentence for why it is not believed without further ado; "" when it is.
    """

    der: bytes
    chain: tuple[Certificate, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class NotShown:
    """It did not come to a certificate; the verdict says why, and which field to change."""

    verdict: Verdict
    words: str


async def look(
    account: Account,
    guard: AccountGuard,
    tls_minimum: str,
    ehlo_name: str,
    timeouts: DialTimeouts,
    via: Way | None = None,
) -> Shown | NotShown:
    """`timeouts` as for any connection; all that is said after it gets as long again. `via`: as for `dial`."""
    if via is None and guard.wrong_port:
        words = f"Port {account.port} is no port of a mail server."
        return _nothing(account, Result(Phase.CONNECT.value, text=words, failure=Failure.FORBIDDEN_ADDRESS))
    target = replace(Target.of(account, tls_minimum), tls_from_start=False)
    link = await dial(target, timeouts=timeouts, guard=guard, discreet=guard.discreet, via=via)
    if isinstance(link, NoLink):
        return _nothing(account, Result(link.phase.value, text=link.detail, failure=link.failure))
    try:
        async with asyncio.timeout(timeouts.total):
            failed = await _encrypted(account, link, _usual_check(account, tls_minimum), ehlo_name, guard.discreet)
    except TimeoutError:
        text = f"The server did not set up TLS within {timeouts.total:g} seconds."
        failed = Result(Phase.TLS.value, text=text, failure=Failure.TIMEOUT)
    finally:
        link.close()
    return _what_was_shown(account, link, failed)


def _usual_check(account: Account, tls_minimum: str) -> TlsSettings:
    check = CertificateCheck.OWN_CA if account.certificate_authority else CertificateCheck.VERIFY
    return TlsSettings(check, account.certificate_authority, "", tls_minimum)


async def _encrypted(account: Account, link: Link, tls: TlsSettings, ehlo_name: str, discreet: bool) -> Result | None:
    """Up to an encrypted link, or why there is none."""
    if account.encryption is Encryption.TLS:
        gone = await start_tls(link, tls, _PATIENCE, from_start=True)
        return None if gone is None else Result(Phase.TLS.value, text=gone.detail, failure=gone.failure)
    settings = SessionSettings(ehlo_name, Encryption.STARTTLS, discreet=discreet)
    opened = await drive_open(open_session(settings), link, Replies(), tls, tls_seconds=_PATIENCE)
    return _why(opened, link) if isinstance(opened, Failed) else None


def _why(failed: Failed, link: Link) -> Result:
    phase, cause = failed.phase.value, failed.cause
    if isinstance(cause, Reply):
        return Result(phase, cause.code, cause.enhanced or "", cause.text)
    if isinstance(cause, Refusal):
        return Result(phase, text=cause.text, failure=cause.id)
    if link.gone is not None:
        return Result(phase, text=link.gone.detail, failure=link.gone.failure)
    return Result(phase, text=cause.detail, failure=Failure.UNINTELLIGIBLE)


def _what_was_shown(account: Account, link: Link, failed: Result | None) -> Shown | NotShown:
    shown = link.shown()
    if not shown:
        nothing = Result(Phase.TLS.value, text="The server showed no certificate.", failure=Failure.TLS)
        return _nothing(account, failed or nothing)
    refused = failed is not None and failed.failure is Failure.CERTIFICATE
    chain = tuple(one for der in shown if (one := read(der)) is not None) if read(shown[0]) is not None else ()
    return Shown(shown[0], chain, failed.text if failed is not None and refused else "")


def _nothing(account: Account, result: Result) -> NotShown:
    around = Context(
        encryption=account.encryption, login=account.login, host=account.host, port=account.port, user=account.user
    )
    return NotShown(judge(result, around), result.words)
