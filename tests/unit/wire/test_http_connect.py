"""The conversation with an HTTP proxy, octet by octet (RFC 9110, 9.3.6; RFC 7617)."""

from __future__ import annotations

import pytest

from postroom.model.attempt import Failure
from postroom.secrets import Secret
from postroom.wire.connectors.http_connect import MAX_HEAD, http_connect
from postroom.wire.connectors.socks5 import Through
from postroom.wire.connectors.way import Refused
from tests.unit.wire.test_socks5 import played

OK = b"HTTP/1.1 200 Connection established\r\n\r\n"


def test_the_request_without_and_with_a_login() -> None:
    said, outcome = played(http_connect("mail.test.lan", 587), OK)
    assert said == [b"CONNECT mail.test.lan:587 HTTP/1.1\r\nHost: mail.test.lan:587\r\n\r\n"]
    assert outcome == Through(b"")
    said, _ = played(http_connect("mail.test.lan", 587, "ann", Secret("wörd:x")), OK)
    assert said[0].endswith(b"\r\nProxy-Authorization: Basic YW5uOnfDtnJkOng=\r\n\r\n")


def test_an_ipv6_address_stands_in_brackets() -> None:
    said, _ = played(http_connect("2001:db8::1", 25), OK)
    assert said[0].startswith(b"CONNECT [2001:db8::1]:25 HTTP/1.1\r\nHost: [2001:db8::1]:25\r\n")


@pytest.mark.parametrize("pieces", [0, 1, 7])
@pytest.mark.parametrize(
    "head",
    [
        OK,
        b"HTTP/1.0 200\r\n\r\n",
        b"HTTP/1.1 200 OK\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 299 Fine\r\nVia: x\r\n\r\n",
    ],
)
@pytest.mark.parametrize("greeting", [b"", b"220 mail ESMTP\r\n", b"\r\n\r\n220-odd\r\n", bytes(range(256))])
def test_what_the_server_says_in_the_same_segment_is_kept_to_the_octet(
    head: bytes, greeting: bytes, pieces: int
) -> None:
    assert played(http_connect("mail.test.lan", 25), head + greeting, pieces=pieces)[1] == Through(greeting)


@pytest.mark.parametrize(
    ("status", "failure", "words"),
    [
        (b"407 Proxy Authentication Required", Failure.CONNECTOR_LOGIN, "without user name and password (407"),
        (b"403 Filtered", Failure.CONNECTOR_FORBIDS, "forbid that (403 Filtered)"),
        (b"502 Bad Gateway", Failure.CONNECTOR_SERVER, "(502 Bad Gateway)"),
        (b"503 Service Unavailable", Failure.CONNECTOR_SERVER, "did not answer"),
        (b"504", Failure.CONNECTOR_SERVER, "(504)"),
        (b"500 Unable to connect", Failure.CONNECTOR_SERVER, "(500 Unable to connect)"),
        (b"405 Method Not Allowed", Failure.CONNECTOR_BROKEN, "does not make connections"),
        (b"400 Bad Request", Failure.CONNECTOR_BROKEN, "(400 Bad Request)"),
        (b"429 Slow down", Failure.CONNECTOR_SERVER, "busy"),
        (b"302 Found", Failure.CONNECTOR_BROKEN, "neither yes nor no"),
        (b"403 \x1b[31mred\x00", Failure.CONNECTOR_FORBIDS, "\\x1b[31mred\\x00"),
        (b"403 " + b"z" * 500, Failure.CONNECTOR_FORBIDS, "z" * 60 + "…"),
    ],
)
def test_each_refusal_says_whose_trouble_it_is(status: bytes, failure: Failure, words: str) -> None:
    _, outcome = played(http_connect("mail.test.lan", 25), b"HTTP/1.1 " + status + b"\r\nX: y\r\n\r\n<html>")
    assert isinstance(outcome, Refused)
    assert outcome.failure is failure
    assert words in outcome.why


def test_a_refused_login_and_one_that_is_not_known_here() -> None:
    refused = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\n\r\n"
    _, wrong = played(http_connect("a", 25, "u", Secret("p")), refused)
    other = b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate\r\n\r\n"
    _, unknown = played(http_connect("a", 25, "u", Secret("p")), other)
    assert isinstance(wrong, Refused)
    assert isinstance(unknown, Refused)
    assert "does not accept this user name and password" in wrong.why
    assert "by NTLM, Negotiate; Postroom knows Basic" in unknown.why


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n", "closed the connection"),
        (b"220 mail ESMTP\r\n", "no HTTP"),
        (b"SSH-2.0-OpenSSH", "no HTTP"),
        (b"HTTP/1.1 ??? What\r\n\r\n", "no answer of HTTP"),
        (b"HTTP/1.1 200OK\r\n\r\n", "no answer of HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD, "no end within 16,384 octets"),
        (b"HTTP/1.1 100 Wait\r\n\r\n" + b"x" * 20, "no HTTP"),
    ],
)
@pytest.mark.parametrize("pieces", [0, 997])
def test_what_is_no_proxy_is_told_as_such(answer: bytes, words: str, pieces: int) -> None:
    _, outcome = played(http_connect("a", 25), answer, pieces=pieces)
    assert isinstance(outcome, Refused)
    assert outcome.failure is Failure.CONNECTOR_BROKEN
    assert words in outcome.why


def test_interim_answers_without_end_are_bounded() -> None:
    """Each is whole; only their number is a trick."""
    _, outcome = played(http_connect("a", 25), *[b"HTTP/1.1 100 Again\r\n\r\n" * 9] * 9)
    assert isinstance(outcome, Refused)
    assert "interim" in outcome.why


@pytest.mark.parametrize(("host", "user"), [("a b", ""), ("a\r\nX: y", ""), ("", ""), ("a", "u:v"), ("ä", "")])
def test_what_can_not_be_written_is_not_written(host: str, user: str) -> None:
    with pytest.raises(ValueError, match=r"host name|colon"):
        next(http_connect(host, 25, user, Secret("p")))
