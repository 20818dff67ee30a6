"""Replies of our server: one reply stays one, whatever text is put into it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postroom.smtp import server_reply
from postroom.smtp.reply import Reply, ReplyReader
from postroom.smtp.server_reply import written


@given(st.text(max_size=3_000))
def test_no_text_makes_two_replies_of_one(text: str) -> None:
    said = written(Reply(550, "5.6.0", text))
    reader = ReplyReader()
    (reply,) = reader.feed(said)
    assert reply.code == 550
    assert reader.fault is None
    assert not reader.pending
    assert said.isascii()
    assert all(len(line) <= 510 for line in said.split(b"\r\n"))


def test_the_enhanced_code_is_on_every_line() -> None:
    assert written(Reply(550, "5.7.60", "one\ntwo")) == b"550-5.7.60 one\r\n550 5.7.60 two\r\n"


def test_long_words_are_broken_and_many_lines_end() -> None:
    assert written(Reply(250, "2.0.0", "x" * 1_000)).count(b"\r\n") == 3
    assert written(Reply(250, "2.0.0", "x\n" * 1_000)).count(b"\r\n") == server_reply.MAX_LINES


def test_typography_is_spelled_plainly() -> None:
    assert written(Reply(250, "2.0.0", "a… – ‘b’ ü")) == b"250 2.0.0 a... - 'b' ?\r\n"
