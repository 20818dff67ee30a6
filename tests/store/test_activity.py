"""The hours of the overview: what is counted in which hour, for whom, and how much of it at most."""

from __future__ import annotations

import pytest

from postroom.errors import BadInput, Forbidden
from postroom.model.application import Actor, Scope
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.store import activity as module
from postroom.store.activity import HOUR_MS, activity
from tests.store.house import ADMIN, House

NOW = 1_800_000_000_000 // HOUR_MS * HOUR_MS + HOUR_MS // 2


def test_each_hour_has_what_was_accepted_in_it(house: House) -> None:
    actor = house.tenant("Acme")
    for ago_ms, state in ((0, State.SENT), (10, State.QUEUED), (HOUR_MS, State.FAILED), (2 * HOUR_MS, State.SILENCED)):
        house.mail(("ann@example.org", state), at_ms=NOW - ago_ms, tenant_id=actor.tenant_id)
    house.mail(("ann@example.org", State.SENT), at_ms=NOW - 30 * HOUR_MS, tenant_id=actor.tenant_id)
    with house.store.engine.connect() as connection:
        found = activity(connection, actor.tenant_id, NOW, 24)
        everybody = activity(connection, INSTALLATION, NOW, 24)
    assert len(found.hours) == 24
    last = [(one.sent, one.waiting, one.failed, one.kept) for one in found.hours[-3:]]
    assert last == [(0, 0, 0, 1), (0, 0, 1, 0), (1, 1, 0, 0)]
    assert found.hours[-1].began_ms == NOW - HOUR_MS // 2
    assert found.hours[-1].seconds is not None
    assert sum(one.sent for one in found.hours) == 1, "what is older than the hours asked for is not in them"
    assert everybody == found


def test_one_account_and_one_sender_can_be_looked_at_alone(house: House) -> None:
    account = house.account("main")
    house.mail(("ann@example.org", State.SENT, {"account_id": account}), at_ms=NOW)
    house.mail(("ann@example.org", State.FAILED, {"account_id": account}), at_ms=NOW, sender="other@example.com")
    house.mail(("ann@example.org", State.SENT), at_ms=NOW)
    with house.store.engine.connect() as connection:
        through = activity(connection, INSTALLATION, NOW, 24, account_id=account).hours[-1]
        both = activity(connection, INSTALLATION, NOW, 24, account_id=account, sender="shop@example.com").hours[-1]
    assert ((through.sent, through.failed), (both.sent, both.failed)) == ((1, 1), (1, 0))
    assert house.reports.account_number(ADMIN, "main") == account


def test_another_tenants_mail_is_not_counted(house: House) -> None:
    actor, other = house.tenant("Acme"), house.tenant("Other")
    house.mail(("ann@example.org", State.SENT), at_ms=NOW, tenant_id=actor.tenant_id)
    with house.store.engine.connect() as connection:
        assert all(one.sent == 0 for one in activity(connection, other.tenant_id, NOW, 24).hours)


def test_only_the_newest_are_counted_and_that_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_COUNTED", 2)
    for n in range(3):
        house.mail(("ann@example.org", State.SENT), at_ms=NOW - n * HOUR_MS)
    with house.store.engine.connect() as connection:
        found = activity(connection, INSTALLATION, NOW, 24)
    assert sum(one.sent for one in found.hours) == 2
    assert found.whole_since_ms is not None
    assert found.whole_since_ms // HOUR_MS == (NOW - HOUR_MS) // HOUR_MS


def test_it_needs_the_right_to_read_and_a_number_of_hours_that_makes_sense(house: House) -> None:
    with pytest.raises(Forbidden):
        house.reports.activity(Actor(INSTALLATION, frozenset({Scope.SEND})))
    for hours in (0, 169):
        with pytest.raises(BadInput):
            house.reports.activity(ADMIN, hours=hours)
