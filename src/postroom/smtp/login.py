"""One login as SMTP carries it (RFC 4954): the lines to write, and whether the server's replies complete it.

The mechanism's own words are `sasl`'s. This module puts them into lines, takes challenges out of replies, and knows
which texts are secret, so that `session` can keep them out of all it shows: a server may repeat what it was told.
"""

import base64
import binascii

from postroom.model.attempt import Failure
from postroom.smtp import command
from postroom.smtp.fault import Lost, LostKind, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.reply import Reply, printable
from postroom.smtp.sasl import Credentials, Mechanism

LOGGED_IN = 235
CHALLENGE = 334


class Login:
    """One login under way. `begin` and each `hear` give a line to write, or None when it is over: see `fault` then.

    `secrets` are the texts that must not be shown to anybody; `told` is what the server said within the exchange of
    its reasons to refuse, "" when nothing. `said` counts the responses that held something.
    """

    __slots__ = (
        "_exchange",
        "_held",
        "_name",
        "_over",
        "_started",
        "_told_by",
        "_waits",
        "fault",
        "said",
        "secrets",
        "told",
    )

    def __init__(self, mechanism: Mechanism, credentials: Credentials, nonce: str) -> None:
        self._name = mechanism.name
        self._told_by = mechanism.told_by
        self._waits = mechanism.waits
        self.told = ""
        self.said = 0
        self._exchange = mechanism.start(credentials, nonce)
        self._started = False
        self._over = False
        self._held: bytes | None = None
        self.fault: Lost | Refusal | None = None
        password = credentials.secret.reveal()
        self.secrets = {password, printable(password), _base64(password.encode("utf-8", "replace"))} - {""}

    def begin(self) -> bytes | None:
        """The AUTH command. A first response too long for it waits for the server's empty challenge, one of a mechanism
        that `waits` for whatever the server says."""
        initial = self._advance(None)
        if self.fault is not None:
            return None
        line = command.auth(self._name, None if self._waits else initial)
        self._held = initial if line == command.auth(self._name, None) else None
        self._guard(initial)
        return line

    def hear(self, reply: Reply) -> bytes | None:
        """The answer to a challenge (334); None once the login is complete (235) or has failed."""
        if reply.code == LOGGED_IN:
            self._complete()
            return None
        response, self._held = self._held, None
        if response is None:
            response = self._answer(reply)
        if response is None:
            return None
        self._guard(response)
        try:
            return command.response(response)
        except command.Unwritable as fault:
            self.fault = Refusal(Failure.SECRET, None, str(fault))
            return None

    def _complete(self) -> None:
        early = self._held is not None
        self._advance(None)
        if self.fault is None and (early or not self._over):
            self.fault = _unproven("The server declared the login complete before it was.")

    def _answer(self, reply: Reply) -> bytes | None:
        try:
            challenge = base64.b64decode(reply.text.strip(), validate=True)
        except (binascii.Error, ValueError):
            self.fault = _unproven("The server's challenge is not base64.")
            return None
        if self._told_by is not None and self._started:
            self.told = self._told_by(challenge)
        return self._advance(challenge)

    def _advance(self, heard: bytes | None) -> bytes | None:
        try:
            if self._started:
                return self._exchange.send(heard)
            self._started = True
            return next(self._exchange)
        except StopIteration as stop:
            self.fault = stop.value
        except UnicodeEncodeError:
            self.fault = Refusal(Failure.SECRET, None, "The user name or the password is not valid text.")
        self._over = True
        return None

    def _guard(self, said: bytes | None) -> None:
        if said:
            self.said += 1
            self.secrets.add(_base64(said))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unproven(text: str) -> Lost:
    return Lost(LostKind.UNPROVEN, text, Phase.AUTH)
