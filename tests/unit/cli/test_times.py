"""Times are taken as people say them, and never guessed at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from postroom.cli.complaint import CommandError, ExitCode
from postroom.cli.times import clock_time, local, moment

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=timezone(timedelta(hours=1)))


def _read(text: str, *, back: bool = False) -> str:
    return moment(text, option="--at", back=back, now=NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T14:30:00+01:00", "2026-11-20T13:30:00.000Z"),
        ("2026-11-20T14:30:00.123Z", "2026-11-20T14:30:00.123Z"),
        ("now", "2026-11-20T08:30:00.000Z"),
        ("2h", "2026-11-20T10:30:00.000Z"),
        ("45min", "2026-11-20T09:15:00.000Z"),
        ("3 d", "2026-11-23T08:30:00.000Z"),
        (" 1W ", "2026-11-27T08:30:00.000Z"),
    ],
)
def test_moments(text: str, expected: str) -> None:
    assert _read(text) == expected


def test_a_span_counts_back_where_the_option_looks_back() -> None:
    assert _read("2h", back=True) == "2026-11-20T06:30:00.000Z"


@pytest.mark.parametrize(("text", "clock"), [("14:30", "14:30"), ("9:05", "09:05"), ("2026-11-20 14:30", "14:30")])
def test_a_time_without_zone_is_this_machines(text: str, clock: str) -> None:
    here = datetime.fromisoformat(f"2026-11-20T{clock}").astimezone().astimezone(UTC)
    assert _read(text) == f"{here:%Y-%m-%dT%H:%M:%S}.000Z"


def test_days_begin_at_midnight_here() -> None:
    midnight = datetime(2026, 11, 19).astimezone().astimezone(UTC)
    assert _read("yesterday") == f"{midnight:%Y-%m-%dT%H:%M:%S}.000Z"


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "2026-13-01", "9999999d", "-1h", "2026-11-20T14:30+99:00", "\x1b"]
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CommandError) as caught:
        _read(text)
    assert caught.value.code is ExitCode.USAGE
    assert "14:30" in caught.value.hint


def test_shown_times_are_local_and_odd_ones_left_alone() -> None:
    here = datetime(2026, 11, 20, 8, 30, 1, 500_000, tzinfo=UTC).astimezone()
    assert local("2026-11-20T08:30:01.500Z") == f"{here:%Y-%m-%d %H:%M:%S}"
    assert clock_time("2026-11-20T08:30:01.500Z") == f"{here:%H:%M:%S}.500"
    assert local(None) == ""
    assert local("whenever") == "whenever"
