"""The rigs themselves: a counterpart that does not do what it says proves nothing."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url

from postroom.store.schema import HEAD, revision
from postroom.store.tables import metadata
from tests.rigs.certificates import Certificates
from tests.rigs.disk import fill
from tests.rigs.postgres import Postgres
from tests.rigs.process import RigFailed
from tests.rigs.proxy import Faults, Proxy
from tests.rigs.sink import Sink

MAIL = b"Message-ID: <1@test>\r\nSubject: rig\r\n\r\nbody\r\n..dots\r\n"


@contextmanager
def client(port: int) -> Iterator[smtplib.SMTP]:
    session = smtplib.SMTP("127.0.0.1", port, timeout=20)
    try:
        yield session
    finally:
        session.close()


def reply_to(port: int, recipient: str, sender: str = "a@test") -> tuple[int, str]:
    """The last answer in a conversation that sends MAIL to one recipient, `(0, error)` when the line broke."""
    with client(port) as session:
        try:
            session.ehlo()
            code, _ = session.mail(sender)
            if code == 250:
                code, _ = session.rcpt(recipient)
            if code != 250:
                return code, "envelope"
            return session.data(MAIL)[0], "dot"
        except (smtplib.SMTPException, OSError) as error:
            return 0, type(error).__name__


# ---- the recording sink ----------------------------------------------------------------------------------------------


def test_the_sink_has_written_a_mail_down_when_its_sender_hears_250(make_sink: Callable[..., Sink]) -> None:
    sink = make_sink(keep=True)
    with client(sink.port) as session:
        refused = session.sendmail("a@test", ["ok+1@test", "fail@test"], MAIL)
        (record,) = sink.taken()
    assert refused == {"fail@test": (550, b"5.1.1 no such mailbox")}
    assert (record.message_id, record.recipients) == ("<1@test>", ("ok+1@test",))
    assert sink.source(record) == MAIL
    assert list(sink.deliveries()) == [("<1@test>", "ok+1@test")]


@pytest.mark.parametrize(
    ("recipient", "first", "second", "recorded"),
    [
        ("ok@test", (250, "dot"), (250, "dot"), 2),
        ("defer@test", (451, "envelope"), (451, "envelope"), 0),
        ("defer-once@test", (451, "envelope"), (250, "dot"), 1),
        ("greylist@test", (450, "envelope"), (250, "dot"), 1),
        ("fail@test", (550, "envelope"), (550, "envelope"), 0),
        ("close-421@test", (421, "envelope"), (421, "envelope"), 0),
        ("dot-fail@test", (554, "dot"), (554, "dot"), 0),
        ("dot-defer-once@test", (451, "dot"), (250, "dot"), 1),
        ("drop-before-dot@test", (0, "SMTPServerDisconnected"), (0, "SMTPServerDisconnected"), 0),
        ("drop-after-dot@test", (0, "SMTPServerDisconnected"), (0, "SMTPServerDisconnected"), 2),
        ("drop-after-dot-once@test", (0, "SMTPServerDisconnected"), (250, "dot"), 2),
        ("rst-after-250@test", (250, "dot"), (250, "dot"), 2),
        ("slow@test", (250, "dot"), (250, "dot"), 2),
    ],
)
def test_a_recipient_chooses_what_the_sink_does(
    sink: Sink, recipient: str, first: tuple[int, str], second: tuple[int, str], recorded: int
) -> None:
    assert reply_to(sink.port, recipient) == first
    assert reply_to(sink.port, recipient) == second
    assert len(sink.taken()) == recorded


def test_a_stalled_mail_is_recorded_and_never_answered(sink: Sink) -> None:
    with client(sink.port) as session:
        session.ehlo()
        session.mail("a@test")
        session.rcpt("stall@test")
        assert session.sock is not None
        session.putcmd("DATA")
        session.getreply()
        session.send(MAIL + b".\r\n")
        sink.wait_for(1)
        session.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            session.sock.recv(1)


def test_mixed_answers_by_place(sink: Sink) -> None:
    with client(sink.port) as session:
        session.ehlo()
        session.mail("a@test")
        assert [session.rcpt("mixed@test")[0] for _ in range(4)] == [250, 550, 451, 250]


@pytest.mark.parametrize("recipient", ["garbage@test", "endless@test"])
def test_garbage_and_endless_replies_are_what_no_client_expects(sink: Sink, recipient: str) -> None:
    with socket.create_connection(("127.0.0.1", sink.port)) as line:
        line.sendall(b"EHLO x\r\nMAIL FROM:<a@test>\r\nRCPT TO:<%s>\r\n" % recipient.encode())
        seen = b""
        while b"250 2.1.0" not in seen or len(seen.partition(b"250 2.1.0 ok\r\n")[2]) < 16:
            seen += line.recv(4096)
        after = seen.partition(b"250 2.1.0 ok\r\n")[2]
    assert after.startswith(b"\xff\xfe\x00" if recipient.startswith("garbage") else b"250-and")


@pytest.mark.parametrize(
    ("sender", "code"), [("notallowed", 550), ("busy", 432), ("quota", 550), ("notallowed-dot", 554)]
)
def test_a_sender_can_be_refused(sink: Sink, sender: str, code: int) -> None:
    assert reply_to(sink.port, "ok@test", f"{sender}@test")[0] == code
    assert sink.taken() == []


def test_every_byte_given_after_auth_is_recorded(make_sink: Callable[..., Sink], certificates: Certificates) -> None:
    sink = make_sink(tls="starttls", certificate=certificates.good, require_auth=True)
    with client(sink.port) as session:
        session.starttls(context=certificates.client_context())
        with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
            session.sendmail("a@test", ["ok@test"], MAIL)
        with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            session.login("anna", "wrong")
        session.login("anna", "canary-secret")
        session.sendmail("a@test", ["ok@test"], MAIL)
    assert b"canary-secret" in sink.auth_bytes()
    (record,) = sink.taken()
    assert (record.user, record.tls) == ("anna", True)


def test_no_login_leaves_no_auth_bytes(sink: Sink) -> None:
    reply_to(sink.port, "ok@test")
    assert sink.auth_bytes() == b""


def test_tls_from_the_start(make_sink: Callable[..., Sink], certificates: Certificates) -> None:
    sink = make_sink(tls="implicit", certificate=certificates.good)
    with smtplib.SMTP_SSL("127.0.0.1", sink.port, context=certificates.client_context()) as session:
        session.sendmail("a@test", ["ok@test"], MAIL)
    assert sink.wait_for(1)[0].tls


@pytest.mark.parametrize("bad", ["wrong_host", "expired", "not_yet_valid", "stranger", "self_signed"])
def test_the_bad_certificates_are_bad(make_sink: Callable[..., Sink], certificates: Certificates, bad: str) -> None:
    sink = make_sink(tls="implicit", certificate=getattr(certificates, bad))
    with pytest.raises(ssl.SSLCertVerificationError):
        smtplib.SMTP_SSL("localhost", sink.port, context=certificates.client_context())


def test_extensions_can_be_withheld(make_sink: Callable[..., Sink]) -> None:
    sink = make_sink(without=("CHUNKING", "PIPELINING"))
    with client(sink.port) as session:
        session.ehlo()
        assert session.has_extn("SMTPUTF8")
        assert not session.has_extn("CHUNKING")
        assert not session.has_extn("PIPELINING")


def test_bdat_in_one_write_with_the_envelope_is_taken(sink: Sink) -> None:
    with socket.create_connection(("127.0.0.1", sink.port)) as line:
        line.sendall(b"EHLO x\r\nMAIL FROM:<a@test>\r\nRCPT TO:<ok@test>\r\nBDAT 10\r\n" + MAIL[:10])
        line.sendall(b"BDAT %d LAST\r\n" % len(MAIL[10:]) + MAIL[10:])
        sink.wait_for(1)
    assert sink.taken()[0].size == len(MAIL)


def test_a_prescribed_answer_holds_until_it_is_taken_back(sink: Sink) -> None:
    sink.answer(rcpt="452 4.2.2 full")
    assert reply_to(sink.port, "ok@test") == (452, "envelope")
    sink.answer()
    assert reply_to(sink.port, "ok@test") == (250, "dot")


def test_the_ledger_goes_on_after_a_restart_on_the_same_port(sink: Sink) -> None:
    port = sink.port
    reply_to(port, "ok@test")
    sink.stop()
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", port)
    sink.run()
    reply_to(port, "ok@test")
    assert [record.sequence for record in sink.taken()] == [1, 2]


def test_a_cut_transaction_is_written_down_too(sink: Sink) -> None:
    with client(sink.port) as session:
        session.ehlo()
        session.mail("a@test")
        session.rcpt("ok@test")
    reply_to(sink.port, "ok@test")
    sink.wait_for(1)
    (cut,) = sink.entries("cut")
    assert (cut["phase"], cut["recipients"]) == ("rcpt", ["ok@test"])


def test_waiting_in_vain_says_what_the_sink_has(sink: Sink) -> None:
    reply_to(sink.port, "ok@test")
    with pytest.raises(RigFailed, match=r"2 messages at the sink; it has 1 messages(.|\n)*<1@test>"):
        sink.wait_for(2, seconds=0.1)


# ---- the proxy -------------------------------------------------------------------------------------------------------


def test_a_delay_is_that_of_a_long_line_not_of_a_slow_one(
    sink: Sink, make_proxy: Callable[[int, Faults], Proxy]
) -> None:
    proxy = make_proxy(sink.port, Faults(delay=0.1))
    with socket.create_connection(("127.0.0.1", proxy.port)) as line, line.makefile("rb") as replies:
        replies.readline()
        began = time.monotonic()
        for _ in range(50):
            line.sendall(b"NOOP\r\n")
            time.sleep(0.001)
        for _ in range(50):
            assert replies.readline() == b"250 2.0.0 ok\r\n"
        took = time.monotonic() - began
    assert 0.2 <= took < 2.5, "fifty pipelined commands share a round trip; one after another they take 10 s"


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_lets_exactly_so_many_bytes_through(
    sink: Sink, make_proxy: Callable[[int, Faults], Proxy], reset: bool
) -> None:
    greeting = b"220 sink.test"
    proxy = make_proxy(sink.port, Faults(cut_down=len(greeting), reset=reset))
    seen = b""
    with socket.create_connection(("127.0.0.1", proxy.port)) as line:
        line.settimeout(10)
        try:
            while part := line.recv(100):
                seen += part
            assert not reset
        except ConnectionResetError:
            assert reset
    assert seen == greeting or reset


def test_silence_passes_nothing_and_tells_nobody(sink: Sink, make_proxy: Callable[[int, Faults], Proxy]) -> None:
    proxy = make_proxy(sink.port, Faults(silent_down=0))
    with socket.create_connection(("127.0.0.1", proxy.port)) as line:
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(1)


def test_open_connections_can_be_cut_from_outside(sink: Sink, make_proxy: Callable[[int, Faults], Proxy]) -> None:
    proxy = make_proxy(sink.port, Faults())
    with socket.create_connection(("127.0.0.1", proxy.port)) as line:
        line.recv(100)
        proxy.cut_all()
        line.settimeout(10)
        with pytest.raises(ConnectionResetError):
            line.recv(1)


# ---- the databases ---------------------------------------------------------------------------------------------------


def test_databases_are_fresh_and_real(database_url: str) -> None:
    """They have this release's tables, with nothing in them but the revision."""
    url = make_url(database_url)
    engine = create_engine(url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url)
    with engine.connect() as connection:
        assert revision(connection) == HEAD
        assert not any(connection.execute(table.select()).first() for table in metadata.sorted_tables)
    engine.dispose()


def test_postgres_survives_a_kill_with_what_was_committed(own_postgres: Postgres) -> None:
    name = own_postgres.create_database()
    with psycopg.connect(own_postgres.tcp_url(name)) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    own_postgres.kill9()
    own_postgres.start()
    with psycopg.connect(own_postgres.url(name)) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


# ---- the disk --------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_full_until_there_is_room_again(make_small_disk: Callable[[int], Path]) -> None:
    folder = make_small_disk(2)
    ballast = fill(folder)
    with pytest.raises(OSError, match="No space left"):
        (folder / "more").write_bytes(bytes(8192))
    ballast.unlink()
    assert (folder / "more").write_bytes(bytes(8192)) == 8192
