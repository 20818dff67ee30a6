"""Mail that comes in by SMTP and goes out by SMTP, through real programs on both sides, killed and restarted."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.disk import fill
from tests.rigs.fixtures import require
from tests.rigs.handover import SmtpHandover, trusting
from tests.rigs.ledger import LedgerClient
from tests.rigs.oracle import account_of, judge
from tests.rigs.ports import free_port
from tests.rigs.postfix import Postfix
from tests.rigs.postroom import Postroom
from tests.rigs.process import RigFailed, wait_until
from tests.rigs.sink import Sink
from tests.rigs.smtp_sink import SmtpSink, smtp_source
from tests.rigs.trace import calls, strace

FAST = {"lease_seconds": 2, "heartbeat_seconds": 0.5, "poll_seconds": 0.2}
SENDER = "postroom@sender.test"
TEXT = f"From: {SENDER}\r\nTo: ok@sink.test\r\nSubject: x\r\n\r\nx\r\n"


class Doors:
    """A Postroom with SMTP ports of its own, and an application that may use them."""

    def __init__(self, make_postroom: Callable[..., Postroom], **options: Any) -> None:
        self.port, self.tls_port = free_port(), free_port()
        ports = {"listen_smtp": f"127.0.0.1:{self.port}", "listen_smtps": f"127.0.0.1:{self.tls_port}"}
        self.postroom = make_postroom(**{**ports, **options})
        self.key = ""

    def start(self, **options: Any) -> Postroom:
        postroom = self.postroom.start(**options)
        if not self.key:
            postroom.api.post("/v1/applications", {"name": "webshop"}).expect(201)
            made = postroom.api.post("/v1/applications/webshop/keys", {"scopes": ["messages:send"]}).expect(201)
            self.key = made["key"]
        return postroom

    def connect(self) -> SmtpHandover:
        return SmtpHandover(self.port, "webshop", self.key)


@pytest.fixture
def doors(make_postroom: Callable[..., Postroom]) -> Doors:
    return Doors(make_postroom, **FAST)


def test_it_says_where_it_takes_mail_and_with_which_certificate(doors: Doors) -> None:
    postroom = doors.start()
    log = postroom.log_text()
    assert f"smtp://127.0.0.1:{doors.port} (STARTTLS), smtps://127.0.0.1:{doors.tls_port}" in log
    assert f"self-signed, made just now: {postroom.data / 'smtp-certificate.pem'}" in log
    postroom.stop()
    postroom.start()
    assert postroom.log_text().count("self-signed, made just now") == 1


def test_a_taken_address_is_done_without_by_default_and_refused_when_it_was_asked_for(
    make_postroom: Callable[..., Postroom], doors: Doors
) -> None:
    doors.start()
    asked = make_postroom(listen_smtp=f"127.0.0.1:{doors.port}")
    with pytest.raises(RigFailed, match=f"listen_smtp: 127.0.0.1:{doors.port} can't be listened on"):
        asked.start()
    made = make_postroom(listen_smtp="off", listen_smtps="off").start()
    assert "Takes mail at" not in made.log_text()


def test_mail_goes_through_with_its_delivery_reports(doors: Doors, sink: Sink) -> None:
    doors.start().deliver_to(sink.port)
    with smtplib.SMTP_SSL("127.0.0.1", doors.tls_port, timeout=30, context=trusting()) as client:
        client.login("webshop", doors.key)
        client.mail(SENDER, ["RET=HDRS", "ENVID=QQ+2B1"])
        client.rcpt("ok@sink.test", ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;bob@sink.test"])
        assert client.data(TEXT)[0] == 250
    (record,) = sink.wait_for(1)
    assert "RET=HDRS ENVID=QQ+2B1" in record.parameters[""]
    assert record.parameters["ok@sink.test"] == "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@sink.test"


def test_sent_instantly_the_answer_to_the_dot_is_the_outcome(doors: Doors, sink: Sink) -> None:
    postroom = doors.start()
    postroom.deliver_to(sink.port)
    postroom.api.call("PATCH", "/v1/settings", {"sending": "instantly"}).expect(200)
    with smtplib.SMTP("127.0.0.1", doors.port, timeout=60) as client:
        client.starttls(context=trusting())
        client.login("webshop", doors.key)

        def told(*to: str) -> tuple[int, str]:
            client.mail(SENDER)
            for one in to:
                client.rcpt(one)
            code, words = client.data(TEXT)
            return code, words.decode()

        assert told("ok@sink.test")[1].startswith("2.0.0 Ok: sent as m_")
        code, words = told("fail@sink.test")
        assert (code, words[:5]) == (554, "5.1.1")
        assert "fail@sink.test: failed, 550 5.1.1 no such mailbox" in words
        code, words = told("defer@sink.test", "ok+2@sink.test")
        assert code == 250
        assert "defer@sink.test: deferred" in words
        assert "ok+2@sink.test: sent" in words


def test_postfix_hands_over_by_a_login_under_tls(
    doors: Doors, sink: Sink, make_postfix: Callable[..., Postfix], tmp_path: Path
) -> None:
    """Postfix as the client of a provider, as it is everywhere: SASL, TLS with a certificate it checks."""
    doors.start().deliver_to(sink.port, rewrite_from=False)
    passwords = tmp_path / "passwords"
    passwords.write_text(f"[localhost]:{doors.port} webshop:{doors.key}\n")
    certificate = doors.postroom.data / "smtp-certificate.pem"
    ca = tmp_path / "ca.pem"
    ca.write_text(certificate.read_text()[certificate.read_text().index("-----BEGIN CERTIFICATE") :])
    postfix = make_postfix(
        doors.port,
        settings={
            "relayhost": f"[localhost]:{doors.port}",
            "smtp_sasl_auth_enable": "yes",
            "smtp_sasl_password_maps": f"texthash:{passwords}",
            "smtp_sasl_security_options": "noanonymous",
            "smtp_tls_security_level": "secure",
            "smtp_tls_secure_cert_match": "localhost",
            "smtp_tls_CAfile": ca,
        },
    )
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as client:
        for number in range(20):
            client.sendmail(SENDER, [f"ok+{number}@sink.test", f"ok+b{number}@sink.test"], TEXT)
    wait_until(
        lambda: sum(len(record.recipients) for record in sink.taken()) == 40,
        60,
        lambda: f"40 recipients at the sink; Postfix says:\n{postfix.log.read_text()[-3000:]}",
    )
    assert postfix.waiting() == 0


def test_postfix_gives_back_what_may_not_be_sent(
    doors: Doors, sink: Sink, make_postfix: Callable[..., Postfix], tmp_path: Path
) -> None:
    doors.start().deliver_to(sink.port)
    passwords = tmp_path / "passwords"
    passwords.write_text(f"[127.0.0.1]:{doors.port} webshop:{doors.key}\n")
    postfix = make_postfix(
        doors.port,
        settings={
            "smtp_sasl_auth_enable": "yes",
            "smtp_sasl_password_maps": f"texthash:{passwords}",
            "smtp_sasl_security_options": "noanonymous",
            "smtp_tls_security_level": "encrypt",
        },
    )
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as client:
        client.sendmail("stranger@elsewhere.test", ["ok@sink.test"], TEXT.replace(SENDER, "stranger@elsewhere.test"))
    wait_until(lambda: "status=bounced" in postfix.log.read_text(), 30, postfix.log.read_text)
    assert "said: 550 5.7.60" in postfix.log.read_text()
    assert sink.taken() == []


def test_smtp_source_fills_it_with_twenty_sessions(
    make_postroom: Callable[..., Postroom], make_smtp_sink: Callable[..., SmtpSink]
) -> None:
    require("smtp-sink")
    swallower = make_smtp_sink()
    doors = Doors(make_postroom, smtp_trusted="127.0.0.1=webshop")
    postroom = doors.start()
    postroom.deliver_to(swallower.port)
    smtp_source(doors.port, 1_000, sessions=20, sender=SENDER, recipient="ok@sink.test")

    def left() -> int:
        queue = postroom.api.get("/v1/queue").expect(200)["queue"]
        return sum(line["waiting"] + line["sending"] for line in queue)

    wait_until(lambda: not left(), 60, lambda: f"an empty queue; {left()} are left")
    found = postroom.api.get("/v1/messages?state=sent&limit=200").expect(200)
    assert len(found["messages"]) == 200
    assert found["next"]


def test_a_kill_under_load_loses_and_repeats_nothing(
    make_postroom: Callable[..., Postroom], sink: Sink, tmp_path: Path, database_url: str
) -> None:
    """P1 through SMTP: every 250 is kept, whoever is killed meanwhile."""
    doors = Doors(make_postroom, database=database_url, **FAST)
    postroom = doors.start()
    postroom.deliver_to(sink.port)
    with LedgerClient(tmp_path, doors.connect) as client:
        client.start(300)
        for reached in (60, 140, 220):
            wait_until(
                lambda: len(client.acknowledged) >= reached,  # noqa: B023  (waited for at once)
                60,
                lambda: f"{len(client.acknowledged)} acknowledged",
            )
            postroom.kill9()
            postroom.start()
        acknowledged = client.finish()
        assert len(acknowledged) == 300
        postroom.settle([promise.message for promise in acknowledged])
        accounts = {promise.message: account_of(postroom.api, promise.message) for promise in acknowledged}
        judge(acknowledged, client.intended, accounts, sink.taken()).assert_nothing_wrong()


def test_the_disk_is_synced_between_each_dot_and_its_250(
    make_postroom: Callable[..., Postroom], tmp_path: Path
) -> None:
    """P1 as the kernel was asked, not as we say."""
    require("strace")
    doors = Doors(make_postroom, smtp_trusted="127.0.0.1=webshop")
    doors.start().stop()
    output = tmp_path / "trace"
    doors.start(before=strace(output))
    with smtplib.SMTP("127.0.0.1", doors.port, timeout=30) as client:
        for _ in range(10):
            client.sendmail(SENDER, ["ok@sink.test"], TEXT)
    process = doors.postroom.process.pid
    doors.postroom.stop()
    traced = calls(output, ended=process)
    dots = [call for call in traced if call.name in ("read", "recvfrom", "recvmsg") and f"From: {SENDER}" in call.text]
    answers = [
        call
        for call in traced
        if call.name in ("write", "writev", "sendto", "sendmsg") and "250 2.0.0 Ok: " in call.text
    ]
    assert len(dots) == len(answers) == 10
    for dot, answer in zip(dots, answers, strict=True):
        between = [call for call in traced if dot.ended < call.ended < answer.began]
        written = [call for call in between if call.syncs or call.name in ("pwrite64", "pwritev")]
        assert written, "nothing was written"
        assert written[-1].syncs, f"answered after {written[-1]}, which was not synced"


def test_a_full_disk_is_told_as_such_and_takes_mail_again_once_there_is_room(
    make_postroom: Callable[..., Postroom], make_small_disk: Callable[[int], Path]
) -> None:
    disk = make_small_disk(24)
    doors = Doors(make_postroom, database=f"sqlite:///{disk / 'postroom.db'}", smtp_trusted="127.0.0.1=webshop", **FAST)
    doors.start()

    def told() -> tuple[int, str]:
        with smtplib.SMTP("127.0.0.1", doors.port, timeout=30) as client:
            client.ehlo()
            client.mail(SENDER)
            client.rcpt("ok@sink.test")
            code, words = client.data(TEXT + "x" * 60 + "\r\n" + ("y" * 70 + "\r\n") * 30)
            return code, words.decode()

    assert told()[0] == 250
    ballast = fill(disk)
    wait_until(lambda: told()[0] == 452, 20, lambda: "a full disk took mail")
    assert told()[1].startswith("4.3.1 The disk")
    ballast.unlink()
    wait_until(lambda: told()[0] == 250, 20, lambda: "it did not recover")


@pytest.mark.parametrize("point", ["accept.before-commit", "accept.after-commit", "accept.before-answer"])
def test_killed_at_each_step_of_taking_a_message_it_is_taken_once(doors: Doors, tmp_path: Path, point: str) -> None:
    postroom = doors.start()
    postroom.stop()
    doors.start(failpoint=point)
    with LedgerClient(tmp_path, doors.connect) as client:
        client.start(1, threads=1)
        postroom.wait_killed()
        postroom.start()
        (promise,) = client.finish()
    assert promise.tries > 1
    assert postroom.api.states(promise.message) == {"ok+r-1-0@sink.test": "silenced"}
    assert len(postroom.api.get("/v1/messages").expect(200)["messages"]) == 1


def test_stopping_answers_what_is_under_way_and_keeps_what_was_taken(doors: Doors, tmp_path: Path) -> None:
    postroom = doors.start()
    with LedgerClient(tmp_path, doors.connect) as client:
        client.start(200)
        wait_until(lambda: len(client.acknowledged) >= 50, 30, lambda: f"{len(client.acknowledged)} acknowledged")
        postroom.stop()
        postroom.start()
        acknowledged = client.finish()
    assert len({promise.message for promise in acknowledged}) == 200
    assert "Traceback" not in postroom.log_text()
