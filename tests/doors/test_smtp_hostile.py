"""Clients that mean no good, or no longer mean anything: each is bounded, and disturbs nobody else.

The door's times are scaled to a fiftieth; a test waits for what the server does and asserts no time of its own.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from postroom.listener.bounds import Places, client_of
from tests.doors.smtp_rig import FROM, TEXT, Letterbox, Raw, open_letterbox, trusting
from tests.rigs.process import wait_until

SCALE = 0.02


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Letterbox]:
    """A door with narrow bounds, whose clients on this machine need no login."""
    with open_letterbox(
        tmp_path_factory.mktemp("small"),
        smtp_timeout_scale=SCALE,
        smtp_trusted="127.0.0.1=webshop",
        smtp_connections=12,
        smtp_connections_per_client=8,
        max_message_bytes="100 KiB",
        max_recipients=20,
        max_body_bytes="1 MiB",
        admission_bytes="1 MiB",
    ) as opened:
        yield opened


def begun(letterbox: Letterbox) -> Raw:
    """A connection that is in the middle of DATA."""
    raw = letterbox.raw()
    raw.ask(b"EHLO x\r\n")
    raw.ask(b"MAIL FROM:<shop@example.com>\r\n")
    raw.ask(b"RCPT TO:<b@example.org>\r\n")
    assert raw.ask(b"DATA\r\n").startswith("354")
    return raw


def still_serves(letterbox: Letterbox) -> None:
    with smtplib.SMTP("127.0.0.1", letterbox.port, timeout=30) as client:
        client.sendmail(FROM, ["b@example.org"], TEXT)


def quiet(letterbox: Letterbox) -> None:
    """Waits until nobody is connected and nothing is kept."""
    door = letterbox.door
    wait_until(
        lambda: not letterbox.on_loop(lambda: len(door.connections) + door._places.taken), 30, lambda: "all gone"
    )
    assert letterbox.on_loop(lambda: door.room.taken) == 0


# -- time -------------------------------------------------------------------------------------------------------------


def test_a_silent_client_is_sent_away(small: Letterbox) -> None:
    with small.raw() as raw:
        raw.ask(b"EHLO x\r\n")
        assert raw.reply().startswith("421 4.4.2")
        assert raw.ended()
    quiet(small)


def dripping(raw: Raw, seconds: float = 30) -> bytes:
    """Sends an octet now and then until the server says something; what it says."""
    raw.socket.settimeout(0.1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            raw.say(b"x")
            return raw.socket.recv(200)
        except TimeoutError:
            continue
    return b""


def test_octets_that_trickle_are_no_command(small: Letterbox) -> None:
    """What counts is whole commands: a client that sends an octet now and then is silent."""
    with small.raw() as raw:
        assert dripping(raw).startswith(b"421 4.4.2")
    quiet(small)


def test_who_does_not_log_in_is_sent_away(letterbox: Letterbox) -> None:
    """However busy he is meanwhile."""
    with letterbox.raw() as raw:
        raw.ask(b"EHLO x\r\n")
        while (reply := raw.ask(b"NOOP\r\n")).startswith("250"):
            time.sleep(0.05)
        assert reply.startswith("421 4.7.0")
        assert raw.ended()


def test_a_body_has_to_come_at_some_rate(small: Letterbox) -> None:
    with begun(small) as raw:
        raw.say(b"Subject: x\r\n\r\n")
        assert dripping(raw).startswith(b"421 4.4.2")
    quiet(small)


def test_a_handshake_that_stalls_ends(small: Letterbox) -> None:
    with socket.create_connection(("127.0.0.1", small.tls_port), timeout=30) as stalled:
        stalled.sendall(b"\x16\x03\x01")
        assert stalled.recv(100) == b""
    with small.raw() as raw:
        raw.ask(b"EHLO x\r\n")
        assert raw.ask(b"STARTTLS\r\n").startswith("220")
        assert raw.ended()
    quiet(small)


def test_no_tls_at_the_tls_port_ends(small: Letterbox) -> None:
    with socket.create_connection(("127.0.0.1", small.tls_port), timeout=30) as clear:
        clear.sendall(b"EHLO x\r\n" * 20)
        answer = b""
        try:
            while more := clear.recv(100):
                answer += more
        except ConnectionError:
            pass
        assert b"250" not in answer
        assert b"220" not in answer
    quiet(small)


def test_a_client_that_reads_no_answers_is_cut_off(small: Letterbox) -> None:
    with socket.create_connection(("127.0.0.1", small.port), timeout=30) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        deaf.settimeout(0.2)
        try:
            for _ in range(20_000):
                deaf.sendall(b"RSET\r\nMAIL FROM:<a@b.example>\r\nVRFY x\r\n" * 20)
        except (TimeoutError, ConnectionError):
            pass
        quiet(small)


def test_a_client_that_vanishes_leaves_nothing_behind(small: Letterbox) -> None:
    for _ in range(3):
        raw = begun(small)
        raw.say(b"x" * 50_000)
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
    quiet(small)
    still_serves(small)


def test_who_stops_sending_still_hears_what_became_of_his_message(small: Letterbox) -> None:
    with begun(small) as raw:
        raw.say(TEXT + b".\r\n")
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.reply().startswith("250 2.0.0 Ok")
        assert raw.ended()
    quiet(small)


def test_half_a_message_and_an_end_is_no_message(small: Letterbox) -> None:
    before = len(small.messages())
    with begun(small) as raw:
        raw.say(TEXT)
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.ended()
    quiet(small)
    assert len(small.messages()) == before


# -- numbers and sizes ------------------------------------------------------------------------------------------------


def test_connections_of_one_client_are_bounded(small: Letterbox) -> None:
    with ExitStack() as stack:
        kept = [stack.enter_context(small.raw()) for _ in range(8)]
        with small.raw() as beyond:
            assert beyond.greeting.startswith("421 4.7.0 Too many connections")
            assert beyond.ended()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            Raw(small.tls_port, tls=True)
        assert kept[0].ask(b"NOOP\r\n").startswith("250")
    quiet(small)
    still_serves(small)


def test_places_are_given_to_many_clients_and_given_back() -> None:
    places = Places(3, 2)
    assert [places.enter(who) for who in ("a", "a", "a", "b", "c")] == [True, True, False, True, False]
    places.leave("a")
    assert places.enter("c")
    for who in ("a", "b", "c"):
        places.leave(who)
    assert places.taken == 0
    assert places._of == {}


def test_a_machine_with_many_addresses_is_one_client() -> None:
    assert client_of("2001:db8::1") == client_of("2001:db8::ffff:1:2") == "2001:db8::/64"
    assert client_of("2001:db8:0:1::1") != client_of("2001:db8::1")
    assert client_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert client_of("fe80::1%eth0") == "fe80::/64"
    assert client_of("somewhere") == "somewhere"


def test_a_message_beyond_the_size_is_refused_and_the_next_one_taken(small: Letterbox) -> None:
    with smtplib.SMTP("127.0.0.1", small.port, timeout=30) as client:
        with pytest.raises(smtplib.SMTPSenderRefused, match=r"5\.3\.4"):
            client.sendmail(FROM, ["b@example.org"], TEXT + b"x" * 150_000)
        client.rset()
        client.mail(FROM)
        client.rcpt("b@example.org")
        assert client.data(TEXT + b"x\r\n" * 50_000)[0] == 552
        client.sendmail(FROM, ["b@example.org"], TEXT)


def test_a_body_without_end_is_cut_off(small: Letterbox) -> None:
    raw = begun(small)
    with contextlib.closing(raw), pytest.raises(ConnectionError):
        pour(raw)
    quiet(small)


def pour(raw: Raw) -> None:
    for _ in range(10_000):
        raw.say(b"x" * 10_000)


def test_recipients_are_bounded_and_the_first_ones_taken(small: Letterbox) -> None:
    with smtplib.SMTP("127.0.0.1", small.port, timeout=30) as client:
        refused = client.sendmail(FROM, [f"r{n}@example.org" for n in range(25)], TEXT)
    assert {code for code, _ in refused.values()} == {452}
    assert len(refused) == 5
    assert len(small.last().recipients) == 20


@contextlib.contextmanager
def room_taken(letterbox: Letterbox, octets: int) -> Iterator[None]:
    """Somebody else's messages are under way, and the first in line is one of them."""
    room, others = letterbox.door.room, object()
    letterbox.on_loop(lambda: (room.take(others, octets), room.may_go_on(others, lambda: None)))
    try:
        yield
    finally:
        letterbox.on_loop(lambda: room.give(others, octets))


def test_octets_under_way_are_bounded_over_all_connections(small: Letterbox) -> None:
    with room_taken(small, 1024 * 1024 - 1_000), smtplib.SMTP("127.0.0.1", small.port, timeout=30) as client:
        client.sendmail(FROM, ["b@example.org"], TEXT)
        client.mail(FROM)
        client.rcpt("b@example.org")
        assert client.data(TEXT + b"x\r\n" * 1_000)[0] == 452
    quiet(small)


def test_who_waits_for_room_in_vain_is_told_so_and_goes_on(small: Letterbox) -> None:
    with room_taken(small, 1000 * 1024), smtplib.SMTP("127.0.0.1", small.port, timeout=30) as client:
        client.ehlo()
        for end in (b"\r\n.\r\n", b"\r\n.\r\nNOOP\r\n"):
            client.mail(FROM)
            client.rcpt("b@example.org")
            client.docmd("DATA")
            client.send(TEXT + b"x\r\n" * 3_000)
            time.sleep(0.1)
            client.send(b"x\r\n" * 10_000 + end)
            assert client.getreply()[0] == 452
        assert client.getreply()[0] == 250
    quiet(small)


def test_when_room_is_short_messages_are_taken_one_behind_the_other(small: Letterbox) -> None:
    """A19: nobody is refused for coming at the same time as others."""
    before = len(small.messages())
    with ExitStack() as stack, room_taken(small, 926 * 1024):
        waiting = [stack.enter_context(contextlib.closing(begun(small))) for _ in range(5)]
        for raw in waiting:
            raw.say(TEXT + b"x\r\n" * 5_600)
        room = small.door.room
        wait_until(lambda: small.on_loop(lambda: len(room._line)) == 6, 30, lambda: "all in line")
        small.on_loop(lambda: room.leave(next(iter(room._line))))
        for raw in waiting:
            raw.say(b"y\r\n" * 10_000 + b".\r\n")
        assert [raw.reply()[:3] for raw in waiting] == ["250"] * 5
    quiet(small)
    assert len(small.messages()) == before + 5


def test_who_waits_in_line_and_vanishes_holds_up_nobody(small: Letterbox) -> None:
    with room_taken(small, 960 * 1024):
        first, second = begun(small), begun(small)
        for raw in (first, second):
            raw.say(TEXT + b"x\r\n" * 5_600)
        room = small.door.room
        wait_until(lambda: small.on_loop(lambda: len(room._line)) == 3, 30, lambda: "both in line")
        first.close()
        small.on_loop(lambda: room.leave(next(iter(room._line))))
        assert second.ask(b".\r\n").startswith("250")
        second.close()
    quiet(small)


def test_a_body_that_stops_after_a_quick_beginning_is_not_waited_for(small: Letterbox) -> None:
    """A29: octets that came at first are no credit; they would be kept for hours."""
    with begun(small) as raw:
        raw.say(TEXT + b"x\r\n" * 30_000)
        assert raw.reply().startswith("421 4.4.2")
        assert raw.ended()
    quiet(small)


@pytest.mark.parametrize(
    ("data", "last"),
    [
        (b"XYZZY\r\n" * 30, "421 4.7.0 Too many errors"),
        (b"NOOP\r\n" * 200, "421 4.7.0 Too many commands"),
        (b"EHLO x\r\n" * 200, "421 4.7.0 Too many commands"),
        (b"x" * 5_000, "421 4.7.0 Too many errors"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "421 4.7.0 This is a mail server"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" * 300, "421 4.7.0 Too many errors"),
    ],
)
def test_nonsense_has_an_end(small: Letterbox, data: bytes, last: str) -> None:
    with small.raw() as raw:
        raw.say(data)
        told = ""
        while reply := raw.reply():
            told = reply
        assert told.startswith(last)
    quiet(small)


def test_refused_messages_one_behind_the_other_have_an_end(small: Letterbox) -> None:
    """Each is answered at once, and none within the answer to the one before."""
    one = b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nFrom: evil@x.example\r\n\r\nx\r\n.\r\n"
    with small.raw() as raw:
        raw.ask(b"EHLO x\r\n")
        with contextlib.suppress(ConnectionError):
            raw.say(one * 3_000)
        told = []
        while reply := raw.reply():
            told.append(reply[:12])
    assert told.count("550-5.7.60 f") + told.count("550 5.7.60 f") == 20
    assert told[-1] == "421 4.7.0 To"
    quiet(small)


def test_good_messages_one_behind_the_other_are_all_taken(small: Letterbox) -> None:
    one = b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n" + TEXT + b".\r\n"
    before = len(small.messages())
    with small.raw() as raw:
        raw.ask(b"EHLO x\r\n")
        raw.say(one * 50 + b"QUIT\r\n")
        told = []
        while reply := raw.reply():
            told.append(reply[:3])
    assert told == ["250", "250", "354", "250"] * 50 + ["221"]
    assert len(small.messages()) == before + 50


def test_a_crowd_of_idle_clients_disturbs_nobody(tmp_path: Path) -> None:
    with open_letterbox(
        tmp_path, smtp_trusted="127.0.0.1=webshop", smtp_connections_per_client=2_000, smtp_connections=3_000
    ) as letterbox:
        with ExitStack() as stack:
            for _ in range(1_000):
                stack.enter_context(socket.create_connection(("127.0.0.1", letterbox.port), timeout=30))
            wait_until(
                lambda: letterbox.on_loop(lambda: len(letterbox.door.connections)) == 1_000, 60, lambda: "all in"
            )
            with smtplib.SMTP("127.0.0.1", letterbox.port, timeout=30) as client:
                for _ in range(5):
                    client.sendmail(FROM, ["b@example.org"], TEXT)
            letterbox.on_loop(letterbox.door._look)
        assert len(letterbox.messages()) == 5
        quiet(letterbox)


# -- smuggling and injection ------------------------------------------------------------------------------------------

ENDS = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\n.\r",
    b"\r.\n", b"\n\n.\n\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\x0b.\x0b", b"\x85.\x85",
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_no_second_message_can_be_smuggled_in(small: Letterbox, end: bytes) -> None:
    """A4: whatever stands for an end elsewhere, it is one message here, or none."""
    before = len(small.messages())
    smuggled = b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nSubject: two\r\n\r\nx"
    with begun(small) as raw:
        raw.say(TEXT + b"first" + end + smuggled + b"\r\n.\r\n")
        reply = raw.reply()
        assert raw.ask(b"NOOP\r\n").startswith("250")
    taken = small.messages()
    assert len(taken) - before == (1 if reply.startswith("250") else 0)
    assert all("victim@example.org" not in one.recipients[0].address for one in taken)
    if b"\r" in end.replace(b"\r\n", b"") or b"\n" in end.replace(b"\r\n", b""):
        assert reply.startswith("550 5.6.11")


def test_what_is_pipelined_behind_starttls_does_not_survive(letterbox: Letterbox) -> None:
    """A6 (CVE-2011-0411, CVE-2021-38371, CVE-2024-34083)."""
    with letterbox.raw() as raw:
        raw.ask(b"EHLO x\r\n")
        assert raw.ask(b"STARTTLS\r\nEHLO attacker\r\nNOOP\r\n").startswith("554 5.5.1")
        assert raw.ended()


def test_what_arrives_between_our_answer_and_the_handshake_does_not_survive(letterbox: Letterbox) -> None:
    with letterbox.raw() as raw:
        raw.ask(b"EHLO x\r\n")
        raw.ask(b"STARTTLS\r\n")
        raw.say(b"EHLO attacker\r\n")
        with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
            raw.start_tls()


def test_all_is_forgotten_once_tls_is_there(letterbox: Letterbox) -> None:
    with letterbox.raw() as raw:
        raw.ask(b"EHLO x\r\n")
        raw.ask(b"STARTTLS\r\n")
        raw.start_tls()
        assert raw.ask(b"MAIL FROM:<shop@example.com>\r\n").startswith("503 5.5.1 Say EHLO first")
        assert "AUTH PLAIN LOGIN" in raw.ask(b"EHLO x\r\n")


def test_a_client_that_speaks_first_after_the_handshake_is_heard(letterbox: Letterbox) -> None:
    for _ in range(10):
        with letterbox.raw() as raw:
            raw.ask(b"EHLO x\r\n")
            raw.ask(b"STARTTLS\r\n")
            raw.start_tls()
            raw.say(b"EHLO x\r\nNOOP\r\n")
            assert "AUTH" in raw.reply()
            assert raw.reply().startswith("250 2.0.0")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_old_tls_is_spoken(letterbox: Letterbox, version: ssl.TLSVersion) -> None:
    context = trusting()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", letterbox.tls_port), timeout=30) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain)


def test_only_ciphers_with_forward_secrecy_are_spoken(letterbox: Letterbox) -> None:
    context = trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA:AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA")
    with (
        socket.create_connection(("127.0.0.1", letterbox.tls_port), timeout=30) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain)


# -- the end --------------------------------------------------------------------------------------------------------


def test_stopping_tells_everybody_and_loses_nothing(tmp_path: Path) -> None:
    """P10: who is idle hears 421; a message that is whole is answered."""
    with open_letterbox(tmp_path, smtp_trusted="127.0.0.1=webshop") as letterbox:
        idle = letterbox.raw()
        idle.ask(b"EHLO x\r\n")
        sending = begun(letterbox)
        sending.say(TEXT + b".\r\n")
        assert sending.reply().startswith("250")
    assert idle.reply().startswith("421 4.3.2")
    assert idle.ended()
    idle.close()
    sending.close()
