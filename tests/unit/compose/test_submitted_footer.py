"""Footers below texts that somebody else composed: in every text that is shown, and nothing around it changed."""

from __future__ import annotations

import base64
import quopri
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.compose.footer import Footer
from postroom.compose.submitted import Mending, mended, read

FOOTER = Footer("Example Ltd\nMüller Street 1", "<p>Example Ltd<br>Müller Street 1</p>")
PLAIN = Footer("Example Ltd")
HEAD = b"From: a@x.org\r\n"


def footed(content: bytes, footer: Footer = FOOTER) -> bytes:
    return mended(read(content), Mending(footer=footer))


def parsed(content: bytes) -> EmailMessage:
    """As an independent parser reads it."""
    message = cast(EmailMessage, message_from_bytes(content, policy=policy.default))
    assert [part.defects for part in message.walk()] == [[]] * len(list(message.walk()))
    return message


def text_of(content: bytes, kind: str = "plain") -> str:
    part = parsed(content).get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def message(kind: str, encoding: str, body: bytes) -> bytes:
    head = f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return HEAD + head.encode() + body


@pytest.mark.parametrize(
    "content",
    [
        HEAD + b"\r\nHello.\r\n",
        HEAD + b"\r\nHello.\r\n\r\n\r\n",
        message("text/plain", "7bit", b"Hello.\r\n"),
        message("text/plain; charset=utf-8", "8bit", b"Hello.\r\n"),
        message("text/plain; charset=iso-8859-1", "8bit", b"Hello.\r\n"),
        message("text/plain; charset=utf-8; format=flowed", "quoted-printable", b"Hel=\r\nlo.\r\n"),
        message("text/plain; charset=utf-8", "quoted-printable", b"Hello.=\r\n"),
        message("text/plain; charset=utf-8", "base64", base64.encodebytes(b"Hello.\r\n").replace(b"\n", b"\r\n")),
        message("text/plain; charset=iso-2022-jp", "7bit", b"Hello.\r\n"),
        message("Text/Plain; charset=KOI8-R", "7bit", b"Hello.\r\n"),
    ],
)
def test_a_text_gets_its_footer_whatever_its_charset_and_encoding(content: bytes) -> None:
    assert text_of(footed(content)) == "Hello.\n\nExample Ltd\nMüller Street 1\n"
    assert text_of(footed(content, PLAIN)) == "Hello.\n\nExample Ltd\n"


def test_a_text_keeps_its_charset_where_it_can() -> None:
    content = message("text/plain; charset=iso-8859-1", "8bit", "Grüße\r\n".encode("latin-1"))
    finished = footed(content)
    assert finished.startswith(content[: content.index(b"\r\n\r\n")])
    assert finished.endswith("Grüße\r\n\r\nExample Ltd\r\nMüller Street 1\r\n".encode("latin-1"))


def test_a_text_whose_charset_can_not_hold_the_footer_becomes_utf8() -> None:
    content = message("text/plain; charset=iso-8859-1; format=flowed", "8bit", "Grüße\r\n".encode("latin-1"))
    finished = footed(content, Footer("Пример"))
    assert text_of(finished) == "Grüße\n\nПример\n"
    assert parsed(finished)["Content-Type"].params["format"] == "flowed"


def test_a_text_without_mime_becomes_mime_where_it_has_to() -> None:
    finished = footed(HEAD + b"\r\nHello.\r\n")
    assert parsed(finished)["MIME-Version"] == "1.0"
    assert footed(HEAD + b"\r\nHello.\r\n", PLAIN) == HEAD + b"\r\nHello.\r\n\r\nExample Ltd\r\n"


HTML = "<html><body><p>Grüße &amp; mehr</p></body></html>\r\n"


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("utf-8", "8bit"),
        ("iso-8859-1", "8bit"),
        ("utf-8", "quoted-printable"),
        ("utf-8", "base64"),
        ("utf-16", "base64"),
    ],
)
def test_html_gets_its_footer_inside_its_body(charset: str, encoding: str) -> None:
    octets = HTML.encode(charset)
    body = {"8bit": lambda: octets, "base64": lambda: base64.encodebytes(octets).replace(b"\n", b"\r\n"),
            "quoted-printable": lambda: quopri.encodestring(octets)}[encoding]()  # fmt: skip
    shown = text_of(footed(message(f"text/html; charset={charset}", encoding, body)), "html")
    assert "Grüße &amp; mehr" in shown
    assert shown.rstrip().endswith("</body></html>")
    assert "M&#252;ller Street 1</p></div>" in shown


def test_html_with_a_line_that_is_too_long_is_encoded() -> None:
    finished = footed(message("text/html; charset=utf-8", "7bit", b"<p>x</p>\r\n"), Footer(html="y" * 2_000))
    assert "y" * 2_000 in text_of(finished, "html")
    assert max(map(len, finished.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("kind", ["utf-7", "utf-8", "shift_jis", "gb18030"])
def test_html_in_odd_charsets_stays_readable(kind: str) -> None:
    body = "<p>日本 + x</p>".encode(kind)
    finished = footed(message(f"text/html; charset={kind}", "base64", base64.b64encode(body) + b"\r\n"))
    assert text_of(finished, "html").startswith("<p>日本 + x</p>")
    assert "M&#252;ller" in text_of(finished, "html")


def built(*, attach: bool, related: bool = False) -> EmailMessage:
    one = EmailMessage()
    one["From"] = "a@x.org"
    one["Subject"] = "x"
    one.set_content("Grüße\n", cte="quoted-printable")
    one.add_alternative("<html><body><p>Grüße</p></body></html>", subtype="html", cte="base64")
    if related:
        html = one.get_payload()[1]
        html.add_related(b"\x89PNG", "image", "png", cid="<logo>")
    if attach:
        one.add_attachment("Attached text.\n", filename="a.txt")
        one.add_attachment(b"\x00\xff" * 300, "application", "pdf", filename="b.pdf")
    return one


@pytest.mark.parametrize("attach", [False, True])
@pytest.mark.parametrize("related", [False, True])
def test_every_text_that_is_shown_gets_it_and_nothing_else(attach: bool, related: bool) -> None:
    content = built(attach=attach, related=related).as_bytes(policy=policy.SMTP)
    finished = footed(content)
    assert text_of(finished) == "Grüße\n\nExample Ltd\nMüller Street 1\n"
    assert text_of(finished, "html").count("M&#252;ller Street 1") == 1
    before, after = list(parsed(content).walk()), list(parsed(finished).walk())
    assert [part.get_content_type() for part in before] == [part.get_content_type() for part in after]
    for old, new in zip(before, after, strict=True):
        if not old.is_multipart() and old.get_content_type() not in ("text/plain", "text/html"):
            assert old.as_bytes() == new.as_bytes()
    if attach:
        assert next(iter(parsed(finished).iter_attachments())).get_content() == "Attached text.\r\n"


def multipart(kind: str, *parts: bytes, boundary: str = "b", end: bool = True) -> bytes:
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in parts)
    tail = b"--%b--\r\n" % boundary.encode() if end else b""
    return HEAD + f"MIME-Version: 1.0\r\nContent-Type: {kind}; boundary={boundary}\r\n\r\n".encode() + body + tail


TEXT = b"Content-Type: text/plain\r\n\r\ntext\r\n"
LEFT_ALONE = {
    "signed": multipart("multipart/signed; protocol=x", TEXT, TEXT),
    "encrypted": multipart("multipart/encrypted", TEXT, TEXT),
    "report": multipart("multipart/report", TEXT),
    "smime": message("application/pkcs7-mime; smime-type=signed-data", "base64", b"AAAA\r\n"),
    "pgp in the text": HEAD + b"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx\r\n-----BEGIN PGP SIGNATURE-----\r\n",
    "dkim": b"DKIM-Signature: v=1; b=x\r\n" + HEAD + b"\r\ntext\r\n",
    "calendar": message("text/calendar", "7bit", b"BEGIN:VCALENDAR\r\n"),
    "attachment": HEAD + b"Content-Disposition: attachment\r\n\r\ntext\r\n",
    "a text that is attached": multipart("multipart/mixed", b"Content-Disposition: attachment\r\n\r\nx\r\n"),
    "a picture first": multipart("multipart/mixed", b"Content-Type: image/png\r\n\r\nx\r\n", TEXT),
    "signed within": multipart("multipart/mixed", multipart("multipart/signed", TEXT, boundary="c")[len(HEAD) :], TEXT),
    "unknown charset": message("text/plain; charset=x-unknown", "8bit", b"\xff\r\n"),
    "a hidden NUL": message("text/plain; charset=utf-7", "7bit", b"+AAA-\r\n"),
    "utf-16 in lines": message("text/html; charset=utf-16", "8bit", b"\xff\xfe<\x00\r\n"),
    "not what its charset says": message("text/plain; charset=utf-16", "base64", b"AAAA\r\n"),
    "unknown encoding": message("text/plain", "uuencode", b"x\r\n"),
    "bad base64": message("text/plain", "base64", b"AAA\r\n"),
    "no boundary": HEAD + b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
    "boundary that is not there": HEAD + b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
    "never ended": multipart("multipart/mixed", TEXT, end=False),
    "two types": HEAD + b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx\r\n",
    "no type": HEAD + b"Content-Type: ;;\r\n\r\nx\r\n",
    "message": message("message/rfc822", "7bit", b"From: x@y.org\r\n\r\nx\r\n"),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_would_break_is_left_alone(name: str) -> None:
    assert footed(LEFT_ALONE[name]) == LEFT_ALONE[name]


def test_an_empty_footer_changes_nothing() -> None:
    content = built(attach=True).as_bytes(policy=policy.SMTP)
    assert footed(content, Footer(" \n", "")) == content


def test_a_boundary_that_begins_like_another_is_another() -> None:
    inner = b"Content-Type: multipart/alternative; boundary=bb\r\n\r\n--bb\r\n" + TEXT + b"--bb--\r\n"
    finished = footed(multipart("multipart/mixed", inner, b"\r\nsecond\r\n"), PLAIN)
    assert finished.count(b"Example Ltd") == 1
    assert text_of(finished) == "text\n\nExample Ltd\n"


def test_depth_and_number_are_bounded() -> None:
    """A19: 10,000 levels and 100,000 parts; none of them is looked at in vain."""
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(10_000)
    )
    assert footed(HEAD + deep + b"\r\nx\r\n") == HEAD + deep + b"\r\nx\r\n"
    wide = multipart("multipart/alternative", *[TEXT] * 100_000)
    assert footed(wide, PLAIN).count(b"Example Ltd") == 32


@given(
    st.sampled_from(["7bit", "8bit", "quoted-printable", "base64", "binary"]),
    st.sampled_from(["utf-8", "us-ascii", "iso-8859-1", "shift_jis", "iso-2022-jp", "utf-16", "nonsense"]),
    st.sampled_from(["plain", "html"]),
    st.binary(max_size=200).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"\r\n").replace(b"\0", b"")),
)
@settings(max_examples=400)
def test_whatever_the_text_is_the_result_is_mail(encoding: str, charset: str, kind: str, body: bytes) -> None:
    content = message(f"text/{kind}; charset={charset}", encoding, body + b"\r\n")
    finished = footed(content)
    rest = finished.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest
    assert finished.startswith(HEAD)
    assert len(message_from_bytes(finished).defects) == len(message_from_bytes(content).defects)
