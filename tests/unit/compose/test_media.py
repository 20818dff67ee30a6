"""An attachment may call itself what the standards allow, and nothing that would make a second message of it."""

from __future__ import annotations

import pytest

from postroom.compose.letter import Attachment, faults
from postroom.compose.media import MediaType, check_content_id, check_media_type, filename_of, media_type
from tests.unit.compose.letters import letter


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("application/pdf", MediaType("application/pdf")),
        ("Text/HTML", MediaType("text/html")),
        ("application/vnd.ms-excel.sheet+xml", MediaType("application/vnd.ms-excel.sheet+xml")),
        ("text/calendar; method=REQUEST", MediaType("text/calendar", (("method", "REQUEST"),))),
        ('text/x;A="b c" ; d=e', MediaType("text/x", (("a", "b c"), ("d", "e")))),
        ("message/rfc822", MediaType("message/rfc822")),
    ],
)
def test_a_media_type_is_read_and_taken(text: str, read: MediaType) -> None:
    assert media_type(text) == read
    assert check_media_type("t", text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "text/",
        "/plain",
        "text /plain",
        "text/plain;",
        "text/plain; x",
        "text/plain x=y",
        "text/plain; x=y z",
        *(
            "text/plain; x=(y)",
            'text/plain; x="y',
            "text/plain; x=y=z",
            "text/plain; ü=1",
            "text/plain; x=ü",
            "a/b" * 200,
        ),
        *("text/plain; x=1; X=2", "text/plain; name=a.exe", "text/plain; filename=a", "text/plain; boundary=x"),
        *(
            "multipart/mixed",
            "Multipart/Mixed; x=y",
            "message/partial; id=1",
            "message/external-body",
            "message/global",
        ),
        *(
            "text/plain; x*=utf-8''a",
            'text/plain; x="=?utf-8?q?a?="',
            'text/plain; x="a\\"b"',
            'text/plain; x="a\\\\b"',
        ),
    ],
)
def test_what_is_no_media_type_or_hides_a_structure_is_refused(text: str) -> None:
    fault = check_media_type("attachments[0].content_type", text)
    assert fault is not None
    assert fault.field == "attachments[0].content_type"
    assert fault.mend


@pytest.mark.parametrize("text", ["logo", "logo.1@example.com", "a-b_c", "x" * 200])
def test_a_content_id_is_a_plain_word(text: str) -> None:
    assert check_content_id("c", text) is None


@pytest.mark.parametrize(
    "text", ["", "<logo>", "a b", "a@b@c", "@a", "a@", ".a", "a..b", 'a"b', "a%0db", "ü", "x" * 201, "a>b", "=?q?a?="]
)
def test_what_needs_quoting_or_escaping_is_no_content_id(text: str) -> None:
    assert check_content_id("c", text) is not None


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/", "a\\", "x/..", "\u00a0", "x" * 201])
def test_a_file_has_a_name(name: str) -> None:
    assert [fault.field for fault in faults(letter(attachments=(Attachment(name, b""),)))] == [
        "attachments[0].filename"
    ]
    assert faults(letter(attachments=(Attachment("x" * 200, b""),))) == ()


def test_a_picture_with_a_content_id_needs_no_file_name() -> None:
    assert faults(letter(html="<p>x", attachments=(Attachment("", b"", "image/png", "logo", True),))) == ()


def test_of_a_path_only_the_name_counts() -> None:
    assert filename_of("C:\\a/b\\ c.txt ") == "c.txt"
