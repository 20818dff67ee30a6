"""Any message is read into its parts; none makes the reader fail or run away."""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postroom.addresses import Address
from postroom.compose.letter import Attachment, Letter
from postroom.compose.reading import MAX_DEPTH, MAX_PARTS, body_of, read_parts
from postroom.compose.render import render


def told(content: bytes) -> list[tuple[str, str]]:
    return [(part.number, part.kind) for part in read_parts(content)]


def nested(depth: int) -> bytes:
    """A multipart in a multipart in a multipart."""
    heads = [b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (one, one) for one in range(depth)]
    return b"".join(heads) + b"\r\ndeep\r\n"


class TestOurOwn:
    """What we composed ourselves is read as it was meant."""

    LETTER = Letter(
        sender=Address.parse("Grün <a@x.org>"),
        to=(Address.parse("b@y.org"),),
        subject="Übung",
        text="Grüße\nzweite Zeile",
        html="<p>Gr&uuml;ße <img src='cid:logo'></p>",
        attachments=(
            Attachment("Prüfung.txt", b"Inhalt\r\n", "text/plain"),
            Attachment("logo.png", b"\x89PNG", "image/png", content_id="logo"),
        ),
    )

    def test_bodies_and_files(self) -> None:
        parts = read_parts(render(self.LETTER, message_id="1@x.org", date_ms=0).content)
        text, html = body_of(parts), body_of(parts, "text/html")
        assert text is not None
        assert html is not None
        assert text.text().strip() == "Grüße\nzweite Zeile"
        assert "cid:logo" in html.text()
        files = {part.filename: part.octets() for part in parts if part.is_attachment and part.filename}
        assert files == {"Prüfung.txt": b"Inhalt\r\n", "logo.png": b"\x89PNG"}
        assert [part.content_id for part in parts if part.content_id] == ["logo"]
        assert parts[0].shown("subject") == "Übung"


def test_what_the_standard_library_composes_is_read_alike() -> None:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "Ä" * 60
    message.set_content("text ü\n")
    message.add_alternative("<p>ü</p>", subtype="html")
    message.add_attachment(b"x" * 3000, maintype="application", subtype="pdf", filename="lange Zeile ä" * 9 + ".pdf")
    parts = read_parts(message.as_bytes())
    assert [part.kind for part in parts] == [part.get_content_type() for part in message.walk()]
    assert parts[-1].filename == "lange Zeile ä" * 9 + ".pdf"
    assert parts[-1].octets() == b"x" * 3000
    assert parts[0].shown("subject") == "Ä" * 60


def test_a_report_is_taken_apart_down_to_the_message_it_is_about() -> None:
    report = (
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="=_1"\n\npreamble\n'
        b"--=_1\n\nIt failed.\n--=_1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        b"Final-Recipient: rfc822; b@y.org\n\n--=_1\nContent-Type: message/rfc822\n\nMessage-ID: <1@x>\n\nhello\n"
        b"--=_1--\n"
    )
    parts = read_parts(report)
    assert [(part.number, part.within, part.kind) for part in parts] == [
        ("", None, "multipart/report"),
        ("1", None, "text/plain"),
        ("2", None, "message/delivery-status"),
        ("3", None, "message/rfc822"),
        ("3.0", "3", "text/plain"),
    ]
    assert parts[1].text() == "It failed."
    assert parts[2].octets() == b"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; b@y.org\n"
    assert parts[4].shown("message-id") == "<1@x>"
    assert body_of(parts) is parts[1], "the text of a message inside is not this one's"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"\r\nonly a body", "only a body"),
        (b"Subject: no body", ""),
        (b"no header at all", ""),
        (b"A: b\nthis is no field\nContent-Type: text/plain\n\nx", "x"),
        (b"Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ==\r\n-- \r\nadded below", "Grüße"),
        (b"Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZ", "Grüß"),
        (b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=\r\n=C3=9Fe=", "Grüße"),
        (b"Content-Type: text/plain; charset=no-such\r\n\r\nGr\xfc\xdfe", "Grüße"),
        (b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe", "Grüße"),
        (b"Content-Type: text/plain; charset=us-ascii\r\n\r\nGr\xc3\xbc\xc3\x9fe", "Grüße"),
        (b"Content-Type: ; charset=utf-8\r\n\r\nx\x1b[31m\x00", "x\ufffd[31m\ufffd"),
    ],
)
def test_what_is_no_proper_message_is_shown_as_well_as_it_can_be(content: bytes, text: str) -> None:
    assert read_parts(content)[0].text() == text


def test_flowed_paragraphs_are_joined_and_quotes_stay_apart() -> None:
    head = b"Content-Type: text/plain; format=flowed\r\n\r\n"
    text = read_parts(head + b"One \r\nparagraph.\r\n> quoted \r\n> too\r\nMine \r\n-- \r\nsigned")[0].text()
    assert text == "One paragraph.\n> quoted too\nMine \n-- \nsigned"


class TestBombs:
    """A19: the work is bounded whatever is inside."""

    def test_depth(self) -> None:
        assert len(read_parts(nested(10_000))) == MAX_DEPTH + 1

    def test_parts(self) -> None:
        many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000
        assert len(read_parts(many)) <= MAX_PARTS

    def test_a_message_that_holds_itself(self) -> None:
        assert len(read_parts(b"Content-Type: message/rfc822\r\n\r\n" * 10_000)) == MAX_DEPTH + 1

    @pytest.mark.parametrize(
        "piece",
        [b"A: b\r\n", b"A: b\r\n ", b" x\r\n", b"=?utf-8?q?x?= ", b"; a*1=b", b'; a="\\', b"\n", b"-", b"--b\n"],
    )
    def test_endless_repetition(self, piece: bytes) -> None:
        for head in (b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: text/plain; format=flowed\r\n\r\n"):
            for part in read_parts(head + piece * 50_000):
                part.text()
                part.shown("content-type")


MOVES_A_CURSOR = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")
_HEADS = (
    b"Content-Type: multipart/mixed; boundary=b",
    b"Content-Type: message/rfc822",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Disposition: attachment; filename*0*=utf-8''%e4; filename*1=x",
    b"charset=utf-16",
)
_SIGNS = (b"\r\n", b"\n", b"\r", b"--b", b"--b--", b"=", b"=3D", b"AAAA", b" ", b"\xff", b"\x00", b": ")
_PIECES = st.sampled_from([*_HEADS, *_SIGNS])


@given(st.lists(_PIECES | st.binary(max_size=20), max_size=40).map(b"".join))
@example(b"Content-Type: text/plain; charset=utf-16\n\nx")
@example(b"Content-Disposition: x; a*=''\n\n")
def test_no_octets_make_it_fail(content: bytes) -> None:
    for part in read_parts(content):
        text = part.text()
        assert "\x00" not in text
        assert not MOVES_A_CURSOR.search(part.filename + part.shown("content-type"))
        assert len(part.octets()) <= 2 * len(content) + 10
