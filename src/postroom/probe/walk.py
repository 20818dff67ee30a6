"""The way of an account's mail, walked step by step and told as it goes: from the name to the recipient's welcome.

It is the road of the courier: the same dialling, guard, connector, TLS, conversation and login, with the same secret,
found in the same way. Nothing is told as passed that was not done. What goes wrong is explained by the rules that
explain failed mail. Without `send` the envelope is taken back before any message is sent; with it the message follows
in the same session, which is for accounts that are not saved, whose mail no queue can carry.

Secrets are blanked in all that is told, whoever said it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from postroom.clock import now_ms
from postroom.model.account import Account, Encryption, Login
from postroom.model.attempt import Failure, Result
from postroom.model.staged import Diagnosed, Finding, StagedStep, StepName
from postroom.policy.diagnosis import catalogue
from postroom.policy.family import family
from postroom.policy.mending import change_of
from postroom.policy.rule import Context
from postroom.policy.verdict import judge
from postroom.probe.answers import result_of
from postroom.secrets import Secret, blank
from postroom.smtp.client import (
    Failed,
    Lost,
    Opened,
    Opening,
    Phase,
    Rehearsal,
    Rehearsed,
    Reply,
    SessionSettings,
    Step,
    Transcript,
    Transmission,
    open_session,
    probe,
)
from postroom.wire.certificate import read
from postroom.wire.dial import DialTimeouts, NoLink, Target, Way, dial, encrypt
from postroom.wire.drive import Replies, drive_open
from postroom.wire.guard import AccountGuard
from postroom.wire.link import Link

__all__ = ["STEP_OF", "Equipment", "Tell", "Walk", "diagnosed"]

Tell = Callable[[StagedStep], None]
Secrets = Callable[[Secret | None], Awaitable[Secret | Result | None]]

STEP_OF: Mapping[str, StepName] = {
    Phase.RESOLVE: StepName.RESOLVE,
    Phase.CONNECT: StepName.CONNECT,
    Phase.TLS: StepName.TLS,
    Phase.STARTTLS: StepName.TLS,
    Phase.GREETING: StepName.GREETING,
    Phase.EHLO: StepName.EHLO,
    Phase.AUTH: StepName.LOGIN,
    Phase.MAIL: StepName.SENDER,
    Phase.RCPT: StepName.RECIPIENT,
    Phase.DATA: StepName.CONTENT,
    Phase.BODY: StepName.CONTENT,
    Phase.DOT: StepName.ACCEPTED,
    Phase.QUIT: StepName.ACCEPTED,
}
"""In which step of a test something went wrong that went wrong in this phase of a delivery."""

_OF_CONNECTORS = frozenset(
    {
        Failure.CONNECTOR_UNREACHABLE,
        Failure.CONNECTOR_ADDRESS,
        Failure.CONNECTOR_LOGIN,
        Failure.CONNECTOR_FORBIDS,
        Failure.CONNECTOR_KEY,
        Failure.CONNECTOR_BROKEN,
    }
)
_OF_TLS = frozenset({Failure.TLS, Failure.CERTIFICATE})
_OF_CONTENT = frozenset({Failure.TOO_BIG, Failure.NO_8BIT})
_BAD_LOGIN = 535
_MOST_NAMES = 20
_MOST_LINES = 200
_MOST_SAID = 2_048


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a courier of this account would have. `secret` gives it, or why there is none; asked with one that the
    server refused, another one if there is any. `connector`: the name of that on the way, "" without one."""

    account: Account
    target: Target
    settings: Callable[[Secret | None], SessionSettings] = field(repr=False)
    secret: Secrets = field(repr=False)
    dial_timeouts: DialTimeouts
    guard: AccountGuard
    via: Way | None = None
    connector: str = ""
    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    """What must not be told besides the secret that logs in."""


def diagnosed(result: Result, account: Account, kind: str, sender: str = "") -> Diagnosed:
    """The rule for this failure on this account; `kind`: the family of its server."""
    context = Context(
        family=kind,
        encryption=account.encryption,
        login=account.login,
        host=account.host,
        port=account.port,
        user=account.user,
        sender=sender,
    )
    verdict = judge(result, context)
    rule = catalogue().by_id.get(verdict.diagnosis)
    return Diagnosed(verdict.diagnosis, kind, {} if rule is None else change_of(rule.apply, account))


class Walk:
    """One walk. `header_from`: whom the message names as its author."""

    def __init__(self, equipment: Equipment, transmission: Transmission, header_from: str, tell: Tell) -> None:
        self._with = equipment
        self._account = equipment.account
        self._transmission = transmission
        self._header_from = header_from
        self._tell = tell
        self._secrets = list(equipment.secrets)
        self._began = monotonic()
        self._family = family(self._account.host)
        self._shown: Transcript | None = None
        self._lines_told = 0

    async def run(self, send: Callable[[Opened, Link, Replies], Awaitable[None]] | None = None) -> bool:
        """Whether every step was passed. `send`: sends the message in the session, and tells of it itself."""
        secret = await self._with.secret(None)
        refused = await self._once(secret, send, last=not isinstance(secret, Secret))
        if isinstance(refused, bool) or not isinstance(secret, Secret):
            return refused is True
        renewed = await self._with.secret(secret)
        if not isinstance(renewed, Secret) or renewed == secret:
            self._fail_login(refused)
            return False
        return await self._once(renewed, send, last=True) is True

    async def _once(
        self,
        secret: Secret | Result | None,
        send: Callable[[Opened, Link, Replies], Awaitable[None]] | None,
        *,
        last: bool,
    ) -> bool | Failed:
        """One connection. The failure, unless this was the `last` try, of a login that was refused as such."""
        if isinstance(secret, Secret):
            self._secrets.append(secret)
        link = await self._connected()
        if link is None:
            return False
        try:
            return await self._session(link, secret, send, last)
        finally:
            link.close()

    # -- up to the link ---------------------------------------------------------------------------------------------

    async def _connected(self) -> Link | None:
        """A link, encrypted where it is to be from the start, or None with all told."""
        self._began = monotonic()
        with_, account = self._with, self._account
        if with_.via is None and with_.guard.wrong_port:
            words = f"Port {account.port} is no port of a mail server."
            self._fail(StepName.CONNECT, Result(Phase.CONNECT, text=words, failure=Failure.FORBIDDEN_ADDRESS))
            return None
        plain = replace(with_.target, tls_from_start=False)
        link = await dial(
            plain, timeouts=with_.dial_timeouts, guard=with_.guard, discreet=with_.guard.discreet, via=with_.via
        )
        self._tell_way(link)
        if isinstance(link, NoLink):
            return None
        if account.encryption is Encryption.NONE:
            self._told(StepName.TLS, Finding.NOT_NEEDED)
        if not with_.target.tls_from_start:
            return link
        refused = await encrypt(link, with_.target, with_.dial_timeouts.total)
        if refused is None:
            self._told(StepName.TLS, Finding.PASSED, self._tls_seen(link))
            return link
        result = Result(refused.phase, text=refused.detail, failure=refused.failure)
        self._fail(StepName.TLS, result, self._tls_seen(link))
        link.close()
        return None

    def _tell_way(self, outcome: Link | NoLink) -> None:
        """Name, connector and connection: what came of each."""
        tried = [{"address": one.address, "said": one.detail, "ms": round(one.ms)} for one in outcome.tried]
        failed = outcome if isinstance(outcome, NoLink) else None
        if self._with.via is not None:
            self._told(StepName.RESOLVE, Finding.NOT_NEEDED, {"connector": self._with.connector})
            if failed is not None and failed.failure in _OF_CONNECTORS:
                self._fail(StepName.CONNECTOR, _result(failed), {"connector": self._with.connector, "tried": tried})
                return
            self._told(StepName.CONNECTOR, Finding.PASSED, {"connector": self._with.connector, "tried": tried})
        else:
            if failed is not None and failed.phase is Phase.RESOLVE:
                self._fail(StepName.RESOLVE, _result(failed))
                return
            addresses = [one["address"] for one in tried]
            self._told(StepName.RESOLVE, Finding.PASSED, {"host": self._account.host, "addresses": addresses})
            self._told(StepName.CONNECTOR, Finding.NOT_NEEDED)
        if isinstance(outcome, NoLink):
            self._fail(StepName.CONNECT, _result(outcome), {"tried": tried})
        else:
            self._told(StepName.CONNECT, Finding.PASSED, {"peer": outcome.peer, "tried": tried})

    def _tls_seen(self, link: Link) -> dict[str, Any]:
        info = link.describe_tls()
        chain = [one for der in link.shown() if (one := read(der)) is not None]
        seen: dict[str, Any] = {
            "check": str(self._account.certificate_check),
            "client_certificate": bool(self._account.client_certificate),
            "chain": [
                {
                    "subject": one.subject,
                    "issuer": one.issuer,
                    "names": list(one.names[:_MOST_NAMES]),
                    "not_before_ms": one.not_before_ms,
                    "not_after_ms": one.not_after_ms,
                    "fingerprint": one.fingerprint,
                    "self_signed": one.self_signed,
                }
                for one in chain
            ],
        }
        if info is not None:
            seen |= {"protocol": info.protocol, "cipher": info.cipher, "bits": info.bits}
        return seen

    # -- the session ------------------------------------------------------------------------------------------------

    async def _session(
        self,
        link: Link,
        secret: Secret | Result | None,
        send: Callable[[Opened, Link, Replies], Awaitable[None]] | None,
        last: bool,
    ) -> bool | Failed:
        settings = self._with.settings(secret if isinstance(secret, Secret) else None)
        opening, replies = Opening(settings), Replies()
        self._shown, self._lines_told = None, 0
        flow = self._watched(open_session(settings, opening), opening, link)
        tls = self._with.target.tls
        opened = await drive_open(flow, link, replies, tls, tls_seconds=self._with.dial_timeouts.total)
        if isinstance(opened, Failed):
            if not last and _login_refused(opened):
                return opened
            self._not_opened(opened, link)
            return False
        if isinstance(secret, Result):
            self._fail(StepName.LOGIN, secret, self._login_seen(opening))
            return False
        self._logged_in(opened, opening)
        return await self._rehearsed(Rehearsal(opened, self._transmission), opened, link, replies, send)

    def _watched(
        self, flow: Generator[Step, Any, Opened | Failed], opening: Opening, link: Link
    ) -> Generator[Step, Any, Opened | Failed]:
        """The same conversation; what each of its steps has brought is told before the next one is taken."""
        answer: Any = None
        heard: set[StepName] = set()
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as stop:
                self._notice(opening, link, heard)
                result: Opened | Failed = stop.value
                return result
            self._notice(opening, link, heard)
            answer = yield step

    def _notice(self, opening: Opening, link: Link, heard: set[StepName]) -> None:
        if opening.greeting is not None and StepName.GREETING not in heard:
            heard.add(StepName.GREETING)
            self._family = family(self._account.host, opening.greeting.text)
            seen = {"greeting": opening.greeting.text, "family": self._family}
            self._told(StepName.GREETING, Finding.PASSED, seen, lines=self._lines(opening))
        by_starttls = self._account.encryption is Encryption.STARTTLS
        if by_starttls and link.encrypted and StepName.TLS not in heard:
            heard.add(StepName.TLS)
            in_clear = list(opening.in_clear.lines) if opening.in_clear is not None else []
            seen = self._tls_seen(link) | {"in_clear": in_clear}
            self._told(StepName.TLS, Finding.PASSED, seen, lines=self._lines(opening))
        if opening.capabilities is not None and StepName.EHLO not in heard:
            heard.add(StepName.EHLO)
            offers = opening.capabilities
            offered: dict[str, Any] = {"offers": list(offers.lines), "size": offers.size or None}
            self._told(StepName.EHLO, Finding.PASSED, offered, lines=self._lines(opening))

    def _lines(self, opening: Opening) -> tuple[str, ...]:
        """What was said since the last time. Once a mail server has shown itself, what it said before may be told."""
        if opening.transcript is not self._shown:
            self._shown, self._lines_told = opening.transcript, 0
        every = opening.transcript.text().splitlines()
        fresh, self._lines_told = every[self._lines_told :], len(every)
        return tuple(fresh)

    def _not_opened(self, failed: Failed, link: Link) -> None:
        result = result_of(failed.phase, failed.cause, link)
        step = StepName.TLS if result.failure in _OF_TLS else STEP_OF[failed.phase]
        if failed.phase is Phase.AUTH:
            self._fail_login(failed, result)
            return
        seen = self._tls_seen(link) if step is StepName.TLS else {}
        self._fail(step, result, seen, lines=self._rest(failed.transcript))

    def _fail_login(self, failed: Failed, result: Result | None = None) -> None:
        lines = self._rest(failed.transcript)
        seen = {"user": self._account.user, "login": str(self._account.login)}
        self._fail(StepName.LOGIN, result or result_of(failed.phase, failed.cause), seen, lines=lines)

    def _rest(self, transcript: Transcript) -> tuple[str, ...]:
        told = self._lines_told if transcript is self._shown else 0
        return tuple(transcript.text().splitlines()[told:])

    def _login_seen(self, opening: Opening) -> dict[str, Any]:
        offered = opening.capabilities.auth if opening.capabilities is not None else ()
        return {"offered": list(offered), "user": self._account.user, "login": str(self._account.login)}

    def _logged_in(self, opened: Opened, opening: Opening) -> None:
        seen = self._login_seen(opening) | {"chosen": opened.mechanism or ""}
        if self._account.login is Login.NONE:
            self._told(StepName.LOGIN, Finding.NOT_NEEDED, seen)
        else:
            self._told(StepName.LOGIN, Finding.PASSED, seen, lines=self._lines(opening))

    # -- the envelope -----------------------------------------------------------------------------------------------

    async def _rehearsed(
        self,
        rehearsal: Rehearsal,
        opened: Opened,
        link: Link,
        replies: Replies,
        send: Callable[[Opened, Link, Replies], Awaitable[None]] | None,
    ) -> bool:
        tls = self._with.target.tls
        to = self._transmission.recipients[0].address
        asked: tuple[tuple[StepName, Generator[Step, Any, Rehearsed], dict[str, Any]], ...] = (
            (StepName.SENDER, rehearsal.sender(), {"mail_from": self._transmission.sender, "from": self._header_from}),
            (StepName.RECIPIENT, rehearsal.recipient(), {"to": to}),
        )
        for step, flow, seen in asked:
            answer = await drive_open(flow, link, replies, tls)
            lines = tuple(answer.transcript.text().splitlines())
            if not answer.passed:
                result = result_of(answer.phase, answer.cause, link)
                where = StepName.CONTENT if result.failure in _OF_CONTENT else STEP_OF[answer.phase]
                self._fail(where, result, seen, lines=lines)
                if not isinstance(answer.cause, Lost):
                    await drive_open(rehearsal.end(), link, replies, tls)
                return False
            said = str(answer.cause) if isinstance(answer.cause, Reply) else ""
            self._told(step, Finding.PASSED, seen, said=said, lines=lines)
        if send is None:
            await drive_open(rehearsal.end(), link, replies, tls)
        else:
            left = await drive_open(probe(opened), link, replies, tls)
            if left is not None:
                self._fail(StepName.CONTENT, result_of(Phase.MAIL, left, link))
                return False
            await send(opened, link, replies)
        return True

    # -- telling ----------------------------------------------------------------------------------------------------

    def fail(self, step: StepName, result: Result, lines: tuple[str, ...] = (), **seen: Any) -> None:
        """For whoever sends the message in this walk's session."""
        self._fail(step, result, seen, lines=lines)

    def passed(self, step: StepName, said: str, lines: tuple[str, ...] = (), **seen: Any) -> None:
        self._told(step, Finding.PASSED, seen, said=said, lines=lines)

    def waiting(self, step: StepName, said: str, **seen: Any) -> None:
        self._told(step, Finding.WAITING, seen, said=said)

    def harmless(self, step: StagedStep) -> StagedStep:
        """The same report without any trace of the secrets: servers repeat what they were told."""
        return replace(
            step,
            seen=self._without(dict(step.seen)),
            said=blank(step.said[:_MOST_SAID], self._secrets),
            lines=tuple(blank(one, self._secrets) for one in step.lines[:_MOST_LINES]),
        )

    def _fail(
        self, step: StepName, result: Result, seen: Mapping[str, Any] | None = None, lines: tuple[str, ...] = ()
    ) -> None:
        sender = self._transmission.sender
        found = diagnosed(result, self._account, self._family, sender)
        self._told(step, Finding.FAILED, seen, said=result.words, lines=lines, diagnosis=found)

    def _told(
        self,
        step: StepName,
        finding: Finding,
        seen: Mapping[str, Any] | None = None,
        said: str = "",
        lines: tuple[str, ...] = (),
        diagnosis: Diagnosed | None = None,
    ) -> None:
        began, self._began = self._began, monotonic()
        ms = round((self._began - began) * 1000)
        told = StagedStep(step, finding, now_ms(), ms, 0, dict(seen or {}), said, lines, diagnosis)
        self._tell(self.harmless(told))

    def _without(self, value: Any) -> Any:
        if isinstance(value, str):
            return blank(value, self._secrets)
        if isinstance(value, dict):
            return {name: self._without(one) for name, one in value.items()}
        return [self._without(one) for one in value] if isinstance(value, list) else value


def _result(failed: NoLink) -> Result:
    return Result(failed.phase, text=failed.detail, failure=failed.failure)


def _login_refused(failed: Failed) -> bool:
    """Whether the server said no to this very secret (RFC 4954, 6)."""
    return failed.phase is Phase.AUTH and isinstance(failed.cause, Reply) and failed.cause.code == _BAD_LOGIN
