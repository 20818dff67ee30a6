"""The reply reader: right for what servers say, bounded and quiet for whatever else arrives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.smtp.reply import (
    MAX_EXCERPT,
    MAX_LINE,
    MAX_LINES,
    MAX_TEXT,
    Reply,
    ReplyReader,
    Unintelligible,
    printable,
)


def heard(data: bytes, size: int | None = None) -> tuple[list[Reply], Unintelligible | None]:
    """What the reader makes of `data`, fed whole or in pieces of `size` bytes."""
    reader = ReplyReader()
    replies: list[Reply] = []
    for start in range(0, len(data), size or len(data) or 1):
        replies += reader.feed(data[start : start + (size or len(data))])
    return replies, reader.fault


UNDERSTOOD = {
    b"250 ok\r\n": [Reply(250, None, "ok")],
    b"250\r\n": [Reply(250, None, "")],
    b"250 \r\n": [Reply(250, None, "")],
    b"250\n": [Reply(250, None, "")],
    b"250 bare line feed\n": [Reply(250, None, "bare line feed")],
    b"250 two CR\r\r\n": [Reply(250, None, "two CR")],
    b"250\ttab\r\n": [Reply(250, None, "tab")],
    b"250 2.1.0 Ok\r\n": [Reply(250, "2.1.0", "Ok")],
    b"250 2.1.0\r\n": [Reply(250, "2.1.0", "")],
    b"550 5.1.1234 no enhanced code\r\n": [Reply(550, None, "5.1.1234 no enhanced code")],
    b"354 2.0.0 go\r\n": [Reply(354, None, "2.0.0 go")],
    b"571 5.7.1 no\r\n": [Reply(571, "5.7.1", "no")],
    b"250-a\r\n250-\r\n250 b\r\n": [Reply(250, None, "a\n\nb")],
    b"250-a\r\n250\r\n": [Reply(250, None, "a\n")],
    b"535-5.7.8 one\r\n535 5.7.8 two\r\n": [Reply(535, "5.7.8", "one\ntwo")],
    b"550-5.1.1 one\r\n550 two\r\n": [Reply(550, "5.1.1", "5.1.1 one\ntwo")],
    b"250 a\r\n250 b\r\n354 c\r\n": [Reply(250, None, "a"), Reply(250, None, "b"), Reply(354, None, "c")],
    "220 schön\r\n".encode(): [Reply(220, None, "schön")],
    b"220 \xff\r\n": [Reply(220, None, "\ufffd")],
    b"220 \x00\x1b[2J\r x\r\n": [Reply(220, None, "\\x00\\x1b[2J\\r x")],
    "220 \u202eevil\u2028\r\n".encode(): [Reply(220, None, "\\u202eevil\\u2028")],
}


@pytest.mark.parametrize("size", [None, 1, 3])
@pytest.mark.parametrize("data", UNDERSTOOD, ids=repr)
def test_what_is_understood(data: bytes, size: int | None) -> None:
    assert heard(data, size) == (UNDERSTOOD[data], None)


FAULTS = {
    b"000 null\r\n": "this is no SMTP reply",
    b"999 too much\r\n": "this is no SMTP reply",
    b"100 not yet\r\n": "this is no SMTP reply",
    b"25 short\r\n": "this is no SMTP reply",
    b"2500 long\r\n": "this is no SMTP reply",
    b"250x glued\r\n": "this is no SMTP reply",
    b"\r\n": "this is no SMTP reply",
    b"5.2.1 Subject is Mandatory\r\n": "this is no SMTP reply",
    b"HTTP/1.1 400 Bad Request\r\n": "this is no SMTP reply",
    "２５０ ok\r\n".encode(): "this is no SMTP reply",
    b"250-a\r\n550 b\r\n": "the reply began with 250 and went on with another code",
    b"250-a\r\nb\r\n": "this is no SMTP reply",
    b"250-" + b"x" * 200 + b"\r\nb\r\n": "this is no SMTP reply",
}


@pytest.mark.parametrize("size", [None, 1, 3])
@pytest.mark.parametrize("data", FAULTS, ids=lambda data: repr(data)[:40])
def test_what_is_no_reply(data: bytes, size: int | None) -> None:
    replies, fault = heard(b"220 before\r\n" + data + b"250 after\r\n", size)
    assert replies == [Reply(220, None, "before")]
    assert fault is not None
    assert (fault.reason, fault.too_long) == (FAULTS[data], False)


@pytest.mark.parametrize("size", [None, 1000])
@pytest.mark.parametrize(
    "data",
    [
        b"250-x\r\n" * (MAX_LINES + 1),
        b"250-" + b"x" * MAX_LINE + b"\r\n",
        b"250 " + b"x" * (MAX_LINE + 100),
        (b"250-" + b"x" * 1000 + b"\r\n") * 99,
    ],
    ids=["lines", "a long line", "a line without end", "bytes"],
)
def test_a_reply_has_an_end(data: bytes, size: int | None) -> None:
    replies, fault = heard(data, size)
    assert replies == []
    assert fault is not None
    assert fault.too_long


def test_after_a_fault_nothing_is_kept_and_nothing_is_heard() -> None:
    reader = ReplyReader()
    reader.feed(b"what\r\n250-half")
    fault = reader.fault
    assert reader.feed(b"250 ok\r\n") == []
    assert reader.fault is fault
    assert not reader.drop()


def test_an_excerpt_is_short_and_escaped() -> None:
    _, fault = heard(b"\x1b]0;" + b"x" * 5000 + b"\r\n")
    assert fault is not None
    assert len(fault.excerpt) <= MAX_EXCERPT
    assert fault.excerpt.startswith("\\x1b]0;xx")


def test_text_is_kept_up_to_a_bound_but_a_challenge_is_kept_whole() -> None:
    (long,), _ = heard(b"550 " + b"x" * 5000 + b"\r\n")
    assert len(long.text) == MAX_TEXT
    assert long.text.endswith("x…")
    (challenge,), _ = heard(b"334 " + b"x" * 5000 + b"\r\n")
    assert challenge.text == "x" * 5000


@pytest.mark.parametrize("half", [b"25", b"250-a\r\n", b"250-a\r\n250"])
def test_bytes_that_are_no_reply_yet_are_dropped_and_told_of(half: bytes) -> None:
    """STARTTLS: what came in clear must not be continued by what comes through TLS."""
    reader = ReplyReader()
    assert not reader.drop()
    reader.feed(b"220 ready\r\n" + half)
    assert reader.pending
    assert reader.drop()
    assert not reader.pending
    assert reader.feed(b"550 fresh\r\n") == [Reply(550, None, "fresh")]
    assert not reader.drop()


def test_classes_and_conflicts() -> None:
    """The first digit decides; that the enhanced code says something else stays visible."""
    assert Reply(250, None, "").positive
    assert Reply(354, None, "").intermediate
    assert Reply(452, None, "").temporary
    assert Reply(550, None, "").permanent
    for code in (250, 354, 452, 550):
        reply = Reply(code, None, "")
        assert [reply.positive, reply.intermediate, reply.temporary, reply.permanent].count(True) == 1
        assert not reply.conflict
    conflicting = heard(b"550 2.1.5 fine\r\n")[0][0]
    assert conflicting.permanent
    assert conflicting.conflict
    assert str(conflicting) == "550 2.1.5 fine"


@pytest.mark.parametrize(
    "said",
    ["250 ok", "250", "250-a\n250 b", "535-5.7.8 a\n535 5.7.8 b", "550-5.1.1 a\n550 b", "250 2.1.0", "250-x\n250"],
)
def test_a_reply_shows_what_was_said(said: str) -> None:
    (reply,), _ = heard(said.replace("\n", "\r\n").encode() + b"\r\n")
    assert str(reply) == said


def test_printable_leaves_plain_text_alone() -> None:
    assert printable("schön 5.7.1 ok") == "schön 5.7.1 ok"
    assert printable("a\nb\x7f\u0085\u00a0\u200f") == "a\\nb\\x7f\\x85\\xa0\\u200f"


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"250 ok\r\n", b"250-a\r\n", b"250 b\r\n", b"354 go\n", b"550-5.1.1 x\r\n", b"\r\n", b"\n", b"250"]
    ),
    st.binary(min_size=1, max_size=1).map(lambda one: one * 3000),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=30), st.integers(1, 50))
def test_anything_may_be_fed_in_any_pieces(pieces: list[bytes], size: int) -> None:
    """It never raises, the pieces do not matter, all text is safe, and no more is kept than the bounds allow."""
    data = b"".join(pieces)
    whole, fault = heard(data)
    assert heard(data, size) == (whole, fault) or (fault is not None and fault.too_long)
    for reply in whole:
        assert 200 <= reply.code < 600
        assert len(reply.text) <= MAX_TEXT or reply.code == 334
        assert all(line.isprintable() for line in reply.lines)
    if fault is not None:
        assert fault.excerpt.isprintable()
    reader = ReplyReader()
    for piece in pieces:
        reader.feed(piece)
        kept = len(reader._rest) + sum(map(len, reader._lines))
        assert kept <= MAX_LINE + 65_536 + 3000
