r"""The language of the `*.txt` dialogues, and a server that follows one.

encryption starttls            settings: encryption, ehlo, user, password, mechanisms, allow_clear, nonce, discreet,
                               unchecked (nobody knows whose certificate it is)
message 1 a@x.org > b@y.org, c@y.org    a message; after `|`: 8bit, utf8, ret=HDRS, envid=…, notify=…, text=…
one at a time                  no message is at hand while another is on its way
---
s: 220 mx.example.org ESMTP    the server says a line; \x00 and \r are escapes; `s*50:` fifty times; `s~` no line end
c: EHLO app.example.org        the client says a line; lines one after the other leave in one write
c: [body 1]  c: [content 1]    the message as DATA or as BDAT carries it; b64(…) in a line is its base64
tls / tls fails                the handshake
soon 1 / mark 1 / mark 1 lost  the journal
done 1: dot 250, rcpt 550      each recipient: phase, and code, kind of loss or id of refusal; `?` in doubt
cut / timeout / reset          what happens instead of a reply
opened / opened PLAIN / failed auth 535 / ended / ended 421
hidden secret                  the text is in no transcript, reply or repr
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

from postroom.model.account import Encryption
from postroom.secrets.secret import Secret
from postroom.smtp import command
from postroom.smtp.client import (
    Credentials,
    Ended,
    Failed,
    Lost,
    LostKind,
    Opened,
    Recipient,
    RecipientOutcome,
    Refusal,
    Reply,
    SessionSettings,
    Timeouts,
    Transmission,
)
from postroom.smtp.sasl import MECHANISM_NAMES

_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})|\\(r|n)")
_BASE64 = re.compile(r"b64\(([^)]*)\)")
_REPEATED = re.compile(r"s\*(\d+): (.*)")
_FAULTS = {"cut": LostKind.CLOSED, "timeout": LostKind.TIMEOUT, "reset": LostKind.RESET}


class Departure(AssertionError):
    """The client left the script."""


@dataclass
class Script:
    """A dialogue as it was read."""

    path: Path
    settings: dict[str, str] = field(default_factory=dict)
    messages: dict[str, Transmission] = field(default_factory=dict)
    one_at_a_time: bool = False
    lines: list[tuple[int, str]] = field(default_factory=list)

    def session_settings(self) -> SessionSettings:
        """The settings for opening the session."""
        given = self.settings
        user = given.get("user")
        return SessionSettings(
            ehlo_name=given.get("ehlo", "app.example.org"),
            encryption=Encryption(given.get("encryption", "none")),
            credentials=None if user is None else Credentials(user, Secret(given.get("password", ""))),
            mechanisms=tuple(given["mechanisms"].split()) if "mechanisms" in given else MECHANISM_NAMES,
            allow_clear=given.get("allow_clear") == "yes",
            only_bound=given.get("unchecked") == "yes",
            discreet=given.get("discreet") == "yes",
            nonce=given.get("nonce", "nonce"),
            timeouts=Timeouts(),
        )


def read(path: Path) -> Script:
    """A dialogue from its file."""
    script = Script(path)
    settings, _, play = path.read_text(encoding="utf-8").partition("---\n")
    for line in filter(None, map(str.strip, settings.splitlines())):
        word, _, rest = line.partition(" ")
        if line.startswith("#"):
            continue
        if line == "one at a time":
            script.one_at_a_time = True
        elif word == "message":
            transmission = _message(rest)
            script.messages[str(transmission.key)] = transmission
        else:
            script.settings[word] = rest
    above = settings.count("\n") + 2
    script.lines = [
        (number, line.rstrip())
        for number, line in enumerate(play.splitlines(), above)
        if line.strip() and not line.startswith("#")
    ]
    return script


def _message(rest: str) -> Transmission:
    envelope, _, options = rest.partition("|")
    head, _, recipients = envelope.partition(">")
    key, _, sender = head.strip().partition(" ")
    given = dict(option.strip().partition("=")[::2] for option in options.split(";") if option.strip())
    text = given.get("text", "This is the text.").replace("\\n", "\r\n")
    notify = tuple(given["notify"].split("+")) if "notify" in given else ()
    return Transmission(
        key=key,
        sender=sender.strip(),
        recipients=tuple(Recipient(name.strip(), notify, given.get("orcpt")) for name in recipients.split(",")),
        content=f"Subject: message {key}\r\n\r\n{text}\r\n".encode(),
        eight_bit="8bit" in given,
        smtputf8="utf8" in given,
        ret=given.get("ret"),
        envid=given.get("envid"),
    )


class Prompter:
    """The server of a script. Every expectation that the client does not meet is a `Departure` that names the line."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._lines = list(script.lines)

    def receive(self, data: bytes, replies: int) -> int | None:
        if not data:
            return 0
        wanted = b""
        while self._next().startswith("c:"):
            wanted += self._client_line(self._take("c:").removeprefix("c:").removeprefix(" "))
        if data != wanted:
            raise Departure(f"{self._place()}: the client wrote {data!r}, the script has {wanted!r}")
        return None

    def read(self) -> bytes | LostKind:
        line = self._next()
        if line in _FAULTS:
            self._take(line)
            return _FAULTS[line]
        if not line.startswith(("s:", "s~", "s*")):
            raise Departure(f"{self._place()}: the client waits for a reply, the script has {line!r}")
        said = b""
        while (line := self._next()).startswith(("s:", "s~", "s*")):
            said += self._server_line(line)
            self._take(line)
        return said

    def start_tls(self) -> LostKind | None:
        if self._next() == "tls fails":
            self._take("tls fails")
            return LostKind.TLS
        self._take("tls")
        return None

    def expect(self, line: str) -> None:
        """Something that happened which the script must have foretold."""
        if self._next() != line:
            raise Departure(f"{self._place()}: {line!r} happened, the script has {self._next()!r}")
        self._take(line)

    def hidden(self) -> list[str]:
        """What the rest of the script wants to be hidden; nothing else may be left."""
        texts = []
        while self._lines:
            if not self._next().startswith("hidden "):
                raise Departure(f"{self._place()}: nothing more happened, the script has {self._next()!r}")
            texts.append(self._take("hidden ").removeprefix("hidden "))
        return texts

    def next_mark(self, key: object) -> bool:
        """Whether the script grants the mark."""
        lost = self._next() == f"mark {key} lost"
        self.expect(f"mark {key} lost" if lost else f"mark {key}")
        return not lost

    def _next(self) -> str:
        return self._lines[0][1] if self._lines else "the end"

    def _take(self, start: str) -> str:
        if not self._next().startswith(start):
            raise Departure(f"{self._place()}: {start!r} happened, the script has {self._next()!r}")
        return self._lines.pop(0)[1]

    def _place(self) -> str:
        return f"{self._script.path.name}:{self._lines[0][0] if self._lines else 'end'}"

    def _client_line(self, text: str) -> bytes:
        word, _, key = text.strip("[]").partition(" ")
        if text.startswith("[") and word in ("body", "content"):
            content = self._script.messages[key].content
            return command.stuff(content) if word == "body" else content
        encoded = _BASE64.sub(lambda m: base64.b64encode(unescaped(m[1])).decode(), text)
        return encoded.encode() + b"\r\n"

    @staticmethod
    def _server_line(line: str) -> bytes:
        repeated = _REPEATED.fullmatch(line)
        if repeated:
            return (repeated[2].encode() + b"\r\n") * int(repeated[1])
        text = _BASE64.sub(lambda m: base64.b64encode(unescaped(m[1])).decode(), line[2:].removeprefix(" "))
        return unescaped(text) + (b"" if line.startswith("s~") else b"\r\n")


def unescaped(text: str) -> bytes:
    r"""UTF-8, with \x00 and \r as escapes."""
    return _ESCAPE.sub(
        lambda m: bytes.fromhex(m[1].decode()) if m[1] else {b"r": b"\r", b"n": b"\n"}[m[2]], text.encode()
    )


def told(result: Opened | Failed | Ended | None) -> str:
    """A result in the words of a script."""
    if isinstance(result, Opened):
        return f"opened {result.mechanism}" if result.mechanism else "opened"
    if isinstance(result, Failed):
        return f"failed {result.phase} {_cause(result.cause)}"
    if isinstance(result, Ended) and result.cause is not None:
        return f"ended {_cause(result.cause)}"
    return "ended"


def told_outcome(key: object, recipients: tuple[RecipientOutcome, ...]) -> str:
    """An outcome in the words of a script."""
    parts = [f"{one.phase} {_cause(one.reply)}{' ?' if one.in_doubt else ''}" for one in recipients]
    return f"done {key}: {', '.join(parts)}"


def _cause(cause: Reply | Lost | Refusal) -> str:
    if isinstance(cause, Reply):
        return str(cause.code)
    return cause.kind.value if isinstance(cause, Lost) else cause.id.value
