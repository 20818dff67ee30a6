"""The SMTP courier: one session with one server, over `wire`, saying what the pure protocol in `smtp` wants said.

It owns no decision: jobs come from the feed, results go back to it. The order of bytes, the mark before the end of a
body and what a reply means for whom are the protocol's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from postroom.clock import monotonic_ms
from postroom.deliver.feed import Feed, SessionFailure, SessionOpened
from postroom.deliver.probing import Question
from postroom.deliver.results import not_an_attempt, result_of, session_result
from postroom.failpoints import armed, last_before, reach
from postroom.ids import encode
from postroom.model.account import Account, CertificateCheck, Login
from postroom.model.attempt import Failure, Result
from postroom.model.job import Job, JobRecipient
from postroom.policy.family import family
from postroom.secrets import Blanking, Secret
from postroom.smtp.client import (
    Credentials,
    Done,
    Failed,
    Lost,
    LostKind,
    Marked,
    MarkSoon,
    Next,
    Opened,
    Outcome,
    Phase,
    Recipient,
    Send,
    SessionSettings,
    Step,
    Timeouts,
    Transmission,
    open_session,
    probe,
    transfer,
)
from postroom.smtp.command import DATA
from postroom.smtp.rehearsal import inquire
from postroom.smtp.reply import Reply
from postroom.smtp.sasl import MECHANISM_NAMES
from postroom.smtp.sasl_oauth import OAUTH_MECHANISM_NAMES
from postroom.wire.dial import DialTimeouts, NoLink, Target, Way, dial
from postroom.wire.drive import Replies, drive_open, exchange
from postroom.wire.guard import AccountGuard
from postroom.wire.integrated import mechanisms_for
from postroom.wire.link import Gone, Link
from postroom.wire.tls import TlsSettings

__all__ = ["SmtpCourier"]

_WRONG_PORT = "Port {} is no port of a mail server."
_BAD_LOGIN = 535
_STALE_MS = 5_000.0
"""An open session that was idle for longer is asked whether it lives before a message is given to it."""

_MECHANISMS = {
    Login.PLAIN: ("PLAIN",),
    Login.LOGIN: ("LOGIN",),
    Login.CRAM_MD5: ("CRAM-MD5",),
    Login.SCRAM_SHA_1: ("SCRAM-SHA-1",),
    Login.SCRAM_SHA_256: ("SCRAM-SHA-256",),
    Login.KERBEROS: ("GSSAPI",),
    Login.NTLM: ("NTLM",),
    Login.OAUTH2: OAUTH_MECHANISM_NAMES,
}


Work = Callable[[Opened, Link, Replies, TlsSettings, str, Blanking], Awaitable[None]]
"""What is done in an open session; the text is what was tried on the way to it."""
TokenSource = Callable[[Secret | None], Awaitable[Secret | Result]]
"""Gives an access token, another than the one that the server refused, or why there is none."""


@dataclass(frozen=True, slots=True)
class SmtpCourier:
    """Speaks for one account. `ehlo_name`: how we introduce ourselves; `nonce`: makes the one that SCRAM needs.

    `guard`: where the account's host may lead; `client_key`: that of its client certificate; `via`: the way to the
    server, where it is not the direct one. `token`: where the account logs in with an access token, what gives one in
    place of `secret`.
    """

    account: Account
    secret: Secret | None
    ehlo_name: str
    timeouts: Timeouts
    dial_timeouts: DialTimeouts
    tls_minimum: str
    nonce: Callable[[], str] = field(repr=False)
    guard: AccountGuard
    client_key: Secret | None = field(default=None, repr=False)
    via: Way | None = None
    token: TokenSource | None = field(default=None, repr=False)

    async def run(self, feed: Feed | Question) -> SessionFailure | None:
        """One session, from the first byte to the last. None: it was opened, and every job given to it is reported, or
        the question is answered. Otherwise no session came about, and no job was taken."""

        async def deliver(
            opened: Opened, link: Link, replies: Replies, tls: TlsSettings, tried: str, blanking: Blanking
        ) -> None:
            if isinstance(feed, Question):
                await _ask(feed, opened, link, replies, tls, self.account.host)
                feed.result = None if feed.result is None else _harmless(feed.result, blanking)
                return
            reach("session.after-login")
            session = _opened(opened, link, tried, self.account.host)
            feed.opened(session._replace(conversation=blanking(session.conversation)))
            await _Transfer(feed, link, replies, opened, tls, blanking).run()

        return await self._logged_in(deliver)

    async def _logged_in(self, work: Work) -> SessionFailure | None:
        """Does its work in a session. With a token that was refused, once more with another."""
        if self.token is None:
            return await self._run(work, self.secret)
        token = await self.token(None)
        if isinstance(token, Result):
            return _no_token(token)
        failure = await self._run(work, token)
        if failure is None or not _refuses_login(failure.result):
            return failure
        renewed = await self.token(token)  # it may have been revoked, or our clock be wrong: one more, then it counts
        if isinstance(renewed, Result):
            return failure if renewed.failure is Failure.GRANT_LATER else _no_token(renewed)
        return await self._run(work, renewed)

    async def _run(self, work: Work, secret: Secret | None) -> SessionFailure | None:
        reach("session.before-connect")
        if self.via is None and self.guard.wrong_port:
            return _unreachable(
                NoLink(Failure.FORBIDDEN_ADDRESS, _WRONG_PORT.format(self.account.port), Phase.CONNECT),
                self.account.host,
            )
        target = Target.of(self.account, self.tls_minimum, self.client_key)
        link = await dial(
            target, timeouts=self.dial_timeouts, guard=self.guard, discreet=self.guard.discreet, via=self.via
        )
        if isinstance(link, NoLink):
            return _unreachable(link, self.account.host)
        try:
            replies = Replies()
            opened = await drive_open(open_session(self.session_settings(secret)), link, replies, target.tls)
            tried = "".join(f"-- {one}\n" for one in link.tried)
            blanking = Blanking(() if secret is None else (secret,))
            if isinstance(opened, Failed):
                failure = _not_opened(opened, tried, self.account.host, link.gone)
                return failure._replace(
                    result=_harmless(failure.result, blanking), conversation=blanking(failure.conversation)
                )
            await work(opened, link, replies, target.tls, tried, blanking)
            return None
        finally:
            link.close()

    def session_settings(self, secret: Secret | None) -> SessionSettings:
        """How a session of this account is opened, with this secret."""
        account = self.account
        credentials = None
        by_itself = account.login is not Login.OAUTH2 and not account.needs_secret
        if account.login is not Login.NONE and (secret is not None or by_itself):
            credentials = Credentials(account.user, secret or Secret(""))
        return SessionSettings(
            self.ehlo_name,
            account.encryption,
            credentials,
            _MECHANISMS.get(account.login, MECHANISM_NAMES),
            account.allow_clear_login,
            self.nonce(),
            self.timeouts,
            mechanisms_for(account),
            only_bound=account.certificate_check is CertificateCheck.IGNORE,
            discreet=self.guard.discreet,
        )


async def _ask(question: Question, opened: Opened, link: Link, replies: Replies, tls: TlsSettings, host: str) -> None:
    """Shows the server an envelope and takes it back."""
    found = await drive_open(inquire(opened, question.mail_from, question.recipient), link, replies, tls)
    question.result = session_result(found.phase.value, found.cause)
    question.family = family(host, opened.greeting.text)


class _Transfer:
    """Drives the protocol of one open session: executes its steps over the link and the feed. `blanking`: keeps the
    secret of its login out of what is reported, should the server repeat it later."""

    def __init__(
        self, feed: Feed, link: Link, replies: Replies, opened: Opened, tls: TlsSettings, blanking: Blanking
    ) -> None:
        self._feed, self._link, self._replies, self._opened, self._tls = feed, link, replies, opened, tls
        self._blanking = blanking
        self._used = False
        self._envelope_first = not (opened.capabilities.pipelining and opened.capabilities.chunking)
        self._body_follows = False
        self._cuts = armed("transfer.mid-body", "transfer.after-body")

    async def run(self) -> None:
        flow: Generator[Step, Any, Any] = transfer(self._opened)
        feed, link, replies = self._feed, self._link, self._replies
        answer: Any = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration:
                return
            answer = None
            match step:
                case Send():
                    if self._cuts:
                        await self._reach_in(step)
                    answer = await exchange(link, replies, step)
                case Next():
                    job = feed.take() or (await self._next_after_a_wait() if step.wait else None)
                    answer = None if job is None else _transmission(job)
                case Marked():
                    if self._envelope_first:
                        reach("transfer.after-envelope")
                    self._body_follows = True
                    answer = await feed.marked(_job(step.transmission))
                case MarkSoon():
                    feed.mark(_job(step.transmission))
                case Done():
                    self._done(_job(step.transmission), step.outcome)

    async def _reach_in(self, step: Send) -> None:
        """The points within a step: for tests that want a body to be cut in its middle or at its very end."""
        if not self._body_follows or step.data == DATA:
            return
        self._body_follows = False
        data = step.data + step.tail
        if last_before("transfer.mid-body"):
            await self._write_and_hear(data[: len(data) // 2], step.replies - 1)
        reach("transfer.mid-body")
        if last_before("transfer.after-body"):
            await self._write_and_hear(data, step.replies - 1)
        reach("transfer.after-body")

    async def _write_and_hear(self, data: bytes, lines: int) -> None:
        """The server has it once it answered what goes before; a death with answers unread would be a reset, which
        takes back what the server has not looked at yet."""
        link = self._link
        link.write(data)
        await link.drain()
        heard = link.take()
        while heard.count(b"\n") < lines and link.gone is None:
            await link.wait()
            heard += link.take()

    async def _next_after_a_wait(self) -> Job | None:
        """Waits for a job; a session that was silent for long is asked first whether it still lives."""
        began = monotonic_ms()
        job = await self._feed.wait()
        if job is None or (not self._link.waiting and monotonic_ms() - began < _STALE_MS):
            return job
        if await self._lives():
            return job
        self._feed.done(job, None, str)
        self._used = False
        return None

    async def _lives(self) -> bool:
        return await drive_open(probe(self._opened), self._link, self._replies, self._tls) is None

    def _done(self, job: Job, outcome: Outcome) -> None:
        reach("transfer.after-reply")
        answers = outcome.recipients
        if all(map(not_an_attempt, answers)) or (self._used and all(map(_died_on_reuse, answers))):
            self._feed.done(job, None, str)
            return
        self._used = True
        results = [_harmless(result_of(answer), self._blanking) for answer in answers]
        self._feed.done(job, results, lambda: self._blanking(outcome.transcript.text()))


def _harmless(result: Result, blanking: Blanking) -> Result:
    """The same without the secret of the login, which a server may repeat."""
    text = blanking(result.text)
    return result if text == result.text else replace(result, text=text)


def _died_on_reuse(answer: Any) -> bool:
    """A kept connection that was gone when it was used again: nothing is in doubt, and it is nobody's failure."""
    return (
        isinstance(answer.reply, Lost)
        and answer.reply.kind in (LostKind.CLOSED, LostKind.RESET)
        and answer.phase is Phase.MAIL
        and not answer.in_doubt
    )


def _job(transmission: Transmission) -> Job:
    return cast(Job, transmission.key)


def _transmission(job: Job) -> Transmission:
    return Transmission(
        job,
        job.return_path,
        tuple([_recipient(recipient) for recipient in job.recipients]),
        job.content or b"",
        job.eight_bit,
        job.smtputf8,
        job.ret,
        job.envid or encode("m", job.message_id),  # what a report about it names again (RFC 3461, 4.4)
    )


def _recipient(recipient: JobRecipient) -> Recipient:
    if recipient.notify is None and recipient.orcpt is None:
        return Recipient(recipient.address)
    return Recipient(recipient.address, tuple(recipient.notify.split(",")) if recipient.notify else (), recipient.orcpt)


def _refuses_login(result: Result) -> bool:
    """Whether the server said no to this very login (RFC 4954, 6)."""
    return result.phase == Phase.AUTH.value and result.code == _BAD_LOGIN and result.failure is None


def _no_token(why: Result) -> SessionFailure:
    return SessionFailure(why, f"-- {why.text}\n")


def _unreachable(no_link: NoLink, host: str) -> SessionFailure:
    tried = "".join(f"-- {one}\n" for one in no_link.tried)
    result = Result(no_link.phase.value, 0, "", no_link.detail, no_link.failure)
    return SessionFailure(result, f"{tried}-- {no_link.detail}\n", host, family(host))


def _not_opened(failed: Failed, tried: str, host: str, gone: Gone | None) -> SessionFailure:
    result = session_result(failed.phase.value, failed.cause)
    if failed.phase is Phase.TLS and gone is not None:
        result = replace(result, failure=gone.failure, text=gone.detail)
    greeting = failed.cause if failed.phase is Phase.GREETING else failed.greeting
    words = greeting.text if isinstance(greeting, Reply) else ""
    return SessionFailure(result, tried + failed.transcript.text(), host, family(host, words))


def _opened(opened: Opened, link: Link, tried: str, host: str) -> SessionOpened:
    info = link.describe_tls()
    return SessionOpened(
        server=f"{host} [{link.peer}]",
        family=family(host, opened.greeting.text),
        tls=str(info) if info else "",
        login=opened.mechanism or "",
        conversation=tried + opened.transcript.text(),
    )
