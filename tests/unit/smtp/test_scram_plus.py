"""SCRAM bound to the encrypted link: RFC 5802 with its channel bindings, against a server by the book."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import pytest

from postroom.model.account import Encryption
from postroom.model.attempt import Failure
from postroom.secrets.secret import Secret
from postroom.smtp.client import (
    AskBindings,
    Credentials,
    Failed,
    Lost,
    LostKind,
    Opened,
    Reckon,
    Refusal,
    Reply,
    Send,
    SessionSettings,
    open_session,
)
from postroom.smtp.sasl import Exchange, Mechanism
from tests.rigs.by_the_book import ByTheBook

END_POINT = ("tls-server-end-point", b"the certificate's hash")
UNIQUE = ("tls-unique", b"the finished message")
ALL = "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN"


class Server:
    """Plays an encrypted session: offers these logins and takes them as `ByTheBook` does."""

    def __init__(self, offered: str, binding: bytes = END_POINT[1], known: Sequence[str] = ("tls-server-end-point",)):
        self.offered, self._binding, self._known = offered, binding, known
        self.tried: list[str] = []
        self.flags: list[str] = []
        self._exchange: ByTheBook | None = None
        self._challenges = 0

    def answer(self, line: bytes) -> Reply:
        word, _, rest = line.decode().strip().partition(" ")
        if word == "EHLO":
            return Reply(250, None, f"mx\nAUTH {self.offered}")
        if word == "AUTH":
            name, _, initial = rest.partition(" ")
            self.tried.append(name)
            self._exchange = ByTheBook(name, self._binding, self._known, "-PLUS" in self.offered)
            self._challenges = 0
            return self._challenge(base64.b64decode(initial))
        return self._challenge(base64.b64decode(word)) if word else self._end()

    def _challenge(self, heard: bytes) -> Reply:
        assert self._exchange is not None
        self._challenges += 1
        said = self._exchange.first(heard) if self._challenges == 1 else self._exchange.final(heard)
        if self._challenges == 1:
            self.flags.append(self._exchange.flag)
        self._good = said.startswith(b"v=")
        return Reply(334, None, base64.b64encode(said).decode())

    def _end(self) -> Reply:
        return Reply(235, None, "") if self._good else Reply(535, "5.7.8", "Authentication failed")


def play(
    server: Server, bindings: tuple[tuple[str, bytes], ...], password: str = "pencil", **settings: Any
) -> Opened | Failed:
    credentials = Credentials("ann", Secret(password))
    conversation = open_session(SessionSettings("app", Encryption.TLS, credentials, nonce="nonce", **settings))
    answer: Any = None
    while True:
        try:
            step = conversation.send(answer)
        except StopIteration as stop:
            result: Opened | Failed = stop.value
            return result
        if isinstance(step, AskBindings):
            answer = bindings
        elif isinstance(step, Reckon):
            answer = step.call()
        else:
            assert isinstance(step, Send)
            answer = [server.answer(step.data) if step.data else Reply(220, None, "hello")]


def refusal(failed: Opened | Failed) -> Refusal:
    assert isinstance(failed, Failed)
    assert isinstance(failed.cause, Refusal)
    return failed.cause


@pytest.mark.parametrize("name", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"])
def test_both_sides_prove_that_they_see_the_same_link(name: str) -> None:
    server = Server(f"PLAIN {name} {name.removesuffix('-PLUS')}")
    opened = play(server, (END_POINT,))
    assert isinstance(opened, Opened)
    assert (opened.mechanism, server.flags) == (name, ["p=tls-server-end-point"])


def test_the_strongest_is_the_one_that_is_bound() -> None:
    server = Server(ALL)
    play(server, (END_POINT,))
    assert server.tried == ["SCRAM-SHA-256-PLUS"]


def test_a_binding_that_the_server_does_not_know_is_followed_by_the_next() -> None:
    """Nothing was proved by then, so the credentials have not been offered yet."""
    server = Server(ALL)
    opened = play(server, (UNIQUE, END_POINT))
    assert isinstance(opened, Opened)
    assert server.flags == ["p=tls-unique", "p=tls-server-end-point"]


def test_without_a_binding_in_common_the_login_is_not_bound_where_the_certificate_was_checked() -> None:
    server = Server(ALL, known=("tls-exporter",))
    opened = play(server, (END_POINT,))
    assert isinstance(opened, Opened)
    assert (opened.mechanism, server.flags) == ("SCRAM-SHA-256", ["p=tls-server-end-point", "n"])


def test_without_a_binding_in_common_there_is_no_login_where_nobody_checked_the_certificate() -> None:
    server = Server(ALL, known=("tls-exporter",))
    assert refusal(play(server, (END_POINT,), only_bound=True)).id is Failure.CHANNEL_BINDING
    assert server.tried == ["SCRAM-SHA-256-PLUS"]


def test_a_refused_binding_never_ends_in_a_password_that_can_be_read() -> None:
    server = Server("SCRAM-SHA-256-PLUS PLAIN", known=())
    assert refusal(play(server, (END_POINT,))).id is Failure.CHANNEL_BINDING
    assert server.tried == ["SCRAM-SHA-256-PLUS"]


def test_somebody_in_between_is_noticed() -> None:
    """The server sees another certificate than arrives here: the login ends, and nothing weaker is tried."""
    server = Server(ALL, binding=b"another certificate's hash")
    found = refusal(play(server, (END_POINT,)))
    assert found.id is Failure.CHANNEL_BINDING
    assert "between" in found.text
    assert server.tried == ["SCRAM-SHA-256-PLUS"]


def test_we_say_that_we_could_have_bound_it() -> None:
    """`y`: a server that did offer more knows then that somebody has shortened its list (RFC 5802, 6)."""
    server = Server("SCRAM-SHA-256")
    assert isinstance(play(server, (END_POINT,)), Opened)
    assert server.flags == ["y"]


def test_a_shortened_offer_is_noticed() -> None:
    class Shortened(Server):
        def answer(self, line: bytes) -> Reply:
            told = super().answer(line)
            return Reply(told.code, told.enhanced, told.text.replace("SCRAM-SHA-256-PLUS", "X-NOTHING"))

    server = Shortened("SCRAM-SHA-256-PLUS SCRAM-SHA-256")
    assert refusal(play(server, (END_POINT,))).id is Failure.CHANNEL_BINDING
    assert server.flags == ["y"]


def test_a_weaker_login_that_the_account_insists_on_does_not_look_like_an_attack() -> None:
    server = Server(ALL)
    opened = play(server, (END_POINT,), mechanisms=("SCRAM-SHA-256",))
    assert isinstance(opened, Opened)
    assert server.flags == ["n"]


def test_nothing_to_bind_to() -> None:
    """A certificate whose signature has no hash of its own (Ed25519)."""
    server = Server(ALL)
    opened = play(server, ())
    assert isinstance(opened, Opened)
    assert (opened.mechanism, server.flags) == ("SCRAM-SHA-256", ["n"])


def test_a_wrong_password_is_offered_once() -> None:
    server = Server(ALL)
    failed = play(server, (UNIQUE, END_POINT), password="wrong")
    assert isinstance(failed, Failed)
    assert isinstance(failed.cause, Reply)
    assert server.flags == ["p=tls-unique", "p=tls-server-end-point"]


def test_no_binding_in_a_repr() -> None:
    assert "hash" not in repr(Credentials("ann", Secret("pencil"), (END_POINT,)))


class TestMechanismsFromOutside:
    """What `wire` brings along: a generator that may wait for others, and one that lets the server speak first."""

    OFFER = ("GSSAPI", "PLAIN")

    def play(self, mechanism: Mechanism, *answers: Any) -> tuple[Opened | Failed, list[bytes]]:
        settings = SessionSettings(
            "app", Encryption.NONE, Credentials("ann", Secret("b")), ("X-OURS",), integrated=(mechanism,)
        )
        conversation, said, answer = open_session(settings), [], None
        coming = iter(([Reply(220, None, "")], [Reply(250, None, "mx\nAUTH X-OURS PLAIN")], *answers))
        while True:
            try:
                step = conversation.send(answer)
            except StopIteration as stop:
                return stop.value, said
            if isinstance(step, Reckon) and not answers:
                answer = Lost(LostKind.TIMEOUT, "took too long")
            elif isinstance(step, Reckon):
                answer = step.call()
            else:
                assert isinstance(step, Send)
                said.append(step.data)
                answer = next(coming, [])
                if step.data == b"QUIT\r\n":
                    answer = [Reply(221, None, "")]

    @staticmethod
    def start(_credentials: Credentials, _nonce: str) -> Exchange:
        heard = yield b"first"
        yield b"second to " + (heard or b"")
        return None

    def test_its_first_word_waits_for_any_challenge(self) -> None:
        """`334 ntlm supported` is no base64, and means nothing (MS-SMTPNTLM, 2.2.1.3)."""
        mechanism = Mechanism("X-OURS", False, self.start, blocking=True, waits=True)
        challenge = base64.b64encode(b"them").decode()
        opened, said = self.play(
            mechanism,
            [Reply(334, None, "ntlm supported")],
            [Reply(334, None, challenge)],
            [Reply(235, None, "")],
        )
        assert isinstance(opened, Opened)
        assert said[2:] == [b"AUTH X-OURS\r\n", b"Zmlyc3Q=\r\n", base64.b64encode(b"second to them") + b"\r\n"]

    def test_what_it_asks_may_be_too_slow(self) -> None:
        failed, said = self.play(Mechanism("X-OURS", False, self.start, blocking=True))
        assert refusal(failed).id is Failure.LOGIN_SERVICE
        assert said[2:] == [b"QUIT\r\n"]
