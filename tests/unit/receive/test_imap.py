"""What an IMAP server sends is understood within bounds whatever it is, and no value becomes a command (threat A3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.receive.imap.command import Unwritable, folder_name, numbers, quoted
from postroom.receive.imap.responses import MAX_LINE, Response, Responses


def heard(data: bytes, piece: int = 1 << 20) -> tuple[list[Response], str]:
    reader, found = Responses(), []
    for at in range(0, len(data), piece):
        found += reader.feed(data[at : at + piece])
    return found, reader.fault


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_octets_are_answered_with_responses_or_a_fault_however_they_are_cut(data: bytes, piece: int) -> None:
    assert heard(data, piece) == heard(data)


def test_a_mail_with_lines_like_answers_in_it_is_one_literal() -> None:
    body = b"Subject: x\r\n\r\nP1 OK done\r\n* BYE {9999999}\r\n)"
    data = b"* 2 FETCH (UID 7 BODY[]<0> {%d}\r\n%s)\r\nP1 OK [READ-ONLY] all {5}\r\n" % (len(body), body)
    for piece in (1, 7, 1 << 20):
        (fetched, ended), fault = heard(data, piece)
        assert (fetched.kind, fetched.number, fetched.data) == ("FETCH", 2, ((b"UID", b"7", b"BODY[]<0>", body),))
        assert (ended.tag, ended.kind, ended.code, ended.text, fault) == ("P1", "OK", "READ-ONLY", "all {5}", "")


@pytest.mark.parametrize(
    "data",
    [
        b"* 1 FETCH (BODY[] {999999999999}\r\n",
        b"* CAPABILITY " + b"x" * MAX_LINE + b"\r\n",
        b"x" * (MAX_LINE + 1),
        b"* 1 FETCH " + b"(" * 50 + b"\r\n",
        b"* 1 FETCH )(\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
)
def test_what_is_too_much_or_no_imap_is_a_fault_and_ends_it(data: bytes) -> None:
    found, fault = heard(data)
    assert (found, bool(fault)) == ([], True)


@given(st.text(max_size=40))
def test_no_value_breaks_out_of_its_quotes(text: str) -> None:
    for write in (quoted, folder_name):
        try:
            written = write(text)
        except Unwritable:
            continue
        assert written.isascii()
        assert not {0, 10, 13} & set(written)
        inner = written[1:-1].replace(b"\\\\", b"").replace(b'\\"', b"")
        assert written[:1] == written[-1:] == b'"'
        assert b'"' not in inner


@pytest.mark.parametrize("text", ['x" \r\nP9 DELETE INBOX', "x\ny", "x\0y"])
def test_a_line_break_is_not_written_at_all(text: str) -> None:
    for write in (quoted, folder_name):
        with pytest.raises(Unwritable):
            write(text)


def test_folders_are_written_as_the_standard_has_it() -> None:
    """RFC 3501, 5.1.3."""
    assert folder_name("~peter/mail/台北/日本語") == b'"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'
    assert folder_name("A&B") == b'"A&-B"'
    assert numbers([7, 3, 1, 2, 2]) == b"1:3,7"
