"""Opening a session where a dialogue is not the shortest way to say it. Most of it is told in the dialogues."""

from __future__ import annotations

from typing import Any

import pytest

from postroom.model.account import Encryption
from postroom.model.attempt import Failure
from postroom.secrets.secret import Secret
from postroom.smtp.client import (
    Credentials,
    Failed,
    Lost,
    LostKind,
    Opened,
    Phase,
    Refusal,
    Reply,
    Send,
    SessionSettings,
    StartTls,
    Timeouts,
    open_session,
)


def play(settings: SessionSettings, *answers: Any) -> tuple[Opened | Failed, list[Any]]:
    """The result, and the steps that led to it."""
    conversation = open_session(settings)
    steps: list[Any] = []
    answer: Any = None
    coming = iter(answers)
    while True:
        try:
            steps.append(conversation.send(answer))
        except StopIteration as stop:
            return stop.value, steps
        answer = next(coming, [])


def ok(code: int, text: str = "") -> list[Reply]:
    return [Reply(code, None, text)]


def test_nothing_is_written_before_the_greeting() -> None:
    _, steps = play(SessionSettings("app", Encryption.NONE), Lost(LostKind.TIMEOUT))
    assert [(step.data, step.replies, step.timeout) for step in steps] == [(b"", 1, 300.0)]


def test_an_impossible_name_is_refused_before_the_connection_is_used() -> None:
    failed, steps = play(SessionSettings("app\r\nQUIT", Encryption.NONE))
    assert isinstance(failed, Failed)
    assert isinstance(failed.cause, Refusal)
    assert (failed.phase, failed.cause.id, steps) == (Phase.EHLO, Failure.UNWRITABLE, [])


def test_what_was_said_before_tls_is_forgotten() -> None:
    """Extensions offered in clear could be anybody's."""
    opened, steps = play(
        SessionSettings("app", Encryption.STARTTLS),
        ok(220),
        ok(250, "mx\nSTARTTLS\nPIPELINING\nCHUNKING\nSIZE 10\nAUTH PLAIN"),
        ok(220),
        None,
        ok(250, "mx\n8BITMIME"),
    )
    assert isinstance(opened, Opened)
    assert opened.encrypted
    assert opened.capabilities.lines == ("8BITMIME",)
    assert [type(step) for step in steps] == [Send, Send, Send, StartTls, Send]


@pytest.mark.parametrize("encryption", [Encryption.NONE, Encryption.TLS])
def test_a_link_is_as_encrypted_as_it_is(encryption: Encryption) -> None:
    opened, _ = play(SessionSettings("app", encryption), ok(220), ok(250, "mx"))
    assert isinstance(opened, Opened)
    assert opened.encrypted == (encryption is Encryption.TLS)
    assert opened.greeting == Reply(220, None, "")


def test_a_farewell_that_was_waiting_is_the_answer() -> None:
    """The driver finds 421 where it was about to write: it wrote nothing, and the reply counts."""
    farewell = Reply(421, "4.3.2", "shutting down")
    failed, _ = play(
        SessionSettings("app", Encryption.NONE), ok(220), Lost(LostKind.CLOSED, replies=(farewell,), written=0)
    )
    assert isinstance(failed, Failed)
    assert (failed.phase, failed.cause) == (Phase.EHLO, farewell)


def test_a_server_s_nonsense_is_quoted_only_when_it_is_a_mail_server() -> None:
    nonsense = Lost(LostKind.UNINTELLIGIBLE, "no reply: internal-7")
    settings = SessionSettings("app", Encryption.STARTTLS)
    failed, _ = play(settings, ok(220), nonsense)
    assert isinstance(failed, Failed)
    assert "internal-7" not in str(failed.cause) + failed.transcript.text()
    failed, _ = play(settings, ok(220), ok(250, "mx\nSTARTTLS"), nonsense)
    assert isinstance(failed, Failed)
    assert failed.cause == Lost(LostKind.UNINTELLIGIBLE, "no reply: internal-7", Phase.STARTTLS)


def test_a_secret_in_nonsense_is_blanked() -> None:
    settings = SessionSettings("app", Encryption.TLS, Credentials("ann", Secret("pencil-7")))
    failed, _ = play(settings, ok(220), ok(250, "mx\nAUTH PLAIN"), Lost(LostKind.UNINTELLIGIBLE, "no reply: pencil-7"))
    assert isinstance(failed, Failed)
    assert "pencil-7" not in repr(failed) + failed.transcript.text()
    assert "****" in str(failed.cause)


def test_no_secret_in_steps_and_settings() -> None:
    settings = SessionSettings("app", Encryption.TLS, Credentials("ann", Secret("pencil-7")), nonce="nonce-7")
    opened, steps = play(settings, ok(220), ok(250, "mx\nAUTH PLAIN"), ok(235))
    assert isinstance(opened, Opened)
    assert opened.mechanism == "PLAIN"
    shown = repr(settings) + repr(opened) + repr(steps) + opened.transcript.text()
    for secret in ("pencil-7", "nonce-7", "AGFubgBwZW5jaWwtNw=="):
        assert secret not in shown
    assert "C: AUTH PLAIN ****" in opened.transcript.text()


def test_a_login_that_can_not_be_written_says_nothing() -> None:
    settings = SessionSettings("app", Encryption.TLS, Credentials("a\0", Secret("b")))
    failed, steps = play(settings, ok(220), ok(250, "mx\nAUTH PLAIN"))
    assert isinstance(failed, Failed)
    assert isinstance(failed.cause, Refusal)
    assert failed.cause.id is Failure.SECRET
    assert [step.data for step in steps] == [b"", b"EHLO app\r\n", b"QUIT\r\n"]


def test_patience_is_a_parameter() -> None:
    timeouts = Timeouts().scaled(0.01)
    _, steps = play(SessionSettings("app", Encryption.NONE, timeouts=timeouts), ok(220), ok(554), ok(554))
    assert [step.timeout for step in steps] == pytest.approx([3.0, 3.0, 3.0, 0.05])


def test_what_was_kept_back_is_shown_once_a_mail_server_has_shown_itself() -> None:
    """A10: where a stranger named the server, all that was said is told from its answer to EHLO on, and not before."""
    opened, _ = play(
        SessionSettings("app.example.org", Encryption.NONE, discreet=True),
        [Reply(220, None, "mail.example.net at your service")],
        [Reply(250, None, "mail.example.net\nPIPELINING")],
    )
    assert isinstance(opened, Opened)
    told = opened.transcript.text()
    assert (told.count("S: 220 mail.example.net at your service"), told.count("C: EHLO")) == (1, 1)
    assert "not shown" not in told
