r"""The language of the server's `*.txt` dialogues, and a driver without sockets that plays them.

size 1000                      settings of the server, by name; `encrypted yes`: TLS from the start
refused no@x.org 550 5.7.60 …  what the surroundings say about an envelope's sender, or (recipient) about a recipient
room 100                       octets there is room for
whole only                     not played in pieces, because what arrives together is the point of it
---
c: EHLO app.example.org        the client says a line; lines one after the other arrive together; `c~` without line end
c*50: NOOP                     fifty times; b64(…) is base64, \r \n \x00 \\ are escapes
s: 250 mail.example.org        the server says a line, and nothing else before the client's next
login anna key = ok            it asks for this login, and is answered; or `= 535 5.7.8 …`
accept a@x.org > b@y.org, c@y.org | envid=1 ret=HDRS protocol=ESMTPSA notify=NEVER orcpt=…
body Subject: x\r\n            (behind `accept`) the content it hands over
= 250 2.0.0 Ok                 the answer to `accept`
tls                            it wants to start TLS, and TLS is there
stop                           the driver wants to stop
over                           the connection ends
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postroom.addresses import Address
from postroom.smtp.reply import Reply
from postroom.smtp.server import Accept, Conversation, LogIn, ServerSettings, StartTls

__all__ = ["Departure", "Script", "Stage", "play", "read"]

_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})|\\([rn\\])")
_BASE64 = re.compile(r"b64\(([^)]*)\)")
_LINE = re.compile(r"c(?:\*(\d+))?([:~]) ?(.*)")
_NUMBERS = frozenset({"size", "recipients", "errors", "junk", "logins", "refused_most"})
_SWITCHES = frozenset({"starttls", "clear_login", "trusted"})


class Departure(AssertionError):
    """The server left the script."""


@dataclass
class Script:
    path: Path
    settings: dict[str, Any] = field(default_factory=dict)
    encrypted: bool = False
    room: int = 10**9
    whole_only: bool = False
    refused: dict[str, Reply] = field(default_factory=dict)
    lines: list[tuple[int, str]] = field(default_factory=list)


def read(path: Path) -> Script:
    script = Script(path)
    head, _, rest = path.read_text(encoding="utf-8").partition("---\n")
    for line in filter(None, map(str.strip, head.splitlines())):
        word, _, value = line.partition(" ")
        if line == "whole only":
            script.whole_only = True
        elif word == "refused":
            address, _, reply = value.partition(" ")
            script.refused[address] = reply_of(reply)
        elif word == "room":
            script.room = int(value)
        elif word == "encrypted":
            script.encrypted = value == "yes"
        elif word in _NUMBERS:
            script.settings[word.removesuffix("_most")] = int(value)
        elif word in _SWITCHES:
            script.settings[word] = value == "yes"
        elif word != "#":
            raise ValueError(f"{path.name}: {line}")
    first = head.count("\n") + 2
    script.lines = [
        (number, line)
        for number, line in enumerate(rest.splitlines(), first)
        if line.strip() and not line.startswith("#")
    ]
    return script


def reply_of(text: str) -> Reply:
    code, _, rest = text.partition(" ")
    found = re.match(r"([245]\.\d+\.\d+) ", rest)
    enhanced = found[1] if found else None
    return Reply(int(code), enhanced, (rest[found.end() :] if found else rest).replace("\\n", "\n"))


def octets(text: str) -> bytes:
    data = _BASE64.sub(lambda m: base64.b64encode(unescaped(m[1].encode())).decode(), text).encode()
    return unescaped(data)


def unescaped(data: bytes) -> bytes:
    plain = {b"r": b"\r", b"n": b"\n", b"\\": b"\\"}
    return _ESCAPE.sub(lambda m: bytes.fromhex(m[1].decode()) if m[1] else plain[m[2]], data)


class Stage:
    """Surroundings of a conversation, and its driver."""

    def __init__(self, script: Script, piece: int | None) -> None:
        self.held = self.most_held = 0
        self._script = script
        self._piece = piece
        settings = ServerSettings(**{"host": "mail.example.org", "size": 10_000, "recipients": 100, **script.settings})
        self.conversation = Conversation(settings, self, encrypted=script.encrypted)
        self.said = b""

    def may_send(self, sender: Address | None) -> Reply | None:
        return self._script.refused.get("<>" if sender is None else sender.spec)

    def may_receive(self, address: Address) -> Reply | None:
        return self._script.refused.get(address.spec)

    def has_room(self, octets: int) -> bool:
        return self.held + octets <= self._script.room

    def take_room(self, octets: int) -> bool:
        fits = self.has_room(octets)
        self.held += octets if fits else 0
        self.most_held = max(self.most_held, self.held)
        return fits

    def give_room(self, octets: int) -> None:
        self.held -= octets

    def hear(self, data: bytes) -> None:
        size = self._piece or len(data) or 1
        for start in range(0, len(data), size):
            self.conversation.receive(data[start : start + size])
            self.said += self.conversation.take()


def play(script: Script, piece: int | None) -> Stage:
    """Plays the script; raises Departure where the server does anything else."""
    stage = Stage(script, piece)
    conversation = stage.conversation
    conversation.begin()
    stage.said += conversation.take()
    lines = list(script.lines)
    while lines:
        number, line = lines[0]
        data = b""
        while lines and (found := _LINE.fullmatch(lines[0][1])):
            data += (octets(found[3]) + (b"\r\n" if found[2] == ":" else b"")) * int(found[1] or 1)
            lines.pop(0)
        if data:
            if stage.said:
                raise Departure(f"{script.path.name}:{number}: it said more: {stage.said!r}")
            stage.hear(data)
            continue
        lines.pop(0)
        _expect(stage, line, lines, f"{script.path.name}:{number}")
        stage.said += conversation.take()
    if stage.said:
        raise Departure(f"{script.path.name}: in the end it said more: {stage.said!r}")
    return stage


def _expect(stage: Stage, line: str, lines: list[tuple[int, str]], place: str) -> None:
    word, _, rest = line.partition(" ")
    if word == "s:":
        _expect_said(stage, rest, place)
    elif word == "login":
        _expect_login(stage, rest, place)
    elif word == "accept":
        _expect_accept(stage, rest, lines, place)
    elif line == "tls":
        if not isinstance(stage.conversation.request, StartTls):
            raise Departure(f"{place}: it does not want TLS, but {stage.conversation.request!r}")
        stage.conversation.tls_started()
    elif line == "stop":
        stage.conversation.stop()
    elif line == "over":
        if not stage.conversation.over:
            raise Departure(f"{place}: it goes on")
    else:
        raise ValueError(f"{place}: {line}")


def _expect_said(stage: Stage, wanted: str, place: str) -> None:
    said, mark, rest = stage.said.partition(b"\r\n")
    if not mark or said != octets(wanted):
        raise Departure(f"{place}: it said {stage.said!r}, the script has {wanted!r}")
    stage.said = rest


def _expect_login(stage: Stage, rest: str, place: str) -> None:
    wanted, _, answer = rest.partition(" = ")
    request = stage.conversation.request
    if not isinstance(request, LogIn) or f"{request.presented.user} {request.presented.password}" != wanted:
        raise Departure(f"{place}: it wants {request!r}, the script has a login")
    if request.presented.password in repr(request):
        raise Departure(f"{place}: the key shows in a repr")
    stage.conversation.logged_in(None if answer == "ok" else reply_of(answer))


def _expect_accept(stage: Stage, rest: str, lines: list[tuple[int, str]], place: str) -> None:
    request = stage.conversation.request
    if not isinstance(request, Accept):
        raise Departure(f"{place}: it wants {request!r}, the script has a message")
    wanted, _, options = rest.partition(" | ")
    told = _told(request)
    if told != wanted:
        raise Departure(f"{place}: it hands over {told}, the script has {wanted}")
    shown = _shown(request)
    for option in options.split():
        if option not in shown:
            raise Departure(f"{place}: {option} is not among {shown}")
    if lines and lines[0][1].startswith("body "):
        content = octets(lines.pop(0)[1].removeprefix("body "))
        if request.content != content:
            raise Departure(f"{place}: the content is {request.content!r}, the script has {content!r}")
    answer = lines.pop(0)[1]
    stage.conversation.accepted(reply_of(answer.removeprefix("= ")))


def _told(request: Accept) -> str:
    sender = request.envelope.command.sender
    to = ", ".join(one.address.spec for one in request.envelope.recipients)
    return f"{'<>' if sender is None else sender.spec} > {to}"


def _shown(request: Accept) -> list[str]:
    command = request.envelope.command
    shown = [
        f"ret={command.ret}",
        f"envid={command.envid}",
        f"size={command.size}",
        f"protocol={request.envelope.protocol}",
        f"client={request.envelope.client}",
        *(["smtputf8"] if command.smtputf8 else []),
    ]
    for one in request.envelope.recipients:
        shown += [f"notify={','.join(one.notify)}", f"orcpt={one.orcpt}"]
    return shown
