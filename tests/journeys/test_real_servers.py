"""The real mail servers of the rigs: each comes up, says what it offers, checks logins, and passes a mail on."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rigs.certificates import Certificates
from tests.rigs.dovecot import Dovecot
from tests.rigs.exim import Exim
from tests.rigs.postfix import Postfix
from tests.rigs.process import RigFailed, wait_until
from tests.rigs.sink import Sink
from tests.rigs.smtp_sink import SmtpSink, smtp_source

MAIL = b"Message-ID: <1@test>\r\nSubject: rig\r\n\r\nbody\r\n"
MECHANISMS = pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])


@contextmanager
def client(port: int, certificates: Certificates | None = None) -> Iterator[smtplib.SMTP]:
    session = smtplib.SMTP("127.0.0.1", port, timeout=20)
    try:
        if certificates is not None:
            session.starttls(context=certificates.client_context())
        session.ehlo()
        yield session
    finally:
        session.close()


def offers(session: smtplib.SMTP) -> set[str]:
    return {name.upper() for name in session.esmtp_features}


def log_in(session: smtplib.SMTP, mechanism: str, password: str) -> None:
    session.user, session.password = "anna", password
    session.auth(mechanism, getattr(session, f"auth_{mechanism.lower().replace('-', '_')}"))


def submit(port: int, certificates: Certificates, mechanism: str, refusal: int) -> None:
    """Is refused without a login, and with a wrong password; then logs in and sends."""
    with client(port, certificates) as session:
        with pytest.raises((smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused), match=str(refusal)):
            session.sendmail("a@test", ["ok@test"], MAIL)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            log_in(session, mechanism, "wrong")
    with client(port, certificates) as session:
        log_in(session, mechanism, "secret")
        session.sendmail("a@test", ["ok@test", "fail@test"], MAIL)


def test_postfix_relays_to_the_sink(sink: Sink, make_postfix: Callable[..., Postfix]) -> None:
    with client(make_postfix(sink.port).port) as session:
        assert {"PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "DSN"} <= offers(session)
        session.sendmail("a@test", ["ok@test", "ok+2@test"], MAIL)
    (record,) = sink.wait_for(1)
    assert (record.message_id, sorted(record.recipients)) == ("<1@test>", ["ok+2@test", "ok@test"])


def test_postfix_keeps_what_the_sink_defers(sink: Sink, make_postfix: Callable[..., Postfix]) -> None:
    postfix = make_postfix(sink.port)
    with client(postfix.port) as session:
        session.sendmail("a@test", ["defer-once@test"], MAIL)
    wait_until(lambda: "status=deferred" in postfix.log.read_text(), 20, postfix.log.read_text)
    assert postfix.waiting() == 1
    postfix.flush()
    sink.wait_for(1)


@MECHANISMS
def test_postfix_takes_submissions_after_a_login_under_tls(
    sink: Sink, make_postfix: Callable[..., Postfix], certificates: Certificates, mechanism: str
) -> None:
    postfix = make_postfix(sink.port, certificate=certificates.good, users={"anna": "secret"})
    submit(postfix.port, certificates, mechanism, refusal=554)
    assert sink.wait_for(1)[0].recipients == ("ok@test",)


@MECHANISMS
def test_dovecot_takes_submissions_and_answers_what_the_sink_answered(
    sink: Sink, make_dovecot: Callable[..., Dovecot], certificates: Certificates, mechanism: str
) -> None:
    dovecot = make_dovecot({"anna": "secret"}, relay=sink.port, certificate=certificates.good)
    with client(dovecot.port, certificates) as session:
        assert {"PIPELINING", "CHUNKING", "AUTH"} <= offers(session)
        assert "SCRAM-SHA-256" in session.esmtp_features["auth"]
    submit(dovecot.port, certificates, mechanism, refusal=530)
    (record,) = sink.taken()
    assert record.refused == {"fail@test": "550 5.1.1 no such mailbox"}


@MECHANISMS
def test_exim_takes_submissions_after_a_login_under_tls(
    sink: Sink, make_exim: Callable[..., Exim], certificates: Certificates, mechanism: str
) -> None:
    exim = make_exim(sink.port, certificate=certificates.good, users={"anna": "secret"})
    with client(exim.port) as session:
        assert {"PIPELINING", "CHUNKING", "SMTPUTF8", "STARTTLS"} <= offers(session)
        assert "AUTH" not in offers(session)
    submit(exim.port, certificates, mechanism, refusal=550)
    sink.wait_for(1)


def test_exim_relays_without_a_login(sink: Sink, make_exim: Callable[..., Exim]) -> None:
    with client(make_exim(sink.port).port) as session:
        session.sendmail("a@test", ["ok@test"], MAIL)
    assert sink.wait_for(1)[0].message_id == "<1@test>"


def test_smtp_source_fills_smtp_sink(make_smtp_sink: Callable[..., SmtpSink]) -> None:
    assert smtp_source(make_smtp_sink().port, 200).messages == 200


def test_smtp_sink_drops_after_the_dot_when_told(make_smtp_sink: Callable[..., SmtpSink]) -> None:
    with (
        client(make_smtp_sink("-q", ".").port) as session,
        pytest.raises(smtplib.SMTPServerDisconnected),
    ):
        session.sendmail("a@test", ["ok@test"], MAIL)


def test_a_server_that_does_not_start_shows_its_log(
    tmp_path: Path, sink: Sink, make_dovecot: Callable[..., Dovecot]
) -> None:
    with pytest.raises(RigFailed, match=r"(?s)before it was ready.*no-such\.pem"):
        make_dovecot({"anna": "secret"}, relay=sink.port, certificate=tmp_path / "no-such.pem")
