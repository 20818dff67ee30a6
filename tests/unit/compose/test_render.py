"""A letter becomes a message of the right shape, the same bytes each time, and everything in it comes back (P5)."""

from __future__ import annotations

import datetime
import email
import email.policy
import email.utils
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postroom.addresses import Address
from postroom.compose import mime
from postroom.compose.footer import Footer
from postroom.compose.letter import Attachment, Letter
from postroom.compose.render import Rendered, date_of, render
from tests.unit.compose import reading
from tests.unit.compose.letters import DATE_MS, FILE, ID, PICTURE, PLAIN, TO, content, letter, rendered
from tests.unit.compose.reading import Part, read

CALENDAR = Attachment("invite.ics", "BEGIN:VCALENDAR\nSUMMARY:Größe\n".encode(), "text/calendar; method=REQUEST")


def shape(part: Part) -> object:
    kind = part.kind()
    return (kind.removeprefix("multipart/"), [shape(inner) for inner in part.parts]) if part.parts else kind


def standard(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert part.defects == []
    return message


def test_a_plain_mail_looks_like_this() -> None:
    this = letter(to=(TO, Address("a", "b.example")), cc=(Address("c", "d.example"),))
    assert rendered(this) == Rendered(
        b"Date: Thu, 20 Nov 2025 08:43:00 +0000\r\n"
        b"From: The Office <office@sender.example>\r\n"
        b"To: Joe Doe <joe@to.example>, a@b.example\r\n"
        b"Cc: c@d.example\r\n"
        b"Subject: Hello\r\n"
        b"Message-ID: <0123@sender.example>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Good morning\r\n",
        301,
        False,
        False,
    )


MIXED, RELATED, ALTERNATIVE = "mixed", "related", "alternative"
SHAPES: dict[str, tuple[Letter, object]] = {
    "text": (PLAIN, "text/plain"),
    "html": (letter(text=None, html="<img src=x>"), "text/html"),
    "text from html": (letter(text=None, html="<p>x"), (ALTERNATIVE, ["text/plain", "text/html"])),
    "both": (letter(html="<p>x"), (ALTERNATIVE, ["text/plain", "text/html"])),
    "text and a file": (letter(attachments=(FILE,)), (MIXED, ["text/plain", "application/pdf"])),
    "a file alone": (letter(text=None, attachments=(FILE,)), (MIXED, ["application/pdf"])),
    "a picture": (
        letter(html="<p>x", attachments=(PICTURE,)),
        (ALTERNATIVE, ["text/plain", (RELATED, ["text/html", "image/png"])]),
    ),
    "everything": (
        letter(html="<p>x", attachments=(FILE, PICTURE, CALENDAR)),
        (
            MIXED,
            [
                (ALTERNATIVE, ["text/plain", (RELATED, ["text/html", "image/png"])]),
                "application/pdf",
                "text/calendar",
            ],
        ),
    ),
    "a picture without html": (letter(attachments=(PICTURE,)), (MIXED, ["text/plain", "image/png"])),
    "a picture nobody refers to": (
        letter(html="<p>x", attachments=(replace(PICTURE, content_id=None),)),
        (MIXED, [(ALTERNATIVE, ["text/plain", "text/html"]), "image/png"]),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_parts_are_put_together_as_mail_programs_expect(name: str) -> None:
    this, expected = SHAPES[name]
    data = rendered(this).content
    assert shape(read(data)) == expected
    kinds = [part.kind() for part in read(data).walk()]
    assert [part.get_content_type() for part in standard(data).walk()] == kinds


def test_the_fields_of_a_letter_come_out_in_their_order() -> None:
    this = letter(
        to=(),
        cc=(TO,),
        reply_to=(Address("r", "s.example", "Ré"),),
        receipt_to=Address("q", "s.example"),
        originator=Address("o", "s.example"),
        headers=(("X-Ticket", "42"), ("References", "<a@b> <c@d>"), ("x-ticket", "43")),
    )
    assert read(rendered(this).content).fields[:-2] == [
        ("Date", "Thu, 20 Nov 2025 08:43:00 +0000"),
        ("From", "The Office <office@sender.example>"),
        ("Sender", "o@s.example"),
        ("Reply-To", "=?utf-8?b?UsOp?= <r@s.example>"),
        ("Cc", "Joe Doe <joe@to.example>"),
        ("Subject", "Hello"),
        ("Message-ID", f"<{ID}>"),
        ("Disposition-Notification-To", "q@s.example"),
        ("X-Ticket", "42"),
        ("References", "<a@b> <c@d>"),
        ("x-ticket", "43"),
        ("MIME-Version", "1.0"),
    ]


def test_sender_is_written_only_when_it_is_somebody_else() -> None:
    assert b"\r\nSender:" not in content(originator=replace(PLAIN.sender, name="Another name"))


def test_without_visible_recipients_the_mail_says_so() -> None:
    message = standard(content(to=()))
    assert message["To"] == "undisclosed-recipients:;"
    assert message["To"].addresses == ()


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
        (951_782_399_999, "Mon, 28 Feb 2000 23:59:59 +0000"),
        (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 +0000"),
        (253_402_300_799_999, "Fri, 31 Dec 9999 23:59:59 +0000"),
    ],
)
def test_dates_are_written_in_utc(at_ms: int, text: str) -> None:
    assert date_of(at_ms) == text


@given(st.integers(0, 253_402_300_799_999))
def test_dates_agree_with_the_standard_library(at_ms: int) -> None:
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=at_ms // 1000)
    assert date_of(at_ms) == email.utils.format_datetime(moment)


@pytest.mark.parametrize("at_ms", [-1, 253_402_300_800_000])
def test_a_date_that_rfc_5322_can_not_write_is_refused(at_ms: int) -> None:
    with pytest.raises(ValueError, match="between"):
        date_of(at_ms)


def _as_sent(text: str) -> str:
    """What a body is allowed to become: line ends are one kind, and the last line has one."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines + "\n" if lines and not lines.endswith("\n") else lines


BODIES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300),
    st.text(st.sampled_from("ab. =\r\n\tFromé漢-_"), max_size=300),
    st.lists(
        st.sampled_from(["From here", ".", "..", "x" * 80, "x" * 1200, "é" * 90, " ", "", "=20", "--=_a", "ab ", "\t"]),
        max_size=12,
    ).map("\n".join),
)


@given(BODIES, BODIES)
@example("", "")
@example("\r", "\n\r")
@example("x" * 998, "x" * 999)
@example("a\n" + "x" * 998 + "\nb", "x" * 997 + "\n" + "y" * 999)
@example("From x", "a\nFrom ")
@example("é" + "x" * 74 + "\nFrom y" + "é" * 30, "=\n\nFrom " + "é" * 3 + "z" * 200)
@example("From " + "x" * 72 + "ü", "ü\nFrom " + "x" * 71)
def test_bodies_come_back_from_both_readers(text: str, html: str) -> None:
    data = content(text=text, html=html)
    part = read(data)
    for index, (sent, inner) in enumerate(zip((text, html), part.parts, strict=True)):
        assert inner.content.decode().replace("\r\n", "\n") == _as_sent(sent)
        found = list(standard(data).walk())[index + 1].get_payload(decode=True)
        assert isinstance(found, bytes)
        assert found.decode().replace("\r\n", "\n") == _as_sent(sent)
    assert data.isascii()
    assert b"\nFrom " not in data.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain", "7bit"),
        ("x" * 998, "7bit"),
        ("x" * 999, "quoted-printable"),
        ("From me", "quoted-printable"),
        ("Grüße aus Köln, und noch ein Satz", "quoted-printable"),
        ("Привет", "base64"),
        ("漢字", "base64"),
    ],
)
def test_a_text_is_encoded_only_when_it_must_be_and_in_the_shorter_way(text: str, encoding: str) -> None:
    assert read(content(text=text)).raw("Content-Transfer-Encoding") == encoding


@given(st.binary(max_size=400), st.sampled_from(["application/pdf", "text/csv", "text/plain; charset=utf-16", "a/b"]))
def test_attachments_keep_every_byte(data: bytes, content_type: str) -> None:
    sent = content(attachments=(Attachment("a.bin", data, content_type),))
    assert read(sent).parts[1].content == data
    assert list(standard(sent).walk())[2].get_payload(decode=True) == data


def test_an_attachment_says_what_it_is() -> None:
    part = read(content(attachments=(CALENDAR, FILE, PICTURE))).parts
    assert part[1].fields == [
        ("Content-Type", "text/calendar; method=REQUEST; charset=utf-8"),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-Disposition", "attachment; filename=invite.ics"),
    ]
    assert part[3].fields[2:] == [("Content-Disposition", "inline; filename=logo.png"), ("Content-ID", "<logo>")]


@pytest.mark.parametrize("path", ["/etc/passwd", "C:\\secret\\passwd", "../../passwd", "a/b\\passwd", " passwd "])
def test_a_file_name_has_no_path(path: str) -> None:
    assert b"attachment; filename=passwd\r\n" in content(attachments=(Attachment(path, b""),))


def test_an_attached_message_stays_one_when_it_needs_no_encoding() -> None:
    inner = b"From: a@b\nBcc: hidden@x.example\nSubject: inner\n\nText\n"
    part = read(content(attachments=(Attachment("mail.eml", inner, "message/rfc822"),))).parts[1]
    assert part.raw("Content-Type") == "message/rfc822"
    assert part.raw("Content-Transfer-Encoding") == "7bit"
    assert part.content == inner.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("inner", ["Subject: ü\n\nx".encode(), b"A: b\n\n" + b"x" * 999, b"A: b\n\n\0"])
def test_an_attached_message_that_can_not_go_as_it_is_becomes_a_file(inner: bytes) -> None:
    part = read(content(attachments=(Attachment("mail.eml", inner, "message/rfc822"),))).parts[1]
    assert part.raw("Content-Type") == "application/octet-stream"
    assert part.content == inner


def test_a_boundary_is_in_no_part_even_when_somebody_knows_it_before() -> None:
    core = hashlib.blake2b(ID.encode(), digest_size=12).hexdigest()
    hostile = f"--=_a{core}\r\nContent-Type: text/html\r\n\r\n<script>\r\n--=_a{core}--\r\n"
    data = content(text=hostile, html="<p>x")
    assert read(data).parts[0].content.decode() == hostile
    assert hashlib.blake2b(ID.encode(), digest_size=12).hexdigest() in content(html="<p>x").decode()


def test_a_new_boundary_depends_on_the_part_so_no_part_can_hold_them_all() -> None:
    first = mime.boundaries(b"seed", [])[0][3:]
    second = mime.boundaries(b"seed", [[first.encode()]])[0][3:]
    assert mime.boundaries(b"seed", [[f"{first}{second}".encode()]])[0][3:] not in {first, second}


def test_the_seed_alone_decides_the_boundaries() -> None:
    this = letter(html="<p>x")
    one = render(this, message_id=ID, date_ms=DATE_MS, seed=b"1").content
    assert one == render(this, message_id=ID, date_ms=DATE_MS, seed=b"1").content
    assert one != render(this, message_id=ID, date_ms=DATE_MS, seed=b"2").content


def test_a_local_part_beyond_ascii_is_raw_utf_8_and_nothing_else_is() -> None:
    this = letter(to=(Address("jürgen", "xn--bcher-kva.example", "Jürgen"),), subject="Grüße", text="Grüße")
    done = rendered(this)
    assert (done.smtputf8, done.eight_bit) == (True, True)
    assert "\r\nTo: =?utf-8?q?J=C3=BCrgen?= <jürgen@xn--bcher-kva.example>\r\n".encode() in done.content
    assert done.content.replace("jürgen".encode(), b"").isascii()
    assert standard(done.content)["Subject"] == "Grüße"


def test_an_international_domain_alone_needs_nothing_of_the_server() -> None:
    done = rendered(letter(to=(Address.parse("Jürgen <j@bücher.example>"),), subject="Grüße", text="Grüße 漢字"))
    assert (done.smtputf8, done.eight_bit, done.content.isascii()) == (False, False, True)


def test_a_footer_goes_into_both_bodies() -> None:
    parts = read(content(html="<body><p>Hi</p></body>", footer=Footer("Company & Sons"))).parts
    assert parts[0].content == b"Good morning\r\n\r\nCompany & Sons\r\n"
    assert parts[1].content == b"<body><p>Hi</p>\r\n<div><p>Company &amp; Sons</p></div>\r\n</body>\r\n"


def test_a_text_made_from_html_has_the_footer_once() -> None:
    parts = read(content(text=None, html="<p>Hi", footer=Footer(html="<b>Company</b>"))).parts
    assert parts[0].content == b"Hi\r\n\r\nCompany\r\n"
    assert parts[1].content == b"<p>Hi\r\n<div><b>Company</b></div>\r\n"


EVERYTHING = Letter(
    Address("office", "sender.example", "Büro"),
    (TO, Address("jürgen", "b.example", "x" * 100)),
    subject="Grüße " * 30,
    text="Hallo 漢字\n",
    html="<p>Hallo</p>",
    attachments=(FILE, PICTURE, CALENDAR, Attachment("größe " * 20 + ".txt", b"x")),
    headers=(("X-Foo", "bär"), ("List-Id", "Liste für alle <list.example>")),
    receipt_to=TO,
    footer=Footer("Fuß"),
)
_SCRIPT = """
from tests.unit.compose.letters import rendered
from tests.unit.compose.test_render import EVERYTHING
import hashlib
print(hashlib.sha256(rendered(EVERYTHING).content).hexdigest())
"""


def test_the_bytes_are_the_same_in_every_process() -> None:
    """P5: nothing of the process (hash seed, time zone, locale) is in the bytes."""
    expected = hashlib.sha256(rendered(EVERYTHING).content).hexdigest()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    for seed, zone in (("1", "UTC"), ("4242", "Asia/Tokyo")):
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "TZ": zone,
            "PYTHONPATH": os.pathsep.join([root, os.path.join(root, "src")]),
        }
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT], env=environment, cwd=root, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected


def test_everything_at_once_is_read_alike_by_all_readers() -> None:
    data = rendered(EVERYTHING).content
    message = standard(data)
    assert message["Subject"] == EVERYTHING.subject
    assert message["List-Id"] == "Liste für alle <list.example>"
    assert [box.display_name for box in message["To"].addresses] == ["Joe Doe", "x" * 100]
    names = [item.get_filename() for item in message.iter_attachments()]
    assert names == ["report.pdf", "invite.ics", ("größe " * 20 + ".txt")]
    assert reading.unstructured(read(data).raw("Subject")) == EVERYTHING.subject


def test_the_standard_library_would_not_find_a_bcc_when_it_writes_our_bytes_again() -> None:
    """P9: its writer made a Bcc line out of an encoded subject; from our bytes there is nothing to make it of."""
    message = standard(content(subject="=?utf-8?q?x?= Bcc: victim@evil.example", headers=(("X-Bcc", "Bcc: a@b"),)))
    again = email.message_from_bytes(message.as_bytes())
    assert "bcc" not in {name.lower() for name in again.keys()}  # noqa: SIM118
    assert len(again.keys()) == len(message.keys())
