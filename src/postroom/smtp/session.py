"""Opening a session: greeting, EHLO, STARTTLS, login.

Rules kept here:
- Where TLS is demanded, neither a login nor MAIL is ever said in clear: no offer, a refusal or bytes injected before
  the handshake end the session (RFC 3207, 6). After the handshake everything that was said before it is forgotten and
  asked anew.
- Nothing is said before the greeting. HELO is tried only after EHLO was refused for good, and only if it can be
  enough.
- Credentials are offered once. A login bound to the link that the server refuses before anything was proved says
  nothing about them: then the next binding is tried, and a login without one only where that is allowed. What a server
  repeats of them does not reach a reply or a transcript.
- What is no SMTP is not repeated before the server has answered EHLO like a mail server: an address typed into a form
  must not become a window into other services. Where a stranger named the server nothing at all is, but for the code.
- A login that shows the password needs a link that is encrypted and leads to the right server for certain.

Sending messages is `transfer`'s business, choosing and running a login mechanism `sasl`'s.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from postroom.model.account import Encryption
from postroom.model.attempt import Failure
from postroom.smtp import command
from postroom.smtp.capabilities import Capabilities
from postroom.smtp.fault import Lost, LostKind, Refusal
from postroom.smtp.login import CHALLENGE, LOGGED_IN, Login
from postroom.smtp.phase import Phase
from postroom.smtp.reply import Reply
from postroom.smtp.sasl import MECHANISM_NAMES, Credentials, Mechanism, NoCommonLogin, choose, fitting
from postroom.smtp.sasl_oauth import OAUTH_MECHANISMS
from postroom.smtp.steps import AskBindings, Reckon, Send, StartTls, Step
from postroom.smtp.timeouts import Timeouts
from postroom.smtp.transcript import Transcript

_READY = 220
_DONE = 250
_CLOSING = 421
_BLANK = "****"
_NO_COMMON_BINDING = (
    "The server wants the login bound to the encrypted connection, by a binding Postroom does not know."
)
_NOT_SHOWN = "(What it said is not shown: it has not answered like a mail server.)"
_REPEATING = frozenset({LostKind.UNINTELLIGIBLE, LostKind.TOO_LONG, LostKind.OUT_OF_STEP})
"""Faults whose detail may quote the server."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How to open a session. With `Encryption.TLS` the driver has encrypted the connection before it begins.

    `mechanisms` are those the account allows; `integrated` are mechanisms made outside of this package; `allow_clear`
    permits logins that show the password on an unencrypted link. `nonce` is random printable ASCII without commas, new
    for each session; SCRAM needs it. With `only_bound` there is no login without a channel binding on a server that
    offers one, and none that shows the password: for links whose server nobody has checked. `discreet`: nothing that is
    said is shown before a greeting and an answer to EHLO have shown that a mail server says it.
    """

    ehlo_name: str
    encryption: Encryption = Encryption.STARTTLS
    credentials: Credentials | None = None
    mechanisms: tuple[str, ...] = MECHANISM_NAMES
    allow_clear: bool = False
    nonce: str = field(default="", repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    integrated: tuple[Mechanism, ...] = ()
    only_bound: bool = False
    discreet: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A session in which messages can be sent. `mechanism` is the login that was used, None without one."""

    capabilities: Capabilities
    transcript: Transcript
    greeting: Reply
    mechanism: str | None
    encrypted: bool
    timeouts: Timeouts


@dataclass(frozen=True, slots=True)
class Failed:
    """No session came about: where it ended, why, and what was said. The connection is to be closed.

    `greeting`: how the server greeted, None when it did not come so far.
    """

    phase: Phase
    cause: Reply | Lost | Refusal
    transcript: Transcript
    greeting: Reply | None = None


def open_session(settings: SessionSettings, opening: "Opening | None" = None) -> Generator[Step, Any, Opened | Failed]:
    """The conversation from the greeting to the point where MAIL may be said. `opening`: one to look at meanwhile."""
    try:
        command.ehlo(settings.ehlo_name)
    except command.Unwritable as fault:
        return Failed(Phase.EHLO, Refusal(Failure.UNWRITABLE, "5.5.4", str(fault)), Transcript())
    result = yield from (opening or Opening(settings)).run()
    if isinstance(result, Failed) and _may_take_leave(result.cause):
        yield Send(command.QUIT, 0, settings.timeouts.quit)
    return result


def _is_no(failed: Failed | None) -> bool:
    return failed is not None and isinstance(failed.cause, Reply) and failed.cause.permanent


def _may_take_leave(cause: Reply | Lost | Refusal) -> bool:
    """Whether the server still listens: it said no, or we did."""
    return not isinstance(cause, Lost) and not (isinstance(cause, Reply) and cause.code == _CLOSING)


class Opening:
    """One session being opened, step by step. Each step gives what it found, or `Failed`.

    What was found so far may be looked at between two steps: the `greeting`, None before it may be shown; what the
    server offers, asked last in clear (`in_clear`) and where it counts (`capabilities`).
    """

    def __init__(self, settings: SessionSettings) -> None:
        self.greeting: Reply | None = None
        self.in_clear: Capabilities | None = None
        self.capabilities: Capabilities | None = None
        self._settings = settings
        self._timeouts = settings.timeouts
        self._transcript = self._whole = Transcript()
        if settings.discreet:
            self._whole = Transcript()  # takes the other's place once a mail server has shown itself
        self._encrypted = settings.encryption is Encryption.TLS
        self._secrets: set[str] = set()
        self._is_mail_server = False
        self._greeted: Reply | None = None
        self._heard_at = 0.0

    @property
    def transcript(self) -> Transcript:
        """What was said until now, as far as it may be shown."""
        return self._transcript

    def run(self) -> Generator[Step, Any, Opened | Failed]:
        greeting = yield from self._ask(b"", Phase.GREETING, self._timeouts.greeting, _READY)
        if isinstance(greeting, Failed):
            return greeting
        self._greeted = greeting
        self.greeting = greeting if self._whole is self._transcript else None
        after = yield from self._after(greeting)
        may_be_told = self._whole is self._transcript
        return replace(after, greeting=greeting) if isinstance(after, Failed) and may_be_told else after

    def _after(self, greeting: Reply) -> Generator[Step, Any, Opened | Failed]:
        settings = self._settings
        capabilities = yield from self._hello()
        if settings.encryption is Encryption.STARTTLS and isinstance(capabilities, Capabilities):
            self.in_clear = capabilities
            capabilities = yield from self._start_tls(capabilities)
        if isinstance(capabilities, Failed):
            return capabilities
        self.capabilities = capabilities
        mechanism = yield from self._log_in(capabilities)
        if isinstance(mechanism, Failed):
            return mechanism
        return Opened(capabilities, self._transcript, greeting, mechanism, self._encrypted, self._timeouts)

    def _hello(self) -> Generator[Step, Any, Capabilities | Failed]:
        """EHLO; HELO where that was refused for good and neither STARTTLS nor a login is needed."""
        name, patience = self._settings.ehlo_name, self._timeouts.command
        answer = yield from self._ask(command.ehlo(name), Phase.EHLO, patience, _DONE)
        if isinstance(answer, Failed) and self._helo_would_do(answer.cause):
            answer = yield from self._ask(command.helo(name), Phase.EHLO, patience, _DONE)
            if isinstance(answer, Failed):
                return answer
            self._proved()
            return Capabilities()
        if isinstance(answer, Failed):
            return answer
        self._proved()
        return Capabilities.parse(answer)

    def _proved(self) -> None:
        """It greeted and took our name: that is a mail server, and what it said may be shown."""
        self._is_mail_server = True
        self._transcript = self._whole
        self.greeting = self._greeted

    def _helo_would_do(self, refusal: Reply | Lost | Refusal) -> bool:
        enough = self._settings.credentials is None and (
            self._encrypted or self._settings.encryption is Encryption.NONE
        )
        return enough and isinstance(refusal, Reply) and refusal.permanent

    def _start_tls(self, capabilities: Capabilities) -> Generator[Step, Any, Capabilities | Failed]:
        if not capabilities.starttls:
            text = "The server does not offer STARTTLS, and nothing is sent to it without encryption."
            return self._failed(Phase.STARTTLS, Refusal(Failure.NO_STARTTLS, "5.7.10", text))
        answer = yield from self._ask(command.STARTTLS, Phase.STARTTLS, self._timeouts.command, _READY)
        if isinstance(answer, Failed):
            return answer
        step = StartTls()
        lost: Lost | None = yield step
        if lost is not None:
            return self._lost(step.ended, lost, Phase.STARTTLS if lost.kind is LostKind.INJECTED else Phase.TLS)
        self._note(step.ended, "TLS is up")
        self._encrypted = True
        return (yield from self._hello())

    def _log_in(self, capabilities: Capabilities) -> Generator[Step, Any, str | Failed | None]:
        """With the strongest mechanism. Only a binding that the server does not know is followed by another try."""
        settings = self._settings
        if settings.credentials is None:
            return None
        bindings: tuple[tuple[str, bytes], ...] = ()
        if self._encrypted and (settings.integrated or any(name.startswith("SCRAM-") for name in capabilities.auth)):
            bindings = yield AskBindings()
        allowed, refused = settings.mechanisms, None
        while True:
            chosen = choose(
                capabilities.auth,
                allowed,
                self._encrypted and not settings.only_bound,
                settings.allow_clear,
                bindable=bool(bindings),
                known=(*OAUTH_MECHANISMS, *settings.integrated),
            )
            if refused is not None and (isinstance(chosen, NoCommonLogin) or settings.only_bound > chosen.bound):
                return self._failed(Phase.AUTH, Refusal(Failure.CHANNEL_BINDING, None, _NO_COMMON_BINDING))
            if isinstance(chosen, NoCommonLogin):
                return self._failed(Phase.AUTH, chosen.refusal(self._encrypted))
            credentials = fitting(replace(settings.credentials, bindings=bindings), chosen, capabilities.auth)
            login = Login(chosen, credentials, f"{settings.nonce}{len(bindings) or ''}")
            refused = yield from self._log_in_by(chosen, login)
            if not chosen.bound or login.said > 1 or not _is_no(refused):
                return chosen.name if refused is None else refused
            bindings, allowed = bindings[1:], tuple(name for name in allowed if name.startswith("SCRAM-"))

    def _log_in_by(self, mechanism: Mechanism, login: Login) -> Generator[Step, Any, Failed | None]:
        self._secrets |= login.secrets
        line = yield from self._reckoned(mechanism, login.begin)
        shown = f"AUTH {mechanism.name} {_BLANK}"
        while isinstance(line, bytes):
            self._secrets |= login.secrets
            answer = yield from self._ask(line, Phase.AUTH, self._timeouts.command, LOGGED_IN, CHALLENGE, shown=shown)
            if isinstance(answer, Failed):
                return self._explained(answer, login.told)
            line, shown = (yield from self._reckoned(mechanism, partial(login.hear, answer))), _BLANK
        fault = line or login.fault
        return None if fault is None else self._failed(Phase.AUTH, fault)

    def _reckoned(
        self, mechanism: Mechanism, call: Callable[[], bytes | None]
    ) -> Generator[Step, Any, bytes | Refusal | None]:
        """The login's next line; where finding it may take a while, nobody else waits for it."""
        if not mechanism.blocking:
            return call()
        found: bytes | Lost | None = yield Reckon(call, self._timeouts.reckon)
        if isinstance(found, Lost):
            return Refusal(Failure.LOGIN_SERVICE, None, found.detail)
        return found

    def _explained(self, failed: Failed, told: str) -> Failed:
        """The refusal together with the reasons that the server gave before it, for people and for the diagnosis."""
        if not told or not isinstance(failed.cause, Reply):
            return failed
        self._note(self._heard_at, f"the server's reason: {self._blanked(told)}")
        cause = failed.cause
        return self._failed(failed.phase, Reply(cause.code, cause.enhanced, f"{cause.text}\n{self._blanked(told)}"))

    def _ask(
        self, line: bytes, phase: Phase, patience: float, *expected: int, shown: str = ""
    ) -> Generator[Step, Any, Reply | Failed]:
        """Write a line (none for the greeting) and give the reply if it has one of the expected codes."""
        step = Send(line, 1, patience)
        heard: list[Reply] | Lost = yield step
        self._heard_at = step.ended
        if line:
            for transcript in self._transcripts():
                transcript.sent(step.began, f"{shown}\r\n".encode() if shown else line)
        if isinstance(heard, Lost) and not heard.replies:
            return self._lost(step.ended, heard, phase)
        reply = heard.replies[0] if isinstance(heard, Lost) else heard[0]
        harmless = Reply(reply.code, reply.enhanced, self._blanked(reply.text)) if self._secrets else reply
        if reply.code in expected or reply.temporary or reply.permanent:
            self._whole.heard(step.ended, [harmless])
            if self._whole is not self._transcript:
                harmless = Reply(reply.code, None, _NOT_SHOWN)
                self._transcript.heard(step.ended, [harmless])
            return reply if reply.code in expected else self._failed(phase, harmless)
        return self._lost(step.ended, Lost.out_of_step(harmless, phase), phase)

    def _lost(self, at: float, lost: Lost, phase: Phase) -> Failed:
        placed = Lost(lost.kind, self._blanked(lost.detail), phase)
        if lost.kind in _REPEATING and not self._is_mail_server:
            placed = Lost(lost.kind, "What answers there does not speak SMTP.", phase)
        self._note(at, str(placed))
        return self._failed(phase, placed)

    def _note(self, at: float, text: str) -> None:
        for transcript in self._transcripts():
            transcript.note(at, text)

    def _transcripts(self) -> Iterable[Transcript]:
        return (self._whole,) if self._whole is self._transcript else (self._transcript, self._whole)

    def _failed(self, phase: Phase, cause: Reply | Lost | Refusal) -> Failed:
        return Failed(phase, cause, self._transcript)

    def _blanked(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, _BLANK)
        return text
