"""The first run: one link makes one owner, while there is nobody; afterwards it opens nothing."""

from __future__ import annotations

from typing import Any

import pytest

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, NotFound
from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from postroom.office import first_run
from tests.store.house import ADMIN, House

PASSWORD = "correct horse battery"
OWNER: dict[str, Any] = {"login": "ann@example.com", "name": "Ann", "organisation": "Acme"}


def test_who_follows_the_link_may_do_everything_and_is_signed_in(house: House) -> None:
    token = house.office.first_run_token().result()
    assert house.office.first_run_open(token).result()
    done = house.office.first_run(token, OWNER, PASSWORD, address="192.0.2.1").result()
    actor = house.office.authenticate(done.token).result()
    assert (actor.tenant_id, actor.name, actor.may(Scope.ADMIN)) == (INSTALLATION, "ann@example.com", True)
    assert house.office.me(actor).result().email == "ann@example.com"
    assert house.office.snapshot.tenants[INSTALLATION].name == "Acme"
    assert house.office.sign_in("ann@example.com", PASSWORD).result().user.id == done.user.id
    entries = {entry.verb: entry for entry in house.office.audit(ADMIN, limit=100).result().entries}
    assert (entries["user.created"].door, entries["user.created"].address) == ("first run", "192.0.2.1")


def test_the_link_is_worthless_once_there_is_somebody(house: House) -> None:
    token = house.office.first_run_token().result()
    house.office.first_run(token, OWNER, PASSWORD).result()
    assert house.office.first_run_token().result() == ""
    assert not house.office.first_run_open(token).result()
    with pytest.raises(Conflict):
        house.office.first_run(token, {**OWNER, "login": "eve@example.com"}, PASSWORD).result()
    assert [user.login for user in house.office.users(ADMIN).result()] == ["ann@example.com"]


def test_of_two_who_follow_it_at_once_one_becomes_the_owner(house: House) -> None:
    token = house.office.first_run_token().result()
    both = [house.office.first_run(token, {"login": name}, PASSWORD, address=name) for name in ("ann", "eve")]
    failed = [one.exception(60) for one in both]
    assert sorted(type(one).__name__ for one in failed) == ["Conflict", "NoneType"]
    assert len(house.office.users(ADMIN).result()) == 1


@pytest.mark.parametrize("token", ["", "pf_", "pf_AAAA", "pf_" + "A" * 120, "x", "pf_é", "pf_" + "!" * 80])
def test_a_made_up_token_opens_nothing(house: House, token: str) -> None:
    assert not house.office.first_run_open(token).result()
    with pytest.raises(NotFound):
        house.office.first_run(token, OWNER, PASSWORD)


def test_the_link_is_good_for_a_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token = house.office.first_run_token().result()
    day = 24 * 3600 * 1000
    monkeypatch.setattr(first_run, "now_ms", lambda: now_ms() + day + 1)
    assert not house.office.first_run_open(token).result()
    with pytest.raises(NotFound):
        house.office.first_run(token, OWNER, PASSWORD)


def test_all_that_is_wrong_is_said_at_once(house: House) -> None:
    token = house.office.first_run_token().result()
    with pytest.raises(BadInput) as told:
        house.office.first_run(token, {"login": "two words", "nmae": "Ann"}, "short")
    assert {one.field for one in told.value.faults} == {"login", "nmae", "password"}
