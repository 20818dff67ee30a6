"""Commands and their answers over a link, one at a time, within bounds of size, number and time.

What a server says on its own (`EXISTS`, `BYE`, `CAPABILITY`) is noticed wherever it comes. A conversation is kept for
people, secrets blanked, and only its beginning and its end once it grows long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from postroom.model.attempt import Failure
from postroom.receive.imap.responses import SMALL_LITERAL, Response, Responses
from postroom.receive.imap.trouble import Trouble, of_gone
from postroom.secrets import Secret, blank
from postroom.smtp.phase import Phase
from postroom.wire.dial import start_tls
from postroom.wire.link import Gone, Link
from postroom.wire.tls import TlsSettings

__all__ = ["Answer", "Patience", "Session"]

_MOST_UNTAGGED = 50_000
_MOST_LINES = 200
_MOST_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. `silence`: without a word; `command`: for a whole answer, however many words; `fetch`: the same where
    mail is fetched."""

    silence: float = 60.0
    command: float = 120.0
    fetch: float = 900.0

    def scaled(self, factor: float) -> Patience:
        return Patience(self.silence * factor, self.command * factor, self.fetch * factor)


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, and what was said before that."""

    end: Response
    before: tuple[Response, ...] = ()

    @property
    def ok(self) -> bool:
        return self.end.kind == "OK"


@dataclass(slots=True)
class _Exchange:
    """One command under way."""

    tag: str
    ends: float
    each: Callable[[Response], bool] | None = None
    kept: list[Response] = field(default_factory=list)
    count: int = 0


class Session:
    """`capabilities`: as told last, in upper case. `exists`: how many mails the chosen folder has; `news`: that it
    told of more since somebody set this to False. Close it when done."""

    def __init__(self, link: Link, patience: Patience, *, discreet: bool = False) -> None:
        self.link = link
        self.patience = patience
        self.phase = Phase.GREETING
        self.capabilities: frozenset[str] = frozenset()
        self.exists = 0
        self.news = False
        self.lines: list[str] = []
        self._discreet = discreet
        self._secrets: list[Secret] = []
        self._responses = Responses()
        self._waiting: list[Response] = []
        self._number = 0

    def keep_out(self, secrets: Iterable[Secret]) -> None:
        """What must not be shown from now on, whoever says it."""
        self._secrets += secrets

    def blanked(self, text: str) -> str:
        return blank(text, self._secrets) if self._secrets else text

    # -- the beginning ----------------------------------------------------------------------------------------------

    async def greeting(self) -> Response:
        """What the server says first: OK, or PREAUTH. Raises Trouble."""
        greeting = await self._hear(monotonic() + self.patience.silence)
        if greeting.tag != "*" or greeting.kind not in ("OK", "PREAUTH", "BYE"):
            raise self._no_imap()
        self._discreet = False
        self._note("S", greeting)
        if greeting.kind == "BYE":
            raise Trouble(Failure.MAILBOX_REFUSED, self.blanked(greeting.words), Phase.GREETING)
        self._take_capabilities(greeting)
        return greeting

    async def learn(self) -> None:
        """Asks what the server can do, unless it has told."""
        if not self.capabilities:
            self.phase = Phase.EHLO
            await self.done(b"CAPABILITY")

    async def start_tls(self, tls: TlsSettings, seconds: float) -> None:
        """Encrypts. What the server said of itself in clear counts no more. Raises Trouble."""
        self.phase = Phase.STARTTLS
        await self.done(b"STARTTLS")
        if self._responses.left_over or self._waiting:
            text = "The server, or somebody on the way, sent data in clear before TLS began."
            self.link.lose(Gone(Failure.INJECTED, text))
        gone = self.link.gone or await start_tls(self.link, tls, seconds)
        if gone is not None:
            raise of_gone(gone, Phase.STARTTLS if gone.failure is Failure.INJECTED else Phase.TLS)
        self._responses = Responses()
        self.capabilities = frozenset()

    def forget_capabilities(self) -> None:
        """They may be others now: somebody has logged in."""
        self.capabilities = frozenset()

    # -- commands ---------------------------------------------------------------------------------------------------

    async def done(self, words: bytes, **how: object) -> Answer:
        """`ask`, where anything but OK is trouble."""
        answer = await self.ask(words, **how)  # type: ignore[arg-type]  # the same arguments
        if not answer.ok:
            raise Trouble(Failure.MAILBOX_REFUSED, self.blanked(answer.end.words), self.phase)
        return answer

    async def ask(
        self,
        words: bytes,
        *,
        shown: str = "",
        each: Callable[[Response], bool] | None = None,
        literal: int = SMALL_LITERAL,
        seconds: float | None = None,
    ) -> Answer:
        """One command and all that is answered. `each` is given every untagged response, and says whether it took it,
        so that it is not kept. `literal`: octets that the literals of one response may have. Raises Trouble."""
        exchange = self._say(words, shown, each, seconds)
        self._responses.literal_limit = literal
        try:
            while True:
                response = await self._hear(exchange.ends)
                answer = self._sorted(exchange, response)
                if answer is not None:
                    return answer
                if response.tag == "+":
                    raise self._out_of_step()
        finally:
            self._responses.literal_limit = SMALL_LITERAL

    async def dialogue(self, words: bytes, shown: str, reply: Callable[[str], object]) -> Answer:
        """A command within which the server asks: `reply` is given what it says each time, and returns (awaitable) what
        to write, or None to give up. Raises Trouble."""
        exchange = self._say(words, shown, None, None)
        while True:
            response = await self._hear(exchange.ends)
            if response.tag == "+":
                self._note("S", response)
                line = await reply(response.text)  # type: ignore[misc]  # a coroutine function
                self._lines_add("C: ****")
                self._write((b"*" if line is None else line) + b"\r\n")
                continue
            answer = self._sorted(exchange, response)
            if answer is not None:
                return answer

    async def idle(self, wake: asyncio.Event, seconds: float) -> None:
        """Waits until the server tells of something new, `wake` is set, or the time is over (RFC 9051, 6.3.13)."""
        exchange = self._say(b"IDLE", "", None, seconds + self.patience.command)
        response = await self._hear(exchange.ends)
        while response.tag != "+":
            if self._sorted(exchange, response) is not None:
                raise Trouble(Failure.MAILBOX_REFUSED, self.blanked(response.words), self.phase)
            response = await self._hear(exchange.ends)
        ends = monotonic() + seconds
        while not (self.news or wake.is_set()) and monotonic() < ends:
            if not self._waiting:
                await self._stirs(wake, ends)
            for one in self._waiting_now():
                self._sorted(exchange, one)
        self._write(b"DONE\r\n")
        while True:
            answer = self._sorted(exchange, await self._hear(monotonic() + self.patience.command))
            if answer is not None:
                return

    async def goodbye(self) -> None:
        """Says so, and closes whatever is answered."""
        if self.link.gone is None and self.phase is not Phase.GREETING:
            with suppress(Trouble):
                await self.ask(b"LOGOUT", seconds=min(self.patience.command, 5.0))
        self.link.close()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _say(
        self, words: bytes, shown: str, each: Callable[[Response], bool] | None, seconds: float | None
    ) -> _Exchange:
        self._number += 1
        tag = f"P{self._number}"
        self._lines_add(f"C: {tag} {shown or words[:_MOST_SHOWN].decode('ascii', 'replace')}")
        self._write(tag.encode("ascii") + b" " + words + b"\r\n")
        return _Exchange(tag, monotonic() + (self.patience.command if seconds is None else seconds), each)

    def _write(self, data: bytes) -> None:
        if self.link.gone is not None:
            raise of_gone(self.link.gone, self.phase)
        self.link.write(data)

    def _sorted(self, exchange: _Exchange, response: Response) -> Answer | None:
        """The answer, once the command has ended."""
        exchange.count += 1
        if exchange.count > _MOST_UNTAGGED:
            raise Trouble(Failure.UNINTELLIGIBLE, "The server does not stop answering one command.", self.phase)
        if response.tag == exchange.tag:
            self._note("S", response)
            self._take_capabilities(response)
            return Answer(response, tuple(exchange.kept))
        if response.tag not in ("*", "+"):
            raise self._out_of_step()
        if response.tag == "+":
            return None
        self._notice(response)
        taken = exchange.each is not None and exchange.each(response)
        if not taken and len(exchange.kept) < _MOST_LINES:
            exchange.kept.append(response)
            self._note("S", response)
        return None

    def _notice(self, response: Response) -> None:
        if response.kind == "EXISTS":
            self.news = self.news or response.number > self.exists
            self.exists = response.number
        elif response.kind == "EXPUNGE":
            self.exists = max(self.exists - 1, 0)
        elif response.kind == "BYE":
            self._note("S", response)
            words = f"The server ended the session: {self.blanked(response.words)}"
            self.link.close()
            raise Trouble(Failure.CLOSED, words, self.phase)
        else:
            self._take_capabilities(response)

    def _take_capabilities(self, response: Response) -> None:
        if response.kind == "CAPABILITY":
            self.capabilities = frozenset(
                one.decode("ascii", "replace").upper() for one in response.data if isinstance(one, bytes)
            )
        elif response.code == "CAPABILITY":
            self.capabilities = frozenset(response.code_text.upper().split())

    async def _hear(self, ends: float) -> Response:
        """The next response. Raises Trouble."""
        while not self._waiting:
            seconds = min(self.patience.silence, ends - monotonic())
            if seconds <= 0:
                self.link.abort()
                raise Trouble(Failure.TIMEOUT, "The server did not come to the end of its answer in time.", self.phase)
            came = await self.link.read(seconds)
            if isinstance(came, Gone):
                raise of_gone(came, self.phase)
            self._understand(came)
        return self._waiting.pop(0)

    def _understand(self, data: bytes) -> None:
        self._waiting += self._responses.feed(data)
        if self._responses.fault and not self._waiting:
            self.link.close()
            raise self._no_imap() if self._discreet else self._unintelligible()

    def _waiting_now(self) -> list[Response]:
        data = self.link.take()
        if data:
            self._understand(data)
        elif self.link.gone is not None:
            raise of_gone(self.link.gone, self.phase)
        found, self._waiting = self._waiting, []
        return found

    async def _stirs(self, wake: asyncio.Event, ends: float) -> None:
        """Until something arrives, `wake` is set, or it is time."""
        if self.link.waiting or self.link.gone is not None:
            return
        self.link.patience(max(ends - monotonic(), 0.0) + 3600.0)  # silence is what is waited in
        either: set[asyncio.Future[Any]] = {self.link.wait(), asyncio.ensure_future(wake.wait())}
        try:
            await asyncio.wait(either, timeout=max(ends - monotonic(), 0.0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in either:
                one.cancel()

    def _note(self, who: str, response: Response) -> None:
        if self._discreet:
            return
        words = response.words if response.tag != "+" else self.blanked(response.text)
        number = f"{response.number} " if response.number else ""
        data = f" {response.data!r}" if response.data else ""
        shown = f"{who}: {response.tag} {number}{words}{data}" if response.tag != "+" else f"{who}: + {words}"
        self._lines_add(self.blanked(shown))

    def _lines_add(self, line: str) -> None:
        if len(self.lines) < _MOST_LINES:
            self.lines.append(line[:_MOST_SHOWN])

    def _no_imap(self) -> Trouble:
        return Trouble(Failure.UNINTELLIGIBLE, "It does not greet as an IMAP server does.", Phase.GREETING)

    def _unintelligible(self) -> Trouble:
        return Trouble(Failure.UNINTELLIGIBLE, self._responses.fault, self.phase)

    def _out_of_step(self) -> Trouble:
        self.link.close()
        return Trouble(Failure.UNINTELLIGIBLE, "The server answered something that was not asked.", self.phase)
