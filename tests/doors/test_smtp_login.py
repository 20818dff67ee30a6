"""Logging in by SMTP: who gets in, who is told what, and what guessing costs."""

from __future__ import annotations

import io
import smtplib
import threading
from pathlib import Path

import pytest

from postroom.listener.slowing import Slowing
from postroom.maillog import MailLog
from postroom.settings import LogFormat
from tests.doors.smtp_rig import FROM, TEXT, Letterbox, open_letterbox, trusting


def test_a_wrong_name_and_a_wrong_key_are_told_alike(letterbox: Letterbox) -> None:
    """A28: no oracle."""
    key = letterbox.webshop.key
    wrong = key[:-4] + ("aaaa" if key[-4:] != "aaaa" else "bbbb")
    told = set()
    for user, password in (
        ("webshop", wrong),
        ("nobody", key),
        ("nobody", "x"),
        ("webshop", f"pr_{'0' * 8}_{'x' * 43}"),
    ):
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            login(letterbox, user, password)
        told.add((refused.value.smtp_code, refused.value.smtp_error))
    assert told == {(535, b"5.7.8 The user name or the key is not right")}


def login(letterbox: Letterbox, user: str, password: str) -> None:
    with smtplib.SMTP("127.0.0.1", letterbox.port, timeout=30) as client:
        client.starttls(context=trusting())
        client.ehlo()
        client.user, client.password = user, password
        client.auth("PLAIN", client.auth_plain)


def test_a_key_that_is_revoked_ends_what_it_may_do_within_seconds(letterbox: Letterbox) -> None:
    application = letterbox.application("short-lived")
    with letterbox.client(application) as client:
        client.sendmail(FROM, ["b@example.org"], TEXT)
        letterbox.engine.office.revoke_key(letterbox.boss, application.key[:11]).result(30)
        client.mail(FROM)
        client.rcpt("b@example.org")
        code, words = client.data(TEXT)
    assert (code, words.split()[0]) == (535, b"5.7.8")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        login(letterbox, "short-lived", application.key)


def test_an_application_that_is_suspended_is_told_so(letterbox: Letterbox) -> None:
    application = letterbox.application("suspended")
    letterbox.engine.office.suspend_application(letterbox.boss, "suspended").result(30)
    with pytest.raises(smtplib.SMTPAuthenticationError, match=r"5\.7\.13 This application is suspended"):
        login(letterbox, "suspended", application.key)


def test_failed_logins_are_slowed_by_client_and_by_name() -> None:
    slowing = Slowing()
    assert slowing.delay("a", "webshop", 0) == 0
    waits = []
    for _ in range(10):
        slowing.failed("a", "webshop", 0)
        waits.append(slowing.delay("a", "other", 0))
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.5, 30.0)
    assert slowing.delay("b", "webshop", 0) == 30.0, "the name is slowed wherever the next one comes from"
    assert slowing.delay("b", "other", 0) == 0.0
    assert slowing.delay("a", "webshop", 10_000) == 0.0, "it is forgotten in the end"


def test_nobody_is_locked_out_by_what_others_do_to_his_name() -> None:
    slowing = Slowing()
    slowing.succeeded("office", "webshop", 0)
    for _ in range(50):
        slowing.failed("attacker", "webshop", 1)
    assert slowing.delay("office", "webshop", 2) == 0.0
    assert slowing.delay("elsewhere", "webshop", 2) == 30.0


def test_what_is_remembered_of_logins_is_bounded() -> None:
    slowing = Slowing()
    for number in range(30_000):
        slowing.failed(f"c{number}", f"u{number}", 0)
        slowing.succeeded(f"g{number}", "u", 0)
    assert max(len(slowing._clients), len(slowing._users), len(slowing._good)) <= 20_000


def test_a_login_that_waits_holds_nothing_up(letterbox: Letterbox) -> None:
    for _ in range(8):
        letterbox.on_loop(lambda: letterbox.door.slowing.failed("127.0.0.1", "slow", letterbox.door.now()))
    try:
        threads = threading.active_count()
        refused = []

        def attempt() -> None:
            try:
                login(letterbox, "slow", "wrong")
            except smtplib.SMTPException as error:
                refused.append(error)

        waiting = threading.Thread(target=attempt)
        waiting.start()
        with letterbox.raw() as raw:
            assert raw.ask(b"EHLO x\r\n").startswith("250")
        waiting.join(30)
        assert len(refused) == 1
        assert threading.active_count() <= threads
    finally:
        letterbox.on_loop(lambda: letterbox.door.slowing.succeeded("127.0.0.1", "slow", letterbox.door.now()))


def test_a_key_is_in_no_log_and_no_repr(letterbox: Letterbox) -> None:
    """P7: also where somebody typed it into the field for the name."""
    key, lines = letterbox.webshop.key, io.StringIO()
    log = MailLog(LogFormat.TEXT, lines)
    log.login_refused("smtp", "192.0.2.7", key)
    log.login_refused("smtp", "192.0.2.7", "web\x1b[31m shop")
    log.flush()
    assert key[:11] not in lines.getvalue()
    assert "\x1b" not in lines.getvalue()
    with letterbox.client():
        assert key not in letterbox.on_loop(lambda: repr(list(letterbox.door.connections)))


def test_a_login_in_clear_is_asked_for_only_where_the_operator_allows_it(tmp_path: Path) -> None:
    with open_letterbox(tmp_path, smtp_clear_login=True) as letterbox:
        with smtplib.SMTP("127.0.0.1", letterbox.port, timeout=30) as client:
            client.login("webshop", letterbox.webshop.key)
            client.sendmail(FROM, ["b@example.org"], TEXT)
        assert letterbox.last().view.application == "webshop"


def test_a_trusted_client_speaks_for_its_application_and_for_no_other(tmp_path: Path) -> None:
    with open_letterbox(tmp_path, smtp_trusted="127.0.0.0/8=webshop, 192.0.2.0/24=other") as letterbox:
        with smtplib.SMTP("127.0.0.1", letterbox.port, timeout=30) as client:
            client.sendmail(FROM, ["b@example.org"], TEXT)
            with pytest.raises(smtplib.SMTPSenderRefused, match=r"5\.7\.60"):
                client.sendmail("evil@example.com", ["b@example.org"], TEXT)
            assert letterbox.last().view.application == "webshop"
            letterbox.engine.office.suspend_application(letterbox.boss, "webshop").result(30)
            client.rset()
            client.mail(FROM)
            client.rcpt("b@example.org")
            assert client.data(TEXT)[0] == 535
        with smtplib.SMTP("127.0.0.1", letterbox.port, timeout=30) as client:
            client.ehlo()
            assert client.mail(FROM)[0] == 530
