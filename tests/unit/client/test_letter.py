"""Words and Python's own messages become the JSON of the API, with nothing lost that can be said in it."""

from __future__ import annotations

import base64
import email
import email.policy
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import pytest

from postroom.client.letter import Attachment, message_json
from postroom.client.mail import as_bytes, words_of
from postroom.client.verbs import _parts


def test_words_are_spelled_as_the_api_has_them() -> None:
    made = message_json(
        {
            "sender": "a@x.test",
            "to": "b@x.test",
            "cc": ("c@x.test",),
            "tags": ["t"],
            "hold": True,
            "metadata": {"k": "v"},
        }
    )
    assert made == {
        "from": "a@x.test",
        "to": "b@x.test",
        "cc": ["c@x.test"],
        "tags": ["t"],
        "hold": True,
        "metadata": {"k": "v"},
    }


def test_what_is_none_is_not_given() -> None:
    assert message_json({"text": None, "to": []}) == {"to": []}


def test_a_misspelt_word_is_a_mistake_and_the_right_one_is_named() -> None:
    with pytest.raises(TypeError, match="did you mean 'subject'"):
        message_json({"subjekt": "x"})
    with pytest.raises(TypeError, match="'from'"):
        message_json({"from": "x"})


def test_a_time_keeps_its_zone_and_has_one() -> None:
    berlin = datetime(2026, 11, 20, 14, 30, tzinfo=timezone(timedelta(hours=1)))
    assert message_json({"send_at": berlin})["send_at"] == "2026-11-20T14:30:00+01:00"
    assert message_json({"send_at": "2026-11-20T13:30:00Z"})["send_at"] == "2026-11-20T13:30:00Z"
    with pytest.raises(ValueError, match="time zone"):
        message_json({"expires_at": datetime(2026, 11, 20)})  # noqa: DTZ001  (that it has none is the point)


def test_files_come_from_octets_and_from_paths(tmp_path: Path) -> None:
    path = tmp_path / "bill.pdf"
    path.write_bytes(b"\x00%PDF")
    logo = Attachment("logo.png", b"png", content_id="logo", inline=True)
    made = message_json({"attachments": [path, str(path), ("a.tar.gz", b"x"), logo]})["attachments"]
    octets = base64.b64encode(b"\x00%PDF").decode()
    assert made[0] == made[1] == {"filename": "bill.pdf", "content": octets, "content_type": "application/pdf"}
    assert made[2]["content_type"] == "application/octet-stream", "the type of what is inside would be wrong"
    assert made[3]["content_type"] == "image/png"
    assert (made[3]["content_id"], made[3]["inline"]) == ("logo", True)


def test_a_missing_file_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        message_json({"attachments": [tmp_path / "none"]})


def test_the_content_of_a_file_is_in_no_repr() -> None:
    assert "hush" not in repr(Attachment("a", b"hush"))


def full() -> EmailMessage:
    message = EmailMessage()
    message["From"] = '"Räuber, Hotz" <hotz@x.test>'
    message["To"] = "Ann <ann@x.test>, bob@x.test"
    message["Cc"] = "cid@x.test"
    message["Bcc"] = "dan@x.test"
    message["Reply-To"] = "reply@x.test"
    message["Subject"] = "Grüße"
    message["X-Case"] = "1"
    message["X-Case"] = "2"
    message["Message-ID"] = "<own@x.test>"
    message.set_content("Text ä\n")
    message.add_alternative('<img src="cid:logo">', subtype="html")
    message.get_payload()[1].add_related(b"png", "image", "png", cid="<logo>")  # type: ignore[union-attr,index]
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="bill.pdf")
    return message


def test_a_message_of_pythons_is_said_in_words() -> None:
    words: Any = words_of(full())
    assert words["sender"] == '"Räuber, Hotz" <hotz@x.test>'
    assert words["to"] == ["Ann <ann@x.test>", "bob@x.test"]
    assert (words["cc"], words["bcc"], words["reply_to"]) == (["cid@x.test"], ["dan@x.test"], ["reply@x.test"])
    assert words["subject"] == "Grüße"
    assert words["text"] == "Text ä\n"
    assert words["html"].strip() == '<img src="cid:logo">'
    assert words["headers"] == {"X-Case": ["1", "2"]}
    inline, attached = words["attachments"]
    assert (inline.content_id, inline.inline, inline.content, inline.content_type) == (
        "logo",
        True,
        b"png",
        "image/png",
    )
    assert (attached.filename, attached.content, attached.inline) == ("bill.pdf", b"%PDF", False)


def test_messages_of_the_old_kind_too() -> None:
    old = MIMEMultipart()
    old["From"], old["To"], old["Subject"] = "a@x.test", "b@x.test", "=?utf-8?q?Gr=C3=BC=C3=9Fe?="
    old.attach(MIMEText("Text ä", "plain", "utf-8"))
    image = MIMEImage(b"\x89PNG", "png")
    image["Content-ID"] = "<logo>"
    old.attach(image)
    words: Any = words_of(old)
    assert (words["subject"], words["text"], words["to"]) == ("Grüße", "Text ä", ["b@x.test"])
    assert words["attachments"][0].content_id == "logo"


def test_an_attached_message_stays_one_file() -> None:
    outer, inner = EmailMessage(), full()
    outer["To"] = "a@x.test"
    outer.set_content("See below.")
    outer.add_attachment(inner)
    (attached,) = words_of(outer)["attachments"]
    assert isinstance(attached, Attachment)
    assert attached.content_type == "message/rfc822"
    assert email.message_from_bytes(attached.content, policy=email.policy.default)["subject"] == "Grüße"


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"\r\n",
        b"To: \r\n\r\n",
        b"To: undisclosed-recipients:;\r\n\r\nx",
        b"Content-Type: text/plain; charset=unknown-8bit\r\n\r\n\xff",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\nno parts",
        b"Content-Type: multipart/alternative\r\n\r\n--\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Subject: =?utf-8?b?!!!?=\r\n\r\n",
    ],
)
def test_odd_messages_end_in_words_for_postroom_to_judge(source: bytes) -> None:
    for policy in (email.policy.default, email.policy.compat32):
        message_json(words_of(email.message_from_bytes(source, policy=policy)))


@pytest.mark.parametrize("header", [b"From: <", b"To: <"])
def test_what_pythons_parser_stumbles_over_is_told_as_such(header: bytes) -> None:
    message = email.message_from_bytes(header + b"\r\n\r\nx")
    with pytest.raises(ValueError, match="send_raw"):
        words_of(message)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("=?utf-8?q?ann=40else.test?=@x.test", ["=?utf-8?q?ann=40else.test?=@x.test"]),
        ("=?utf-8?q?Ann=2C_B?= <ann@x.test>", ['"Ann, B" <ann@x.test>']),
        ('"=?utf-8?q?Ann?=" <ann@x.test>', ['"=?utf-8?q?Ann?=" <ann@x.test>']),
        ("ann@x.test (=?utf-8?q?you=40else.test?=)", ["ann@x.test"]),
        ("Ann <ann@x.test>,\n bob@x.test", ["Ann <ann@x.test>", "bob@x.test"]),
        ("People: ann@x.test;", ["ann@x.test"]),
        ("ann@b\u00fccher.test", ["ann@b\u00fccher.test"]),
        ("ann@", ["ann@"]),
    ],
)
def test_addresses_are_those_that_stand_there(written: str, found: list[str]) -> None:
    """Threat A20: Python's own parser decodes parts of an address, and mail would go to somebody else."""
    message = email.message_from_bytes(f"To: {written}\n\nx".encode(), policy=email.policy.default)
    words: Any = words_of(message)
    assert words["to"] == found


def test_an_address_that_python_has_decoded_already_is_not_used() -> None:
    message = EmailMessage()
    message["To"] = "=?utf-8?q?ann=40else.test?=@x.test"
    with pytest.raises(ValueError, match="send_raw"):
        words_of(message)


def test_octets_have_the_line_ends_of_mail() -> None:
    octets = as_bytes(full())
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert b"\r\nFrom here" in as_bytes(MIMEText("Hello\nFrom here", "plain"))


def test_many_messages_go_in_requests_of_a_bearable_size() -> None:
    assert [len(part) for part in _parts([{"to": "a"}] * 1_201)] == [500, 500, 201]
    heavy = {"attachments": [{"content": "x" * 5_000_000}]}
    assert [len(part) for part in _parts([heavy, heavy, {"to": "a"}])] == [1, 2]
    assert list(_parts([])) == []
