"""`sendmail -bs`: SMTP on standard input, as its callers speak it, and as somebody would who means harm."""

from __future__ import annotations

import io

import pytest

from postroom.sendmail.exits import Ending, Exit
from postroom.sendmail.session import Session

LARGEST = 10_000
Taken = list[tuple[str, list[str], bytes]]


def speak(*lines: bytes | str, end: str = "\r\n") -> tuple[list[str], Taken, Exit]:
    """What is answered, what is taken in, and how it ends. Text lines get this line end, octets go as they are."""
    taken: Taken = []

    def deliver(sender: str, to: list[str], octets: bytes) -> str:
        if b"refuse" in octets:
            raise Ending(Exit.DATAERR, "No\r\n250 yes")
        if b"later" in octets:
            raise Ending(Exit.TEMPFAIL, "Not now")
        taken.append((sender, to, octets))
        return "m_1"

    def resolve(address: str) -> list[str]:
        if "@" not in address:
            raise Ending(Exit.NOUSER, "Nobody")
        return [address]

    said = b"".join(line if isinstance(line, bytes) else f"{line}{end}".encode() for line in lines)
    writing = io.BytesIO()
    code = Session(io.BytesIO(said), writing, deliver, resolve, LARGEST).run()
    answered = writing.getvalue()
    assert b"\n" not in answered.replace(b"\r\n", b"")
    return answered.decode("ascii").splitlines(), taken, code


ENVELOPE = ("EHLO here", "MAIL FROM:<s@x.test>", "RCPT TO:<a@x.test>")


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_conversation(end: str) -> None:
    answered, taken, code = speak(*ENVELOPE, "RCPT TO:<b@x.test>", "DATA", "To: a", "", "..", "x", ".", "QUIT", end=end)
    assert answered[0].startswith("220 ")
    assert "250-8BITMIME" in answered
    assert [line[:3] for line in answered[-7:]] == ["250", "250", "250", "250", "354", "250", "221"]
    assert "m_1" in answered[-2]
    assert taken == [("s@x.test", ["a@x.test", "b@x.test"], f"To: a{end}{end}.{end}x{end}".encode())]
    assert code is Exit.OK


def test_several_messages_and_the_null_sender() -> None:
    second = ("MAIL FROM:<> BODY=8BITMIME SIZE=12", "rcpt to: <b@x.test>", "DATA", "y", ".")
    _, taken, _ = speak("HELO here", *ENVELOPE[1:], "DATA", "x", ".", *second, "QUIT")
    assert [(sender, to) for sender, to, _ in taken] == [("s@x.test", ["a@x.test"]), ("", ["b@x.test"])]


def test_everything_in_one_piece() -> None:
    """PIPELINING: a caller need not wait for answers."""
    whole = "\r\n".join([*ENVELOPE, "RSET", *ENVELOPE[1:], "NOOP", "VRFY x", "DATA", "x", ".", "QUIT", ""])
    answered, taken, _ = speak(whole.encode())
    assert len(taken) == 1
    assert "252" in {line[:3] for line in answered}


TRICKS = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\n\x00.\r\n"]
TRICKS += [b"\r\r\n.\r\r\n", b"\r\n.\r\r\n", b"\r\n.\x00\r\n", b"\n\n.\r\n", b"\r\n .\r\n"]


@pytest.mark.parametrize("trick", TRICKS)
def test_only_the_right_end_is_an_end(trick: bytes) -> None:
    """Threat A4: what stands in a message can't end it and begin another one."""
    smuggled = b"MAIL FROM:<you@x.test>\r\nRCPT TO:<you@x.test>\r\nDATA\r\nsmuggled\r\n.\r\n"
    _, taken, _ = speak(*ENVELOPE, "DATA", b"text" + trick + smuggled, "QUIT")
    assert [sender for sender, _, _ in taken] == ["s@x.test"]
    assert b"smuggled" in taken[0][2]


def test_a_caller_that_ends_lines_with_lf_is_not_ended_by_crlf() -> None:
    smuggled = b"\r\n.\r\nMAIL FROM:<you@x.test>\nRCPT TO:<you@x.test>\nDATA\nsmuggled\n.\n"
    _, taken, _ = speak(*ENVELOPE, "DATA", b"text" + smuggled, "QUIT", end="\n")
    assert [sender for sender, _, _ in taken] == ["s@x.test"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("RCPT TO:<a@x.test>",), "503"),
        (("DATA",), "503"),
        (("MAIL FROM:<s@x.test>", "DATA"), "503"),
        (("MAIL FROM:<s@x.test>", "MAIL FROM:<s@x.test>"), "503"),
        (("MAIL FROM:s@x.test",), "501"),
        (("MAIL TO:<s@x.test>",), "501"),
        (("MAIL FROM:<s@x.test> SIZE=99999999999",), "552"),
        (("MAIL FROM:<s@x.test>", "RCPT TO:<>"), "501"),
        (("MAIL FROM:<s@x.test>", "RCPT TO:<root>"), "550"),
        (("AUTH PLAIN AGEAYg==",), "500"),
        (("STARTTLS",), "500"),
        (("EXPN x",), "500"),
        (("",), "500"),
        (("x" * 5_000,), "500"),
        (("MAIL FROM:<s@x.test>\x00",), "501"),
    ],
)
def test_what_is_out_of_place_is_refused(lines: tuple[str, ...], code: str) -> None:
    answered, taken, ended = speak("EHLO here", *lines, "QUIT")
    assert answered[-2].startswith(code)
    assert taken == []
    assert ended is Exit.OK


def test_refusals_have_their_codes_and_stay_on_one_line() -> None:
    first = (*ENVELOPE, "DATA", "refuse", ".")
    answered, _, _ = speak(*first, *ENVELOPE[1:], "DATA", "later", ".", "QUIT")
    assert [line for line in answered if line[:3] in ("554", "451")] == [
        "554 5.6.0 No 250 yes",
        "451 4.3.0 Not now",
    ]


def test_a_message_that_is_too_large_is_read_to_its_end_and_refused() -> None:
    answered, taken, _ = speak(
        *ENVELOPE, "DATA", "x" * 6_000, "y" * 6_000, ".", *ENVELOPE[1:], "DATA", "z", ".", "QUIT"
    )
    assert "552" in {line[:3] for line in answered}
    assert [octets for _, _, octets in taken] == [b"z\r\n"]


def test_a_line_without_end_is_no_new_line() -> None:
    """However long a line is: a dot somewhere in it ends nothing."""
    _, taken, _ = speak(*ENVELOPE, "DATA", b"x" * 2_048 * 32 + b".\r\n", ".", "QUIT")
    assert taken == []
    _, taken, _ = speak(*ENVELOPE, "DATA", b"." + b"x" * 9_000, "", ".", "QUIT")
    assert taken[0][2] == b"x" * 9_000 + b"\r\n"


def test_who_hangs_up_in_the_middle_has_sent_nothing() -> None:
    _, taken, code = speak(*ENVELOPE, "DATA", "half")
    assert (taken, code) == ([], Exit.IOERR)
    assert speak("EHLO here")[2] is Exit.OK


def test_patience_ends() -> None:
    answered, _, code = speak(*["WHAT"] * 100)
    assert answered[-1].startswith("421")
    assert len(answered) == 22
    assert code is Exit.USAGE
