"""An IMAP server that means harm, or somebody on the way to one, ends as data: no password leaves (P6, P7)."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from postroom import Postroom as Embedded

WORD = "the-password-that-must-not-leave"
_TAG = re.compile(rb"^(P[0-9]+) ")
OFFERS = b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n"
LOGGED_IN = (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", b"TAG OK in\r\n")


class Scripted:
    """Says the first line when somebody connects, and the next one to each command; `TAG` is that command's. `heard`:
    all that it was told, of all sessions."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.heard = b""
        self._lines = lines
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, name="scripted-imap", daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                with peer, suppress(OSError):
                    peer.settimeout(30)
                    self._talk(peer)

    def _talk(self, peer: socket.socket) -> None:
        peer.sendall(self._lines[0])
        for line in self._lines[1:]:
            command = peer.recv(65_536)
            self.heard += command
            found = _TAG.match(command)
            if found is None:
                return
            peer.sendall(line.replace(b"TAG", found[1]))
        while more := peer.recv(65_536):
            self.heard += more


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Embedded]:
    with Embedded(f"sqlite:///{tmp_path / 'mail.db'}", data=tmp_path, poll_seconds=0.05) as running:
        running._engine.mailboxes._patience = running._engine.mailboxes._patience.scaled(0.1)
        yield running


@pytest.fixture
def tried(engine: Embedded) -> Iterator[Callable[..., tuple[Any, Scripted]]]:
    """Tries a mailbox on a server with this script: what the trial showed, and the server."""
    servers: list[Scripted] = []

    def run(lines: Sequence[bytes], **values: Any) -> tuple[Any, Scripted]:
        server = Scripted(lines)
        servers.append(server)
        there = {"name": "x", "host": "127.0.0.1", "port": server.port, "user": "ann", "encryption": "starttls"}
        asking = engine._engine.mailboxes.test(engine.actor, None, {**there, **values}, WORD)
        return engine._on_loop(asking).result(), server

    yield run
    for server in servers:
        server.close()


IN_CLEAR = {"encryption": "none", "allow_clear_login": True}


@pytest.mark.parametrize(
    ("diagnosis", "lines"),
    [
        ("bytes-before-tls", (OFFERS, b"TAG OK begin TLS\r\n* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] evil\r\n")),
        ("mailbox-refused", (OFFERS, b"* BAD not now\r\nTAG NO TLS is out of order\r\n")),
        ("imap-no-starttls", (b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGIN] no TLS here\r\n",)),
        ("server-not-proven", (b"* PREAUTH [CAPABILITY IMAP4rev1] you are ann already\r\n",)),
        ("mailbox-refused", (b"* BYE go away\r\n",)),
        ("imap-not-spoken", (b"220 mail.example.com ESMTP\r\n",)),
        ("imap-not-spoken", (b"\x00\xff" * 5_000 + b"\r\n",)),
        ("imap-not-spoken", (b"* OK " + b"x" * 3_000_000,)),
        ("bytes-before-tls", (OFFERS, b"TAG OK begin TLS\r\nP1 OK P2 OK P3 OK\r\n")),
        ("imap-timeout", (OFFERS, b"")),
    ],
    ids=["injected-before-tls", "tls-refused", "tls-not-offered", "preauth", "bye", "smtp", "octets", "endless-line",
         "answers-ahead", "silence"],
)  # fmt: skip
def test_before_it_is_encrypted_nothing_is_told_and_nothing_believed(
    tried: Callable[..., tuple[Any, Scripted]], diagnosis: str, lines: Sequence[bytes]
) -> None:
    trial, server = tried(lines)
    assert trial.verdict is not None, trial
    assert trial.verdict.diagnosis == diagnosis, trial
    assert not trial.steps[-1].ok
    for never in (b"LOGIN", b"AUTHENTICATE", WORD.encode()):
        assert never not in server.heard
    assert WORD not in repr(trial)


@pytest.mark.parametrize(
    ("diagnosis", "last"),
    [
        ("mailbox-refused", b"* 4294967296000000000000 EXISTS\r\nTAG OK chosen\r\n"),
        ("mailbox-refused", b"* OK [UIDVALIDITY banana]\r\n* -1 EXISTS\r\nTAG OK chosen\r\n"),
        ("imap-unintelligible", b"* LIST () {99999999999}\r\n"),
        ("imap-unintelligible", b"* LIST () " + b"(" * 100_000 + b"\r\n"),
        ("imap-unintelligible", b"P999 OK that was somebody else's\r\n"),
        ("imap-unintelligible", b"+ go on\r\n"),
        ("mailbox-refused", b"TAG MAYBE\r\n"),
        ("mailbox-folder-refused", b"TAG NO " + WORD.encode() + b" is a bad password\r\n"),
        ("imap-unintelligible", b"* 1 EXISTS\r\n" * 60_000),
    ],
    ids=["huge-number", "no-number", "huge-literal", "deep", "foreign-tag", "unasked", "no-status", "echo",
         "endless-answers"],
)  # fmt: skip
def test_whatever_is_answered_after_the_login_is_data(
    tried: Callable[..., tuple[Any, Scripted]], diagnosis: str, last: bytes
) -> None:
    trial, _ = tried((*LOGGED_IN, b"* CAPABILITY IMAP4rev1\r\nTAG OK\r\n", last, last, last), **IN_CLEAR)
    assert trial.verdict is not None, trial
    assert trial.verdict.diagnosis == diagnosis, trial
    assert WORD not in repr(trial)


def test_a_server_that_asks_for_the_password_again_gets_it_once(tried: Callable[..., tuple[Any, Scripted]]) -> None:
    offers = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"
    trial, server = tried((offers, b"+ \r\n", b"+ once more\r\n", b"+ and again\r\n"), **IN_CLEAR, login="plain")
    assert trial.verdict is not None
    assert server.heard.count(b"AUTHENTICATE PLAIN") == 1
    assert WORD not in repr(trial)
