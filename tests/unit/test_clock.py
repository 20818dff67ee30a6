"""Times are whole milliseconds UTC, and text without an offset is nobody's time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.clock import iso, parse_iso


@given(st.integers(0, 253_402_300_799_999))
def test_a_time_comes_back_from_its_text(at_ms: int) -> None:
    assert abs(parse_iso(iso(at_ms)) - at_ms) <= 1


def test_it_is_written_as_rfc_3339_in_utc() -> None:
    assert iso(1_795_167_133_007) == "2026-11-20T09:32:13.007Z"


def test_offsets_are_understood() -> None:
    assert parse_iso("2026-11-20T10:32:13+01:00") == parse_iso("2026-11-20T09:32:13Z")


@pytest.mark.parametrize("text", ["2026-11-20T10:32:13", "tomorrow", "", "2026-13-01T00:00:00Z"])
def test_what_is_no_moment_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|is not a time"):
        parse_iso(text)
