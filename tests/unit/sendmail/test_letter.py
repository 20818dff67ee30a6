"""A message on standard input becomes the octets of a mail, whatever its line ends; nobody slips a field in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sendmail.letter import read_letter, until_dot


def octets(text: bytes) -> bytes:
    return read_letter(text).octets


@pytest.mark.parametrize(
    ("given_text", "made"),
    [
        (b"To: a\nSubject: b\n\nBody\n", b"To: a\r\nSubject: b\r\n\r\nBody\r\n"),
        (b"To: a\r\nSubject: b\r\n\r\nBody\r\n", b"To: a\r\nSubject: b\r\n\r\nBody\r\n"),
        (b"To: a\r\nSubject: b\n\r\nBody\nline\r\n", b"To: a\r\nSubject: b\r\n\r\nBody\r\nline\r\n"),
        (b"To: a\r\r\n\r\r\nBody\r\r\n", b"To: a\r\n\r\nBody\r\n"),
        (b"Subject: folded\n over\n\tlines\n\nBody", b"Subject: folded\r\n over\r\n\tlines\r\n\r\nBody"),
        (b"just text\nand more\n", b"\r\njust text\r\nand more\r\n"),
        (b"\nBody\n", b"\r\nBody\r\n"),
        (b"To: a\nno field\nBody\n", b"To: a\r\n\r\nno field\r\nBody\r\n"),
        (b"From ann Fri Nov 20 14:30:00 2026\nTo: a\n\nBody", b"To: a\r\n\r\nBody"),
        (b"From : a\n\nBody", b"From : a\r\n\r\nBody"),
        (b"To: a", b"To: a\r\n\r\n"),
        (b"", b"\r\n"),
        (b"To: a\n\n\xff\x00\n", b"To: a\r\n\r\n\xff\x00\r\n"),
        (b"To: a\n\na\rb\n", b"To: a\r\n\r\na\r\nb\r\n"),
    ],
)
def test_line_ends_are_mended_and_nothing_else(given_text: bytes, made: bytes) -> None:
    assert octets(given_text) == made


def test_a_lone_cr_among_the_fields_begins_no_field() -> None:
    """Threat A1: what a program wrote as one line stays one field."""
    letter = read_letter(b"Subject: a\rBcc: you@x.test\nTo: a@x.test\n\nBody")
    assert not letter.has("bcc")
    assert list(letter.values("subject")) == ["a Bcc: you@x.test"]


def test_fields_are_found_taken_out_and_put_in() -> None:
    letter = read_letter(b"to: a@x.test,\n b@x.test\nBCC : c@x.test\nTo: d@x.test\n\nBody")
    assert list(letter.values("to")) == ["a@x.test,  b@x.test", "d@x.test"]
    assert list(letter.values("to", "bcc"))[1] == "c@x.test"
    assert letter.without("bcc").octets == b"to: a@x.test,\r\n b@x.test\r\nTo: d@x.test\r\n\r\nBody"
    made = letter.without("to", "bcc").with_field("From", "a\r\nBcc: b@x.test")
    assert made.octets == b"From: a Bcc: b@x.test\r\n\r\nBody"


@pytest.mark.parametrize(
    ("text", "before"),
    [
        (b"a\n.\nb\n", b"a\n"),
        (b"a\r\n.\r\nb", b"a\r\n"),
        (b".\na", b""),
        (b"a\n.", b"a\n"),
        (b"a\n..\nb", b"a\n..\nb"),
        (b"a\n.b\n", b"a\n.b\n"),
        (b"a.\n", b"a.\n"),
        (b"", b""),
    ],
)
def test_a_dot_alone_ends_a_message(text: bytes, before: bytes) -> None:
    assert until_dot(text) == before


@given(st.lists(st.sampled_from([b"To: a", b"\r", b"\n", b"\r\n", b" ", b"x", b":", b".", b"\xff", b"From "])))
def test_whatever_comes_in_has_the_line_ends_of_mail(parts: list[bytes]) -> None:
    made = octets(b"".join(parts))
    left = made.replace(b"\r\n", b"")
    assert b"\r" not in left
    assert b"\n" not in left
    assert octets(made) == made, "a message that is right already stays as it is"
