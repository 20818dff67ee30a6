"""The conversation with a SOCKS5 proxy, octet by octet (RFC 1928, RFC 1929)."""

from __future__ import annotations

import pytest

from postroom.model.attempt import Failure
from postroom.secrets import Secret
from postroom.wire.connectors.socks5 import Talk, Through, socks5
from postroom.wire.connectors.way import Refused

CONNECTED = b"\x05\x00\x00\x01\x0a\x00\x00\x01\x04\x38"
HOST = b"\x05\x01\x00\x03\x0dmail.test.lan\x02\x4b"


def played(talk: Talk, *answers: bytes, pieces: int = 0) -> tuple[list[bytes], Through | Refused]:
    """What is said, and the outcome, when each thing said is answered like this. `pieces`: octets a segment."""
    said = [next(talk)]
    left = list(answers)
    queue: list[bytes] = []
    while True:
        if not queue:
            answer = left.pop(0) if left else b""
            queue = [answer[at : at + pieces] for at in range(0, len(answer), pieces)] if pieces else [answer]
        try:
            word = talk.send(queue.pop(0) if queue else b"")
        except StopIteration as stop:
            rest = b"".join(queue)
            outcome = stop.value
            return said, Through(outcome.rest + rest) if isinstance(outcome, Through) else outcome
        if word:
            said.append(word)


@pytest.mark.parametrize("pieces", [0, 1, 2, 3])
def test_without_a_login_the_name_goes_to_the_proxy_as_it_is(pieces: int) -> None:
    said, outcome = played(socks5("mail.test.lan", 587), b"\x05\x00", CONNECTED, pieces=pieces)
    assert said == [b"\x05\x01\x00", HOST]
    assert outcome == Through(b"")


@pytest.mark.parametrize("pieces", [0, 1, 5])
def test_with_a_login(pieces: int) -> None:
    talk = socks5("mail.test.lan", 587, "ann", Secret("word"))
    said, outcome = played(talk, b"\x05\x02", b"\x01\x00", CONNECTED, pieces=pieces)
    assert said == [b"\x05\x02\x00\x02", b"\x01\x03ann\x04word", HOST]
    assert outcome == Through(b"")


def test_a_proxy_that_wants_no_login_is_not_told_the_password() -> None:
    said, outcome = played(socks5("mail.test.lan", 587, "ann", Secret("word")), b"\x05\x00", CONNECTED)
    assert said == [b"\x05\x02\x00\x02", HOST]
    assert isinstance(outcome, Through)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", b"\x01\xc0\x00\x02\x01"),
        ("2001:db8::1", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
        ("a", b"\x03\x01a"),
        ("x" * 255, b"\x03\xff" + b"x" * 255),
    ],
)
def test_every_kind_of_address(host: str, address: bytes) -> None:
    said, _ = played(socks5(host, 25), b"\x05\x00", CONNECTED)
    assert said[1] == b"\x05\x01\x00" + address + b"\x00\x19"


@pytest.mark.parametrize(
    "bound", [b"\x01" + bytes(4), b"\x04" + bytes(16), b"\x03\x05proxy", b"\x03\x00", b"\x03\xff" + b"p" * 255]
)
@pytest.mark.parametrize("pieces", [0, 1])
def test_what_the_server_says_in_the_same_segment_is_kept_to_the_octet(bound: bytes, pieces: int) -> None:
    greeting = b"220 mail.test.lan ESMTP\r\n"
    answer = b"\x05\x00\x00" + bound + b"\x00\x00" + greeting
    assert played(socks5("mail.test.lan", 587), b"\x05\x00", answer, pieces=pieces)[1] == Through(greeting)


@pytest.mark.parametrize(
    ("code", "failure", "words"),
    [
        (1, Failure.CONNECTOR_SERVER, "does not say why"),
        (2, Failure.CONNECTOR_FORBIDS, "rules forbid"),
        (3, Failure.CONNECTOR_SERVER, "no route"),
        (4, Failure.CONNECTOR_SERVER, "not there"),
        (5, Failure.CONNECTOR_SERVER, "was refused"),
        (6, Failure.CONNECTOR_SERVER, "in time"),
        (7, Failure.CONNECTOR_BROKEN, "does not make connections"),
        (8, Failure.CONNECTOR_SERVER, "kind of address"),
        (99, Failure.CONNECTOR_BROKEN, "unknown code 99"),
    ],
)
def test_each_refusal_says_whose_trouble_it_is(code: int, failure: Failure, words: str) -> None:
    _, outcome = played(socks5("mail.test.lan", 25), b"\x05\x00", bytes([5, code, 0, 1]))
    assert isinstance(outcome, Refused)
    assert outcome.failure is failure
    assert words in outcome.why


def test_refused_logins() -> None:
    _, none = played(socks5("a", 25), b"\x05\xff")
    _, wanted = played(socks5("a", 25, "u", Secret("p")), b"\x05\xff")
    _, wrong = played(socks5("a", 25, "u", Secret("p")), b"\x05\x02", b"\x01\x01")
    assert [one.failure for one in (none, wanted, wrong) if isinstance(one, Refused)] == [Failure.CONNECTOR_LOGIN] * 3


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([b""], "closed the connection"),
        ([b"\x05"], "closed the connection"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "began with the octet 72"),
        ([b"\x04\x00"], "began with the octet 4"),
        ([b"\x05\x02"], "was not offered"),
        ([b"\x05\x00\x05\x00\x00\x01"], "before it was asked"),
        ([b"\x05\x00", b"\x05\x00\x00\x09"], "unknown kind 9"),
        ([b"\x05\x00", b"220 mail ESMTP"], "octet 50"),
        ([b"\x05\x00", CONNECTED[:-1]], "closed the connection"),
    ],
)
def test_what_is_no_proxy_is_told_as_such(answers: list[bytes], words: str) -> None:
    _, outcome = played(socks5("a", 25), *answers)
    assert isinstance(outcome, Refused)
    assert outcome.failure is Failure.CONNECTOR_BROKEN
    assert words in outcome.why


def test_an_odd_answer_to_the_login() -> None:
    _, outcome = played(socks5("a", 25, "u", Secret("p")), b"\x05\x02", b"\x05\x00")
    assert isinstance(outcome, Refused)
    assert "the octet 5" in outcome.why


@pytest.mark.parametrize(
    ("host", "user", "secret"),
    [
        ("x" * 256, "", None),
        ("", "", None),
        ("a", "", Secret("p")),
        ("a", "u" * 256, Secret("p")),
        ("a", "ü", Secret("p" * 256)),
    ],
)
def test_what_can_not_be_written_is_not_written(host: str, user: str, secret: Secret | None) -> None:
    with pytest.raises(ValueError, match="octets"):
        next(socks5(host, 25, user, secret))
