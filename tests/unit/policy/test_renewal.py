"""A token is renewed ahead of its end and within the hour, and a provider in trouble is asked ever less often."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.model.account import Account, Login
from postroom.model.grant import Grant, OAuth2Flow
from postroom.policy.renewal import days_left, due, usable

NOW = 1_800_000_000_000
MINUTE = 60_000
ACCOUNT = Account(id=1, tenant_id=1, name="main", host="h", port=25, login=Login.OAUTH2)
CERTIFIED = replace(ACCOUNT, oauth2_flow=OAuth2Flow.CLIENT_CREDENTIALS)


def grant(minutes: float = 60, *, ago: float = 0, trouble: int = 0, refresh: bytes | None = b"r") -> Grant:
    """One whose token was got `ago` minutes before now and lasts `minutes`."""
    got = NOW - int(ago * MINUTE)
    return Grant(
        1, 1, refresh=refresh, access=b"a", access_expires_ms=got + int(minutes * MINUTE), renewed_ms=got,
        asked_ms=got, trouble=trouble,
    )  # fmt: skip


@pytest.mark.parametrize(("minutes", "good"), [(60, True), (2.1, True), (2, False), (0, False), (-5, False)])
def test_clocks_may_differ_by_two_minutes(minutes: float, good: bool) -> None:
    assert usable(grant(minutes), NOW) is good


def test_without_a_token_none_is_usable() -> None:
    assert not usable(None, NOW)
    assert not usable(replace(grant(), access=None), NOW)
    assert not usable(replace(grant(), access_expires_ms=None), NOW)


@pytest.mark.parametrize(
    ("minutes", "ago", "asked"),
    [(60, 39.9, False), (60, 40, True), (30, 19.9, False), (30, 20, True), (10, 4.9, False), (10, 5, True),
     (1_440, 39, False), (1_440, 41, True)],
)  # fmt: skip
def test_it_is_asked_ten_minutes_ahead_or_at_half_time_and_every_forty_minutes(
    minutes: float, ago: float, asked: bool
) -> None:
    """So that a grant that died is noticed within the hour, however long its tokens live."""
    assert due(ACCOUNT, grant(minutes, ago=ago), NOW) is asked


@pytest.mark.parametrize(("trouble", "rest"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 15), (50, 15), (10_000, 15)])
def test_trouble_is_given_more_time_up_to_a_quarter_of_an_hour(trouble: int, rest: int) -> None:
    assert not due(ACCOUNT, grant(ago=rest - 0.1, trouble=trouble), NOW)
    assert due(ACCOUNT, grant(ago=rest, trouble=trouble), NOW)


def test_nobody_is_asked_where_there_is_nothing_to_ask_with() -> None:
    assert not due(ACCOUNT, None, NOW)
    assert not due(ACCOUNT, grant(ago=500, refresh=None), NOW)
    assert due(CERTIFIED, None, NOW)
    assert due(CERTIFIED, grant(ago=500, refresh=None), NOW)
    assert due(ACCOUNT, replace(grant(), asked_ms=None), NOW)


def test_days_until_the_applications_secret_ends() -> None:
    """NOW is 2027-01-15, 08:00 UTC."""
    ends = {"2027-01-15": 0, "2027-02-14": 30, "2027-01-14": -1, "2028-01-15": 365}
    for day, left in ends.items():
        assert days_left(replace(ACCOUNT, oauth2_secret_expires=day), NOW) == left
    assert days_left(ACCOUNT, NOW) is None
    assert days_left(replace(ACCOUNT, oauth2_secret_expires="soon"), NOW) is None
