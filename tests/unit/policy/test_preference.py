"""What recipients chose decides, security mail always passes, and digests are due at their local time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.addresses import Address
from postroom.model.kind import DIGESTS, Kind, Way
from postroom.model.preference import Preference, Suppression, Why
from postroom.policy.preference import Asked, Fate, Told, decide, mailbox, next_digest, offered, way_of, zone_of

NOW = 1_790_000_000_000
DAY = 24 * 3_600_000
NEWS = Kind(1, 1, "News", way=Way.DAILY)
SECURITY = Kind(2, 1, "security", mandatory=True)
ZONES = ("UTC", "Europe/Prague", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")


def chose(**ways: Way) -> Preference:
    return Preference(1, "ann@example.org", ways=ways)


def suppressed(until_ms: int | None = None) -> Suppression:
    return Suppression(1, "ann@example.org", Why.NO_MAILBOX, expires_ms=until_ms)


def fate(
    kind: Kind | None,
    preference: Preference | None = None,
    suppression: Suppression | None = None,
    *,
    choose: bool = True,
    expires_ms: int | None = None,
) -> Told:
    asked = Asked(kind, choose, suppresses=True)
    return decide(asked, preference, suppression, now_ms=NOW, earliest_ms=NOW, expires_ms=expires_ms)


@given(
    st.sampled_from(list(Way)), st.booleans(), st.booleans(), st.one_of(st.none(), st.integers(NOW + 1, NOW + DAY))
)  # fmt: skip
def test_security_mail_always_passes_at_once(way: Way, choose: bool, listed: bool, expires_ms: int | None) -> None:
    told = fate(
        SECURITY, chose(security=way), suppressed() if listed else None, choose=choose, expires_ms=expires_ms
    )  # fmt: skip
    assert told == Told(Fate.AT_ONCE)


def test_mail_of_no_kind_leaves_at_once_but_to_nobody_who_is_suppressed() -> None:
    assert fate(None).fate is Fate.AT_ONCE
    assert fate(None, suppression=suppressed()).fate is Fate.SUPPRESSED


def test_a_suppression_holds_as_long_as_it_says() -> None:
    assert fate(NEWS, suppression=suppressed(NOW + 1)).fate is Fate.SUPPRESSED
    assert fate(NEWS, suppression=suppressed(NOW)).fate is Fate.COLLECT


def test_who_chose_nothing_gets_it_as_the_kind_has_it() -> None:
    assert fate(NEWS).fate is Fate.COLLECT
    assert fate(NEWS, chose(other=Way.NONE)).fate is Fate.COLLECT
    assert fate(Kind(3, 1, "alerts")).fate is Fate.AT_ONCE


@pytest.mark.parametrize(
    ("way", "expected"), [(Way.AT_ONCE, Fate.AT_ONCE), (Way.WEEKLY, Fate.COLLECT), (Way.NONE, Fate.DECLINED)]
)
def test_what_a_recipient_chose_holds(way: Way, expected: Fate) -> None:
    assert fate(NEWS, chose(news=way)).fate is expected


def test_without_the_switch_only_a_no_holds() -> None:
    assert way_of(NEWS, chose(news=Way.AT_ONCE), choose=False) is Way.DAILY
    assert way_of(NEWS, chose(news=Way.NONE), choose=False) is Way.NONE


def test_only_bulk_mail_may_be_stopped_where_nothing_is_chosen() -> None:
    assert not offered(NEWS, choose=False)
    assert offered(NEWS, choose=True)
    assert offered(Kind(3, 1, "letters", bulk=True), choose=False)
    assert not offered(SECURITY, choose=True)


def test_mail_that_would_expire_before_the_digest_leaves_at_once() -> None:
    due = fate(NEWS).due_ms
    assert due is not None
    assert fate(NEWS, expires_ms=due).fate is Fate.AT_ONCE
    assert fate(NEWS, expires_ms=due + 1).fate is Fate.COLLECT


def test_one_mailbox_however_its_ascii_letters_are_written() -> None:
    assert mailbox(Address.parse("Ann.Smith@EXAMPLE.org")) == mailbox(Address.parse("ann.smith@example.org"))
    assert mailbox(Address.parse("İ@example.org")) != mailbox(Address.parse("i@example.org"))
    assert mailbox(Address.parse("K@example.org")) != mailbox(Address.parse("\u212a@example.org"))


# -- when a digest is due ---------------------------------------------------------------------------------------------

moments = st.integers(1_600_000_000_000, 2_200_000_000_000)


@given(st.sampled_from(sorted(DIGESTS)), st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 6), moments)
def test_a_digest_is_due_soon_and_at_the_local_time_that_was_chosen(
    way: Way, name: str, hour: int, weekday: int, after_ms: int
) -> None:
    zone = ZoneInfo(name)
    due = next_digest(way, zone, hour, weekday, after_ms)
    assert after_ms < due <= after_ms + {Way.HOURLY: 1, Way.DAILY: 26, Way.WEEKLY: 8 * 24}[way] * 3_600_000
    local = datetime.fromtimestamp(due / 1000, zone)
    if way is Way.HOURLY:
        assert due % 900_000 == 0
        return
    wished = datetime(local.year, local.month, local.day, hour, tzinfo=zone)
    if wished.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wished.replace(tzinfo=None):
        assert local.replace(tzinfo=None) == wished.replace(tzinfo=None)
        assert way is Way.DAILY or local.weekday() == weekday


@given(st.sampled_from((Way.DAILY, Way.WEEKLY)), st.sampled_from(ZONES), st.integers(0, 23), moments)
def test_no_day_and_no_week_has_two(way: Way, name: str, hour: int, after_ms: int) -> None:
    zone = ZoneInfo(name)
    first = next_digest(way, zone, hour, 2, after_ms)
    second = next_digest(way, zone, hour, 2, first)
    days = {datetime.fromtimestamp(at / 1000, zone).date() for at in (first, second)}
    assert len(days) == 2
    assert second - first >= (20 if way is Way.DAILY else 6 * 24 + 20) * 3_600_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("after", "hour", "due"),
    [
        ("2026-03-28T12:00+01:00", 2, "2026-03-29T03:00+02:00"),  # 02:00 is skipped that night
        ("2026-03-29T03:00+02:00", 2, "2026-03-30T02:00+02:00"),
        ("2026-10-24T12:00+02:00", 2, "2026-10-25T02:00+02:00"),  # 02:00 comes twice that night
        ("2026-10-25T02:00+02:00", 2, "2026-10-26T02:00+01:00"),
        ("2026-10-24T12:00+02:00", 8, "2026-10-25T08:00+01:00"),
    ],
)
def test_a_clock_that_is_changed_skips_no_digest_and_doubles_none(after: str, hour: int, due: str) -> None:
    assert next_digest(Way.DAILY, ZoneInfo("Europe/Prague"), hour, 0, at(after)) == at(due)


def test_hours_follow_the_recipients_own_clock() -> None:
    assert next_digest(Way.HOURLY, ZoneInfo("Asia/Kathmandu"), 8, 0, at("2026-11-20T12:10+05:45")) == at(
        "2026-11-20T13:00+05:45"
    )


@pytest.mark.parametrize("name", ["", "Nowhere/Atlantis", "../../etc/passwd", "/etc/passwd", "Europe", "\0"])
def test_a_zone_that_is_not_known_is_utc(name: str) -> None:
    assert zone_of(name) is UTC
