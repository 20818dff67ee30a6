"""Commands: what is said is exactly what was meant, and nothing can be smuggled in."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.smtp import command
from postroom.smtp.command import Unwritable


def test_plain_commands() -> None:
    assert command.ehlo("app.example.org") == b"EHLO app.example.org\r\n"
    assert command.ehlo("[192.0.2.7]") == b"EHLO [192.0.2.7]\r\n"
    assert command.ehlo("[IPv6:2001:db8::1]") == b"EHLO [IPv6:2001:db8::1]\r\n"
    assert command.helo("app") == b"HELO app\r\n"
    assert command.mail("") == b"MAIL FROM:<>\r\n"
    assert command.mail("a@x.org") == b"MAIL FROM:<a@x.org>\r\n"
    assert command.rcpt("b@y.org") == b"RCPT TO:<b@y.org>\r\n"
    assert command.rcpt('"o\'b;r+x=1/"@y.org') == b'RCPT TO:<"o\'b;r+x=1/"@y.org>\r\n'
    assert command.bdat(2048) == b"BDAT 2048 LAST\r\n"


def test_parameters() -> None:
    line = command.mail("ü@x.org", size=7, eight_bit=True, smtputf8=True, ret="HDRS", envid="a=b", auth="c+d@x.org")
    assert line.decode() == (
        "MAIL FROM:<ü@x.org> SIZE=7 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+3Db AUTH=c+2Bd@x.org\r\n"
    )
    assert command.mail("a@x.org", auth="") == b"MAIL FROM:<a@x.org> AUTH=<>\r\n"
    assert command.rcpt("b@y.org", notify=("SUCCESS", "DELAY"), orcpt="rfc822;b c@y.org") == (
        b"RCPT TO:<b@y.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+20c@y.org\r\n"
    )
    assert command.rcpt("b@y.org", notify=("NEVER",), orcpt="b+x@y.org") == (
        b"RCPT TO:<b@y.org> NOTIFY=NEVER ORCPT=rfc822;b+2Bx@y.org\r\n"
    )
    assert command.rcpt("b@y.org", orcpt="jörg@y.org") == b"RCPT TO:<b@y.org> ORCPT=utf-8;j\\x{F6}rg@y.org\r\n"


def test_logins() -> None:
    assert command.auth("LOGIN", None) == b"AUTH LOGIN\r\n"
    assert command.auth("EXTERNAL", b"") == b"AUTH EXTERNAL =\r\n"
    assert command.auth("PLAIN", b"\0a\0b") == b"AUTH PLAIN AGEAYg==\r\n"
    assert command.auth("PLAIN", b"x" * 400) == b"AUTH PLAIN\r\n", "too long for one line: it waits for the challenge"
    assert command.response(b"") == b"\r\n"
    assert base64.b64decode(command.response(b"x" * 400)) == b"x" * 400
    with pytest.raises(Unwritable):
        command.response(b"x" * 10_000)


NASTY = ["\r", "\n", "\r\n", "\0", "\v", "\f", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\u200b", "\ud800"]
INJECTIONS = (
    [f"a{c}@x.org" for c in NASTY]
    + [f"a@x.org{c}" for c in NASTY]
    + [
        "a@x.org>\r\nRCPT TO:<evil@y.org",
        "a@x.org> SIZE=1",
        "<a@x.org",
        "a b@x.org",
        " a@x.org",
        "a@x.org ",
        "ü b@x.org",
        "ü>@x.org",
    ]
)
WRITERS: dict[str, Callable[[str], bytes]] = {
    "EHLO": command.ehlo,
    "HELO": command.helo,
    "MAIL": command.mail,
    "MAIL UTF-8": lambda text: command.mail(text, smtputf8=True),
    "RCPT": command.rcpt,
    "RCPT UTF-8": lambda text: command.rcpt(text, smtputf8=True),
    "AUTH mechanism": lambda text: command.auth(text, None),
    "RET": lambda text: command.mail("a@x.org", ret=text),
    "NOTIFY": lambda text: command.rcpt("a@x.org", notify=(text,)),
}


@pytest.mark.parametrize("text", INJECTIONS, ids=ascii)
@pytest.mark.parametrize("writer", WRITERS)
def test_injection_is_refused_before_a_byte_exists(writer: str, text: str) -> None:
    with pytest.raises(Unwritable) as refused:
        WRITERS[writer](text)
    assert isinstance(refused.value, ValueError)
    assert text.strip() not in str(refused.value)


ENCODERS: dict[str, Callable[[str], bytes]] = {
    "ENVID": lambda text: command.mail("a@x.org", envid=text),
    "AUTH=": lambda text: command.mail("a@x.org", auth=text),
    "ORCPT": lambda text: command.rcpt("a@x.org", orcpt=text),
    "ORCPT rfc822": lambda text: command.rcpt("a@x.org", orcpt=f"rfc822;{text}"),
    "ORCPT utf-8": lambda text: command.rcpt("a@x.org", orcpt=f"utf-8;{text}"),
    "ORCPT type": lambda text: command.rcpt("a@x.org", orcpt=f"{text};a@x.org"),
}


@pytest.mark.parametrize("character", NASTY, ids=ascii)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_encoded_parameters_refuse_control_characters_too(encoder: str, character: str) -> None:
    with pytest.raises(Unwritable):
        ENCODERS[encoder](f"a{character}b")


@pytest.mark.parametrize("encoder", ENCODERS)
def test_encoded_parameters_can_not_begin_another_one(encoder: str) -> None:
    try:
        line = ENCODERS[encoder]("x SIZE=1>")
    except Unwritable:
        return
    assert b" SIZE=1" not in line


@given(st.text(max_size=30), st.booleans())
def test_whatever_is_written_is_one_line(text: str, smtputf8: bool) -> None:
    for write in (command.mail, command.rcpt):
        try:
            line = write(text, smtputf8=smtputf8)
        except Unwritable:
            continue
        assert re.fullmatch(rb"(MAIL FROM|RCPT TO):<[^\x00-\x20<>\x7f]*>( SMTPUTF8)?\r\n", line)


@pytest.mark.parametrize(
    "write",
    [
        lambda: command.rcpt(""),
        lambda: command.ehlo(""),
        lambda: command.ehlo("x" * 256),
        lambda: command.ehlo("bücher.example"),
        lambda: command.mail("a" * 1200 + "@x.org"),
        lambda: command.rcpt("a" * 1200 + "@x.org"),
        lambda: command.mail("ü@x.org"),
        lambda: command.mail("a@x.org", envid=""),
        lambda: command.mail("a@x.org", envid="x" * 101),
        lambda: command.mail("a@x.org", envid="ü"),
        lambda: command.mail("a@x.org", ret="BODY"),
        lambda: command.rcpt("a@x.org", notify=("NEVER", "DELAY")),
        lambda: command.rcpt("a@x.org", notify=("success",)),
        lambda: command.rcpt("a@x.org", orcpt=""),
        lambda: command.rcpt("a@x.org", orcpt="rfc822;"),
        lambda: command.rcpt("a@x.org", orcpt="rfc822;ü@x.org"),
        lambda: command.auth("plain", None),
    ],
)
def test_what_else_can_not_be_written(write: Callable[[], bytes]) -> None:
    with pytest.raises(Unwritable):
        write()


STUFFED = {
    b"a\r\n": b"a\r\n.\r\n",
    b"a": b"a\r\n.\r\n",
    b"": b"\r\n.\r\n",
    b".": b"..\r\n.\r\n",
    b".\r\n": b"..\r\n.\r\n",
    b"a\r\n.\r\nQUIT\r\n": b"a\r\n..\r\nQUIT\r\n.\r\n",
    b"..\r\n.a\r\n": b"...\r\n..a\r\n.\r\n",
    b"a.\r\nb.c\r\n": b"a.\r\nb.c\r\n.\r\n",
}


@pytest.mark.parametrize("content", STUFFED, ids=repr)
def test_dots_are_doubled(content: bytes) -> None:
    assert command.stuff(content) == STUFFED[content]


SMUGGLED = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r\n.\r",
    b"\r\n.\n",
    b"\r.\r\n",
    b"\n.\r",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
]


@pytest.mark.parametrize("terminator", SMUGGLED, ids=repr)
def test_no_other_end_of_a_message_gets_out(terminator: bytes) -> None:
    """What some server might take for the end of the message (SMTP smuggling) is refused."""
    with pytest.raises(Unwritable):
        command.stuff(b"a" + terminator + b"MAIL FROM:<evil@y.org>\r\n")


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"\r\n", b"\r\n.", b".\r\n"]), max_size=20).map(b"".join))
def test_a_stuffed_message_is_one_message_and_is_read_back_as_it_was(content: bytes) -> None:
    stuffed = command.stuff(content)
    assert (b"\r\n" + stuffed).find(b"\r\n.\r\n") == len(stuffed) - 3
    read_back = (b"\r\n" + stuffed[:-3]).replace(b"\r\n..", b"\r\n.")[2:]
    assert read_back == command.ended(content)
