"""A header with raw UTF-8 in it leaves as ASCII, says the same to an independent reader, and gains nothing."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.compose.submitted import read
from postroom.compose.submitted_ascii import in_ascii

BODY = "\r\n\r\nGrüße\r\n".encode()


def anew(header: str | bytes) -> bytes:
    octets = header.encode() if isinstance(header, str) else header
    written = in_ascii(read(octets + BODY)).content
    assert written.endswith(BODY), "the body is nobody's business"
    return written[: -len(BODY)]


def parsed(header: bytes) -> EmailMessage:
    return cast(EmailMessage, message_from_bytes(header + b"\r\n\r\n", policy=policy.default))


def test_what_can_be_said_in_ascii_is_said_in_ascii() -> None:
    written = anew(
        'From: "Jörg Meyer" <joerg@example.org>\r\nX-Plain:  stays \r\nto: Ärzte <a@example.org>,\r\n b@example.org\r\n'
        "SUBJECT: Grüße\r\n aus =?utf-8?q?M=C3=BCnchen?= 漢字\r\nDate: x"
    )
    assert written.isascii()
    assert b"\r\nX-Plain:  stays \r\n" in written
    assert written.endswith(b"\r\nDate: x")
    message = parsed(written)
    assert [field.lower() for field in message.keys()] == ["from", "x-plain", "to", "subject", "date"]  # noqa: SIM118
    assert message["From"].addresses[0].display_name == "Jörg Meyer"
    assert [(one.display_name, one.addr_spec) for one in message["To"].addresses] == [
        ("Ärzte", "a@example.org"),
        ("", "b@example.org"),
    ]
    assert message["Subject"] == "Grüße aus München 漢字"


def test_octets_that_are_no_utf8_are_read_as_most_programs_read_them() -> None:
    assert parsed(anew("Subject: Grüße".encode("latin-1")))["Subject"] == "Grüße"


@pytest.mark.parametrize(
    "header",
    [
        "Subject: plain",
        "From: jörg@example.org",
        "From: a@example.org\r\nTo: Freunde: Jörg <j@example.org>;",
        "Content-Type: text/plain; name=ü.txt",
        "References: <ü@example.org>",
        "List-Id: Grüße <list.example.org>",
        "DKIM-Signature: v=1; b=x\r\nSubject: Grüße",
    ],
)
def test_what_has_no_such_spelling_stays_as_it_is(header: str) -> None:
    assert anew(header) == header.encode()


@pytest.mark.parametrize("hidden", ["=0D=0ABcc:_x@example.org", "=00", "=1B[31m", "=E2=80=A8Bcc:_x"])
def test_nothing_hidden_beside_it_comes_out(hidden: str) -> None:
    """A1: an encoded word with a line end in it, next to raw text."""
    message = parsed(anew(f"Subject: ü =?utf-8?q?{hidden}?="))
    assert message.keys() == ["Subject"]
    assert message["Subject"].isprintable()


@given(st.lists(st.text(st.characters(exclude_characters="\r\n"), max_size=60), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_whatever_the_text_is_the_fields_are_the_same(values: list[str]) -> None:
    """A1: as many fields as before, with the same names, in ASCII."""
    header = "\r\n".join(f"X-Field-{number}: {value}" for number, value in enumerate(values))
    octets = header.encode("utf-8", "surrogatepass")
    written = anew(octets)
    before, after = (read(content + BODY).header for content in (octets, written))
    assert [one.name for one in after.fields] == [one.name for one in before.fields]
    assert written.isascii()
