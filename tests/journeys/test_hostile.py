"""Servers that lie, ramble, break off or strip encryption: whatever they do, the mail waits, nothing secret is said in
clear, and the mail of other accounts leaves meanwhile (P6, P7).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.journeys.stranger import Stranger, Visit
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

EHLO = b"250-stranger.test\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
WITH_TLS = b"250-stranger.test\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
GREETING = b"220 stranger.test ESMTP\r\n"
SECRET = "correct horse battery staple"
BYE = {b"QUIT": b"221 bye\r\n"}
UP_TO_RCPT = {**BYE, b"EHLO": EHLO, b"RSET": b"250 ok\r\n", b"MAIL": b"250 ok\r\n"}
UP_TO_DATA = {**UP_TO_RCPT, b"RCPT": b"250 ok\r\n"}


def greeted(replies: dict[bytes, bytes]) -> Callable[[Visit], None]:
    def script(visit: Visit) -> None:
        visit.say(GREETING)
        visit.answer(replies)

    return script


def endless(before: bytes, replies: dict[bytes, bytes]) -> Callable[[Visit], None]:
    """Answers so far, then rambles without end until nobody listens any more."""

    def script(visit: Visit) -> None:
        visit.say(before)
        visit.answer(replies)
        while True:
            visit.say(b"250-and another thing\r\n" * 1_000)

    return script


def rambles(words: bytes) -> Callable[[Visit], None]:
    def script(visit: Visit) -> None:
        while True:
            visit.say(words)

    return script


def silent_greeting(visit: Visit) -> None:
    visit.wait_for_the_end()


def speaks_twice(visit: Visit) -> None:
    visit.say(GREETING + b"250 and already more\r\n")
    visit.answer({b"EHLO": EHLO, **BYE})


HOSTILE: dict[str, Callable[[Visit], None]] = {
    "hangs up at once": lambda visit: None,
    "says nothing": silent_greeting,
    "greeting is garbage": lambda visit: visit.say(b"\x00\xff\xfe no smtp at all\r\n"),
    "greeting is a web server's": lambda visit: visit.say(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "greeting without end": rambles(b"220-" + b"x" * 900 + b"\r\n"),
    "greeting is one endless line": rambles(b"2" * 65_536),
    "code 000": lambda visit: visit.say(b"000 zero\r\n"),
    "code 999": lambda visit: visit.say(b"999 too much\r\n"),
    "greets twice": speaks_twice,
    "hangs up at EHLO": greeted({}),
    "EHLO without end": endless(GREETING, {}),
    "EHLO refused for now": greeted({b"EHLO": b"451 not now\r\n", **BYE}),
    "hangs up at MAIL": greeted({b"EHLO": EHLO}),
    "MAIL with 354": greeted({**BYE, b"EHLO": EHLO, b"MAIL": b"354 go ahead\r\n", b"RSET": b"250 ok\r\n"}),
    "hangs up at RCPT": greeted(UP_TO_RCPT),
    "RCPT without end": endless(GREETING, UP_TO_RCPT),
    "RCPT with 221": greeted({**UP_TO_RCPT, b"RCPT": b"221 bye\r\n"}),
    "hangs up at DATA": greeted(UP_TO_DATA),
    "DATA with 250": greeted({**UP_TO_DATA, b"DATA": b"250 delivered, honestly\r\n"}),
    "DATA with garbage": greeted({**UP_TO_DATA, b"DATA": b"\xff\xff\xff\r\n"}),
    "421 at DATA": greeted({**UP_TO_DATA, b"DATA": b"421 going down\r\n"}),
}


def test_no_hostile_server_loses_mail_or_delays_others(fork_postroom: Callable[..., Postroom], sink: Sink) -> None:
    """All of them at once, one account each; every message is still here afterwards and none was called sent."""
    postroom = fork_postroom(poll_seconds=0.1, smtp_timeout_scale=0.01).start()
    with ExitStack() as stack:
        strangers = {name: stack.enter_context(Stranger(script)) for name, script in HOSTILE.items()}
        for name, stranger in strangers.items():
            postroom.deliver_to(stranger.port, name=name)
        postroom.deliver_to(sink.port, name="honest")
        hostile = {name: postroom.api.send("ok@sink.test", account=name) for name in HOSTILE}
        honest = [postroom.api.send(f"ok+{n}@sink.test", account="honest") for n in range(20)]
        for message in honest:
            postroom.api.wait_for_state(message, "sent")
        for name, message in hostile.items():
            postroom.api.wait_for_state(message, "deferred", "held", seconds=40)
            found = postroom.api.get(f"/v1/messages/{message}").expect(200)["recipients"][0]
            assert found["reply"], name
            assert found["diagnosis"], name
        for name in HOSTILE:
            visits = len(strangers[name].visits)
            assert 1 <= visits <= 3, f"{name}: {visits} visits"
    assert len(sink.taken()) == 20


def injects(visit: Visit) -> None:
    """What follows the answer in the same packet would be believed after the handshake (RFC 3207, 6)."""
    visit.say(GREETING)
    visit.answer({b"EHLO": WITH_TLS, b"STARTTLS": b"220 go\r\n250-evil.test\r\n250 AUTH PLAIN\r\n", **BYE})
    visit.wait_for_the_end()


STRIPPING: dict[str, Callable[[Visit], None]] = {
    "does not offer it": greeted({b"EHLO": EHLO, **BYE}),
    "refuses it for now": greeted({b"EHLO": WITH_TLS, b"STARTTLS": b"454 TLS not available\r\n", **BYE}),
    "refuses it": greeted({b"EHLO": WITH_TLS, b"STARTTLS": b"502 not here\r\n", **BYE}),
    "agrees and goes on in clear": greeted({b"EHLO": WITH_TLS, b"STARTTLS": b"220 go\r\n", b"\x16\x03\x01": EHLO}),
    "injects before it": injects,
    "hangs up in it": greeted({b"EHLO": WITH_TLS, b"STARTTLS": b"220 go\r\n"}),
}


def test_where_encryption_is_demanded_nothing_is_said_without_it(
    fork_postroom: Callable[..., Postroom], sink: Sink
) -> None:
    """Neither the login nor a sender or recipient, let alone the mail."""
    postroom = fork_postroom(poll_seconds=0.1, smtp_timeout_scale=0.01).start()
    with ExitStack() as stack:
        strangers = {name: stack.enter_context(Stranger(script)) for name, script in STRIPPING.items()}
        login = {"encryption": "starttls", "login": "password", "user": "anna", "secret": SECRET}
        for name, stranger in strangers.items():
            postroom.deliver_to(stranger.port, name=name, **login)
        messages = {name: postroom.api.send("ok@sink.test", account=name) for name in STRIPPING}
        for name, message in messages.items():
            postroom.api.wait_for_state(message, "deferred", "held", seconds=40)
            heard = strangers[name].heard.upper()
            assert b"EHLO" in heard, name
            assert not [word for word in (b"AUTH", b"MAIL", b"RCPT", SECRET.upper().encode()) if word in heard], name


@pytest.mark.parametrize("login", ["password", "plain", "login"])
def test_a_password_is_not_said_in_clear_unless_the_operator_allows_it(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink], login: str
) -> None:
    sink = make_sink()
    postroom = fork_postroom(poll_seconds=0.1).start()
    values = {"login": login, "user": "anna", "secret": SECRET}
    ref = postroom.deliver_to(sink.port, **values)
    message = postroom.api.send("ok@sink.test")
    wait_until(lambda: "held" in postroom.api.states(message).values(), 20, lambda: str(postroom.api.states(message)))
    assert sink.auth_bytes().strip() == b""
    postroom.api.call("PATCH", f"/v1/accounts/{ref}", {"allow_clear_login": True, "secret": SECRET}).expect(200)
    postroom.api.post(f"/v1/accounts/{ref}/resume").expect(200)
    postroom.api.wait_for_state(message, "sent")
    assert SECRET.encode() in sink.auth_bytes()
