"""An application's rate: a minute's worth at once, then as fast as the bucket fills; time is an argument here."""

from __future__ import annotations

import pytest

from postroom.errors import TooMany
from postroom.model.application import Application
from postroom.outbox.rates import Rates
from postroom.policy.snapshot import Snapshot


def settled(per_minute: int | None) -> Snapshot:
    return Snapshot.of(applications=[Application(7, 1, "shop", per_minute=per_minute)])


def taken(rates: Rates, snapshot: Snapshot, now_ms: float, most: int = 1000) -> int:
    """How many are taken before one is refused."""
    for count in range(most):
        try:
            rates.take(snapshot, 7, now_ms)
        except TooMany:
            return count
    return most


def test_a_minutes_worth_at_once_and_then_one_at_a_time() -> None:
    rates, snapshot = Rates(), settled(6)
    assert taken(rates, snapshot, 0) == 6
    with pytest.raises(TooMany) as refused:
        rates.take(snapshot, 7, 0)
    assert refused.value.seconds == 11
    assert taken(rates, snapshot, 10_000) == 1
    assert taken(rates, snapshot, 30_000) == 2
    assert taken(rates, snapshot, 3_600_000) == 6


def test_no_rate_is_no_limit_and_people_have_none() -> None:
    rates = Rates()
    assert taken(rates, settled(None), 0) == 1000
    rates.take(settled(1), None, 0)
    rates.take(settled(1), 99, 0)


def test_a_new_rate_holds_at_once() -> None:
    rates = Rates()
    assert taken(rates, settled(100), 0) == 100
    assert taken(rates, settled(1), 60_000) == 1
