"""Logging in with an access token: what is said, and what a server's reasons look like to people and to rules."""

from __future__ import annotations

import base64

import pytest

from postroom.model.account import Encryption
from postroom.model.attempt import Failure
from postroom.secrets import Secret
from postroom.smtp.client import Failed, SessionSettings, open_session
from postroom.smtp.fault import Refusal
from postroom.smtp.reply import Reply
from postroom.smtp.sasl import MECHANISM_NAMES, Credentials, Mechanism, choose
from postroom.smtp.sasl_oauth import OAUTH_MECHANISM_NAMES, OAUTH_MECHANISMS, told_by
from postroom.smtp.steps import Send


def test_a_password_is_never_sent_as_a_token_nor_a_token_as_a_password() -> None:
    assert not set(OAUTH_MECHANISM_NAMES) & set(MECHANISM_NAMES)
    refused = choose(["PLAIN", "LOGIN"], OAUTH_MECHANISM_NAMES, encrypted=True, known=OAUTH_MECHANISMS)
    assert not isinstance(refused, Mechanism)
    refused = choose(OAUTH_MECHANISM_NAMES, MECHANISM_NAMES, encrypted=True, known=OAUTH_MECHANISMS)
    assert not isinstance(refused, Mechanism)


def test_xoauth2_is_taken_where_both_are_offered() -> None:
    chosen = choose(["OAUTHBEARER", "XOAUTH2"], OAUTH_MECHANISM_NAMES, encrypted=True, known=OAUTH_MECHANISMS)
    assert isinstance(chosen, Mechanism)
    assert chosen.name == "XOAUTH2"


@pytest.mark.parametrize("mechanism", OAUTH_MECHANISMS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("user", "token"), [("ann\x01auth=Bearer other", "t"), ("ann", "t\x01"), ("ann", "tökén"), ("ann", "to ken")]
)
def test_no_name_or_token_can_write_fields_of_its_own(mechanism: Mechanism, user: str, token: str) -> None:
    exchange = mechanism.start(Credentials(user, Secret(token)), "")
    with pytest.raises(StopIteration) as stop:
        next(exchange)
    assert isinstance(stop.value.value, Refusal)
    assert stop.value.value.id is Failure.SECRET
    assert token not in stop.value.value.text.split()


@pytest.mark.parametrize(
    ("challenge", "told"),
    [
        (b'{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}',
         "status=401 schemes=bearer mac scope=https://mail.google.com/"),
        (b'{"status":"invalid_token"}', "status=invalid_token"),
        (b'{"status":{"a":1},"scope":"x"}', "scope=x"),
        (b'["no object"]', "['no object']"),
        (b"not json\x1b[31m", "not json\\x1b[31m"),
        (b'{"status":"a\\nb\\u202ec"}', "status=a b\\u202ec"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
        (b"[" * 50_000, "[" * 500),
    ],
)  # fmt: skip
def test_reasons_are_one_printable_bounded_line(challenge: bytes, told: str) -> None:
    assert told_by(challenge) == told
    assert len(told_by(b'{"status":"' + b"x" * 100_000 + b'"}')) <= 500


def test_the_reasons_stand_with_the_refusal_without_the_token() -> None:
    """A server that repeats the token in its reasons does not get it shown."""
    settings = SessionSettings(
        "app.example.org",
        Encryption.TLS,
        Credentials("ann@example.com", Secret("token-of-ann")),
        OAUTH_MECHANISM_NAMES,
    )
    flow = open_session(settings)
    told = base64.b64encode(b'{"status":"400","hint":"token-of-ann expired"}').decode()
    answers = [
        Reply(220, None, "mx"),
        Reply(250, None, "mx\nAUTH XOAUTH2"),
        Reply(334, None, told),
        Reply(535, "5.7.3", "Authentication unsuccessful"),
        Reply(221, None, "bye"),
    ]
    assert isinstance(next(flow), Send)
    for answer in answers[:-1]:
        assert isinstance(flow.send([answer]), Send)
    with pytest.raises(StopIteration) as stop:
        flow.send([answers[-1]])
    failed = stop.value.value
    assert isinstance(failed, Failed)
    assert isinstance(failed.cause, Reply)
    assert failed.cause.text == "Authentication unsuccessful\nstatus=400 hint=**** expired"
    assert "status=400 hint=**** expired" in failed.transcript.text()
    assert "token-of-ann" not in failed.transcript.text()
