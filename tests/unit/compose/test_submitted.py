"""Messages that somebody else composed: what is read of them, and that nothing is changed but what has to be."""

from __future__ import annotations

import unicodedata
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.addresses import Address
from postroom.compose.footer import Footer
from postroom.compose.submitted import MAX_HOPS, Mending, mended, read, received, with_crlf
from postroom.compose.submitted_header import MAX_FIELDS, MAX_HEADER, Header, address_keys, decoded, shown
from postroom.errors import BadInput

PLAIN = b"From: a@x.org\r\nSubject: x\r\n\r\nbody\r\n"
LINES = st.binary(max_size=40).map(lambda data: data.translate(None, b"\r\n"))


def faults(content: bytes) -> list[str]:
    with pytest.raises(BadInput) as refused:
        read(content)
    return [fault.field for fault in refused.value.faults]


def header(text: bytes) -> Header:
    return Header.split(text + b"\r\n")[0]


# -- reading ----------------------------------------------------------------------------------------------------------


def test_what_is_read_of_a_message() -> None:
    submitted = read(
        b"From: =?utf-8?q?J=C3=B6rg?= <joerg@x.org>\r\nSender: desk@x.org\r\n"
        b'To: "b@fake.org" <b@y.org>,\r\n  Group: c@y.org, (d@no.org) e@y.org;\r\nCc: f@y.org\r\n'
        b"Subject: =?utf-8?b?R3LDvA==?=\r\n =?utf-8?q?=C3=9Fe?= =?x-nothing?q?a?=\r\n"
        b"Message-Id: <1.2@x.org>\r\nX-Postroom-Tag: a\r\nX-Postroom-Tag: b\r\n\r\nbody\r\n"
    )
    assert [(one.spec, one.name) for one in submitted.senders] == [("joerg@x.org", "=?utf-8?q?J=C3=B6rg?=")]
    assert submitted.originator == Address("desk", "x.org")
    assert submitted.to == {"b@y.org", "c@y.org", "e@y.org"}
    assert submitted.cc == {"f@y.org"}
    assert submitted.subject == "Grüße=?x-nothing?q?a?="
    assert submitted.message_id == "1.2@x.org"
    assert submitted.asked == {"tag": ("a", "b")}
    assert submitted.body == b"body\r\n"


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"From: a@x.org\r\nFrom: b@x.org\r\n\r\n", ["from"]),
        (b"From: nobody\r\nSender: a@x.org\r\nSender: a@x.org\r\n\r\n", ["sender", "from"]),
        (b"From: a@x.org\r\nSender: a@x.org, b@x.org\r\n\r\n", ["sender"]),
        (b"X-Postroom-Nothing: x\r\nX-Postroom-Kind: \r\n\r\n", ["x-postroom-nothing", "x-postroom-kind"]),
        (b"Received: x\r\n" * (MAX_HOPS + 1) + PLAIN, ["received"]),
        (b"From: a@x.org\r\nnonsense\r\nTo: b@y.org\r\n\r\n", ["header"]),
        (b"\tFrom: a@x.org\r\n\r\n", ["header"]),
        (b"From a@x.org Fri Nov 20\r\nFrom: a@x.org\r\n\r\n", ["header"]),
        (b"X: y\r\n" * (MAX_FIELDS + 1) + b"\r\n", ["header"]),
        (b"X: " + b"y" * MAX_HEADER + b"\r\n\r\n", ["header"]),
        (b"From: a@x.org\r\n\x00To: b@y.org\r\n\r\n", ["header"]),
        (b"From: a@x.org\r\nTo\xff: b@y.org\r\n\r\n", ["header"]),
    ],
)  # fmt: skip
def test_what_is_refused(content: bytes, fields: list[str]) -> None:
    assert faults(content) == fields


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\r\nFrom: b@x.org\r\n", b"no header at all\r\nFrom: b@x.org\r\n"])
def test_without_a_header_all_is_body(content: bytes) -> None:
    submitted = read(content)
    assert submitted.senders == ()
    assert submitted.body == content.removeprefix(b"\r\n")
    finished = mended(submitted, Mending(sender=Address("a", "x.org")))
    assert finished == b"From: a@x.org\r\n\r\n" + submitted.body


@given(st.lists(LINES, max_size=12).map(b"\r\n".join))
@settings(max_examples=400)
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    try:
        submitted = read(content)
    except BadInput:
        return
    assert is_harmless(submitted.subject)
    finished = mended(submitted, Mending(trace="by x", date="now", message_id="1@x", sender=Address("a", "x.org")))
    parsed = message_from_bytes(finished, policy=policy.compat32)
    assert parsed.get_all("From") == ["a@x.org"], "an independent parser sees one From, ours"
    assert finished.endswith(submitted.body)


@given(st.text(max_size=200))
def test_what_is_shown_has_nothing_in_it_that_moves_a_cursor(text: str) -> None:
    assert is_harmless(shown(text))


def is_harmless(text: str) -> bool:
    return all(unicodedata.category(one) not in ("Cc", "Cs", "Zl", "Zp") for one in text) and len(text) <= 998


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?a_b=3D?=", "a b="),
        ("=?UTF-8*de?B?w7w=?= =?iso-8859-1?Q?=FC?=", "üü"),
        ("=?utf-8?b?w7w?= and =?utf-8?b?%?=", "ü and "),
        ("=?rot13?q?uryyb?= =?utf-16?q?a?=", "=?rot13?q?uryyb?==?utf-16?q?a?="),
        ("=?utf-8?q?a=0D=0AEvil:_x?=", "a\r\nEvil: x"),
    ],
)
def test_encoded_words_are_read(text: str, meaning: str) -> None:
    assert decoded(text) == meaning
    assert is_harmless(shown(text))


def test_addresses_of_recipients_are_found_as_others_find_them() -> None:
    """A20: what is in quotes, in comments or beside brackets is no recipient."""
    one = header(b'To: "x@no.org, y" <a@y.org>, (z@no.org (w@no.org)) b@y.org, "q q"@y.org, <c@y.org>;\r\n')
    assert address_keys(one.all("to")) == {"a@y.org", "b@y.org", "q q@y.org", "c@y.org"}


def test_hostile_headers_are_read_in_linear_time() -> None:
    """Counted by nothing but the time limit of the whole suite: each of these takes hours where it is quadratic."""
    for hostile in (
        b"To: " + b"(" * 200_000 + b"\r\n",
        b"To: " + b'"' * 199_999 + b"\r\n",
        b"To: " + b"a@" * 100_000 + b"\r\n",
        b"Subject: " + b"=?utf-8?q?" * 20_000 + b"\r\n",
        b"Subject: " + b"=?" * 100_000 + b"\r\n",
        b"a" * 250_000 + b"\r\n",
        b"To:" + b"\r\n " * 80_000 + b"\r\n",
        b"Content-Type: text/plain; " + b"a=b; " * 40_000 + b"\r\n",
        b"Content-Type: multipart/mixed; boundary=" + b'"\\' * 100_000 + b"\r\n",
    ):
        content = b"From: a@x.org\r\n" + hostile + b"\r\nbody\r\n"
        try:
            mended(read(content), Mending(footer=Footer("foot")))
        except BadInput:
            continue


# -- mending ----------------------------------------------------------------------------------------------------------


def test_nothing_to_mend_changes_nothing() -> None:
    content = b"X-Odd :\tvalue \r\n folded\r\nFrom: a@x.org\r\nfrom-x: \xff\r\n\r\n\r\n.\r\n"
    assert mended(read(content), Mending()) == content


def test_what_is_missing_is_put_before_all() -> None:
    trace = received("mail.example.org", "ESMTPSA", "m_1", "Fri, 20 Nov 2026 10:00:00 +0000")
    finished = mended(read(PLAIN), Mending(trace=trace, date="Fri, 20 Nov 2026 10:00:00 +0000", message_id="1@x.org"))
    assert finished == (
        b"Received: by mail.example.org (Postroom) with ESMTPSA id m_1;\r\n\tFri, 20 Nov 2026 10:00:00 +0000\r\n"
        b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x.org>\r\n" + PLAIN
    )


def test_what_is_there_is_not_put_in_again() -> None:
    content = b"Date: yesterday\r\nMessage-ID: odd\r\n" + PLAIN
    assert mended(read(content), Mending(date="now", message_id="1@x.org")) == content


def test_an_empty_id_is_none() -> None:
    content = b"Message-ID: <>\r\n" + PLAIN
    assert mended(read(content), Mending(message_id="1@x.org")) == b"Message-ID: <1@x.org>\r\n" + PLAIN


def test_what_nobody_should_see_is_taken_out() -> None:
    content = b"Bcc: hidden@y.org,\r\n other@y.org\r\nX-Postroom-Kind: invoice\r\nRESENT-BCC : x\r\n" + PLAIN
    assert mended(read(content), Mending()) == PLAIN


def test_another_from_takes_the_place_of_the_one_there() -> None:
    content = b"To: b@y.org\r\nFrom: =?utf-8?q?J=C3=B6rg?=\r\n <a@x.org>\r\nSubject: x\r\n\r\nbody\r\n"
    finished = mended(read(content), Mending(sender=Address("box", "z.org", "Jörg")))
    assert finished == b"To: b@y.org\r\nFrom: =?utf-8?b?SsO2cmc=?= <box@z.org>\r\nSubject: x\r\n\r\nbody\r\n"


def test_addresses_of_the_settings_take_the_place_of_all_there() -> None:
    content = b"Reply-To: a@x.org\r\nreply-to: b@x.org\r\nDisposition-Notification-To: a@x.org\r\n" + PLAIN
    reply_to = (Address("office", "x.org"),)
    finished = mended(read(content), Mending(reply_to=reply_to, receipt_to=()))
    assert finished == b"Reply-To: office@x.org\r\n" + PLAIN
    assert mended(read(PLAIN), Mending(reply_to=reply_to)) == b"Reply-To: office@x.org\r\n" + PLAIN


def test_two_renderings_of_one_mail_are_one_request() -> None:
    one = (
        b"Date: 1\r\nMessage-ID: <1@x>\r\nFrom: a@x.org\r\nContent-Type: multipart/mixed; boundary=one\r\n\r\n"
        b'--one\r\nContent-Type: multipart/alternative; boundary="two"\r\n\r\n'
        b"--two\r\n\r\ntext\r\n--two--\r\n--one--\r\n"
    )
    other = one.replace(b"one", b"1-1").replace(b"two", b"2=2").replace(b"<1@x>", b"<2@x>").replace(b": 1\r", b": 2\r")
    assert read(one).request() == read(other).request()
    for before, after in ((b"text", b"Text"), (b"From: a@", b"From: b@"), (b"Date", b"Subject")):
        assert read(one.replace(before, after)).request() != read(one).request()


@pytest.mark.parametrize("content", [b"a\nb", b"a\rb\r\n", b"a\r\nb", b"", b"a\r\r\nb\n\n"])
def test_line_ends_of_all_systems_become_those_of_mail(content: bytes) -> None:
    mended_ends = with_crlf(content)
    assert mended_ends.endswith(b"\r\n")
    rest = mended_ends.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest
    assert rest == content.translate(None, b"\r\n")
