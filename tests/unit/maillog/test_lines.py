"""One line for one happening, whatever is in it (P9), and a log that can't be written never stops the mail."""

from __future__ import annotations

import inspect
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.maillog import MailLog
from postroom.settings import LogFormat

HOSTILE = ["a\nb sent id=m_1", "a\r\nb", "a\x00b", "\x1b[31mred", 'a" b="c', "a\u2028b", "a\u0085b", "=x|y!A0", "é"]


def _said(form: LogFormat, *args: object) -> str:
    stream = io.StringIO()
    log = MailLog(form, stream)
    log.moved("deferred", 1, 0, *(str(arg) for arg in args))
    log.flush()
    return stream.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", list(LogFormat))
def test_nothing_from_outside_breaks_a_line_or_forges_a_field(form: LogFormat, text: str) -> None:
    line = _said(form, text, text, text, text, text)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    if form is LogFormat.JSON:
        assert json.loads(line)["to"] == text
    else:
        assert " sent id=" not in line.replace('"', "")[: line.index("to=")]


@given(st.text(max_size=300))
def test_any_text_is_one_printable_line(text: str) -> None:
    line = _said(LogFormat.TEXT, text, "account", "", "", text)
    assert line.count("\n") == 1
    assert line[:-1].isprintable()


def test_a_value_of_any_length_is_cut() -> None:
    assert len(_said(LogFormat.TEXT, "x" * 100_000, "a", "", "", "")) < 2_000


def test_a_sentence_is_a_time_a_word_and_fields() -> None:
    stream = io.StringIO()
    log = MailLog(LogFormat.TEXT, stream)
    log.delivered(382_100_294_185_517_056, 0, "you@example.org", "Relay", "250 2.0.0 Ok")
    log.flush()
    stamp, word, *fields = stream.getvalue().strip().split(" ", 4)
    assert stamp.endswith("Z")
    assert word == "sent"
    assert fields[1:] == ["n=0", 'to=you@example.org account=Relay reply="250 2.0.0 Ok"']


def test_without_a_format_nothing_is_written() -> None:
    stream = io.StringIO()
    log = MailLog(None, stream)
    log.stopped()
    log.flush()
    assert stream.getvalue() == ""


def test_a_stream_that_can_not_be_written_to_stops_nobody() -> None:
    stream = io.StringIO()
    stream.close()
    log = MailLog(LogFormat.TEXT, stream)
    log.stopped()
    log.flush()


def test_an_unexpected_error_is_told_with_its_place_and_without_a_traceback() -> None:
    stream = io.StringIO()
    log = MailLog(LogFormat.TEXT, stream)
    try:
        raise ValueError("bad\nthing")
    except ValueError as error:
        log.unexpected("lane", error)
    assert stream.getvalue().count("\n") == 1
    assert "at=test_lines.py:" in stream.getvalue()


def test_no_sentence_takes_a_subject_a_body_or_a_secret() -> None:
    for name, sentence in inspect.getmembers(MailLog, inspect.isfunction):
        if not name.startswith("_"):
            assert not {"subject", "content", "body", "secret", "password"} & set(
                inspect.signature(sentence).parameters
            )
