"""Postroom delivers through real servers: Postfix (relay, STARTTLS, SASL), Dovecot's submission server (PIPELINING,
CHUNKING, SCRAM) and Exim; each passes the mail on to the recording sink.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.rigs.certificates import Certificates
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

USERS = {"anna": "correct horse"}
LOGIN = {"encryption": "starttls", "login": "password", "user": "anna", "secret": "correct horse"}
Server = Callable[[int], int]


@pytest.fixture
def server(request: pytest.FixtureRequest, certificates: Certificates) -> Server:
    """A function that starts the server named by the test's parameter in front of a sink's port; gives its port."""
    name = request.param
    make = request.getfixturevalue(f"make_{name}")
    if name == "dovecot":
        return lambda relay: int(make(USERS, relay=relay, certificate=certificates.good).port)
    return lambda relay: int(make(relay, certificate=certificates.good, users=USERS).port)


@pytest.fixture
def postroom(
    fork_postroom: Callable[..., Postroom], certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> Postroom:
    """Trusts the tests' own CA as it would trust the system's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    return fork_postroom(poll_seconds=0.1).start()


def conversations(postroom: Postroom, message: str) -> str:
    attempts = postroom.api.get(f"/v1/messages/{message}/timeline").expect(200)["attempts"]
    return "\n".join(attempt["conversation"] for attempt in attempts)


ALL = pytest.mark.parametrize("server", ["postfix", "dovecot", "exim"], indirect=True)
LETTERS: list[dict[str, Any]] = [
    {"text": "plain\n"},
    {"text": "Grüße, 你好\n.\n..two dots\n", "html": "<p>Grüße</p>", "subject": "Übung — 試験"},
    {"text": "x" * 5_000 + "\n" + "line\n" * 2_000},
    {"html": "<p>only</p>", "attachments": [{"filename": "ä.bin", "content": "AAEC/w=="}]},
]


@ALL
def test_mail_leaves_through_it_after_a_login_under_tls(
    postroom: Postroom, sink: Sink, server: Server, request: pytest.FixtureRequest
) -> None:
    postroom.deliver_to(server(sink.port), host="localhost", **LOGIN)
    messages = [
        postroom.api.send(f"ok+{n}-{k}@sink.test", **letter) for k in range(8) for n, letter in enumerate(LETTERS)
    ]
    for message in messages:
        postroom.api.wait_for_state(message, "sent", seconds=60)
    records = sink.wait_for(len(messages), 60)
    assert len({record.message_id for record in records}) == len(messages)
    assert len(records) == len(messages)
    told = conversations(postroom, messages[0])
    assert "TLS is up" in told
    assert "correct horse" not in told + postroom.log_text()
    mechanism = {"postfix": "SCRAM-SHA-256", "dovecot": "SCRAM-SHA-256", "exim": "CRAM-MD5"}
    assert f"AUTH {mechanism[request.node.callspec.params['server']]} ****" in told


@ALL
def test_a_wrong_password_pauses_the_account_and_the_right_one_lets_its_mail_leave(
    postroom: Postroom, sink: Sink, server: Server
) -> None:
    ref = postroom.deliver_to(server(sink.port), host="localhost", **{**LOGIN, "secret": "wrong"})
    message = postroom.api.send("ok@sink.test")
    wait_until(
        lambda: set(postroom.api.states(message).values()) == {"held"}, 30, lambda: conversations(postroom, message)
    )
    found = postroom.api.get(f"/v1/accounts/{ref}").expect(200)
    assert (found["state"], bool(found["paused_reason"])) == ("paused", True)
    postroom.api.call("PATCH", f"/v1/accounts/{ref}", {"secret": "correct horse"}).expect(200)
    postroom.api.post(f"/v1/accounts/{ref}/resume").expect(200)
    postroom.api.wait_for_state(message, "sent")
    sink.wait_for(1)


@ALL
def test_a_server_that_nobody_vouches_for_gets_no_login(
    fork_postroom: Callable[..., Postroom], sink: Sink, server: Server
) -> None:
    """Without the CA the certificate is refused, and the mail waits."""
    postroom = fork_postroom(poll_seconds=0.1).start()
    postroom.deliver_to(server(sink.port), host="localhost", **LOGIN)
    message = postroom.api.send("ok@sink.test")
    postroom.api.wait_for_state(message, "deferred", "held")
    told = conversations(postroom, message)
    assert "AUTH" not in told.partition("STARTTLS\n")[2]
    assert sink.taken() == []


def test_what_dovecots_relay_refuses_is_told_for_each_recipient(
    postroom: Postroom, sink: Sink, make_dovecot: Callable[..., Any], certificates: Certificates
) -> None:
    dovecot = make_dovecot(USERS, relay=sink.port, certificate=certificates.good)
    postroom.deliver_to(dovecot.port, host="localhost", **LOGIN)
    message = postroom.api.send("ok@sink.test", "fail@sink.test", "defer@sink.test")
    states = postroom.api.wait_for_state(message, "sent", "failed", "deferred")
    assert states == {"ok@sink.test": "sent", "fail@sink.test": "failed", "defer@sink.test": "deferred"}


@pytest.mark.parametrize("name", ["postfix", "exim"])
def test_a_relay_without_login_or_tls(
    postroom: Postroom, sink: Sink, request: pytest.FixtureRequest, name: str
) -> None:
    port = request.getfixturevalue(f"make_{name}")(sink.port).port
    postroom.deliver_to(port)
    messages = [postroom.api.send(f"ok+{n}@sink.test", text="x" * n) for n in range(100)]
    for message in messages:
        postroom.api.wait_for_state(message, "sent")
    assert len({record.message_id for record in sink.wait_for(100, 60)}) == 100
    assert len(postroom.api.get(f"/v1/messages/{messages[0]}/timeline").expect(200)["attempts"]) == 1


def test_postfix_one_recipient_too_many_a_transaction(
    postroom: Postroom, sink: Sink, make_postfix: Callable[..., Any]
) -> None:
    postroom.deliver_to(make_postfix(sink.port, settings={"smtpd_recipient_limit": 10}).port)
    wanted = [f"ok+{n}@sink.test" for n in range(25)]
    message = postroom.api.send(*wanted)
    postroom.api.wait_for_state(message, "sent")
    sink.wait_until(lambda records: sum(len(record.recipients) for record in records) >= 25, "25 recipients")
    assert sorted(address for _, address in sink.deliveries()) == sorted(wanted)
