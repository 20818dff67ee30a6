"""What is known of an account's pace: counted and learnt once for all nodes, and shown to those who look."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.clock import now_ms
from postroom.model.account import Account
from postroom.model.state import State
from postroom.policy.pace import Used
from postroom.policy.speed import NOTHING
from postroom.store import paces, queue
from tests.store.house import ADMIN, House, plans_of

MINUTE = 60_000
S = State


def account(house: House, **values: object) -> Account:
    number = house.account("a", **values)
    return house.office.snapshot.accounts[number]


def test_what_is_booked_is_read_again(house: House) -> None:
    one = account(house)
    used = Used(5_000, 7, ((472_222, 3), (472_223, 4)))

    def book(connection: object) -> None:
        paces.of_account(connection, one, lock=True)  # type: ignore[arg-type]
        paces.book(connection, one, used)  # type: ignore[arg-type]

    house.store.write(book).result()
    assert house.store.read(lambda c: paces.of_account(c, one)).result().used == used


def test_a_complaint_is_learnt_once_and_known_to_all(house: House) -> None:
    one = account(house, limits={"connections": 8, "per_minute": 100})
    moment = now_ms()
    first = house.store.write(lambda c: paces.learn(c, one, 40, moment, MINUTE, "slower")).result()
    again = house.store.write(lambda c: paces.learn(c, one, 40, moment + 1, MINUTE, "slower")).result()
    assert first == again
    assert (first.rate(moment), first.lanes(moment)) == (20, 4)
    assert house.store.read(lambda c: paces.learnt_of(c, moment)).result() == {one.id: first}
    assert house.store.read(lambda c: paces.learnt_of(c, moment + 60 * MINUTE)).result() == {}
    assert house.office.account(ADMIN, one.id).result().pace.learnt == first


def test_what_was_counted_for_all_nodes_counts_more_than_what_one_saw(house: House) -> None:
    one, moment = account(house, limits={"per_minute": 100}), now_ms()

    def both(connection: object) -> object:
        paces.of_account(connection, one, lock=True)  # type: ignore[arg-type]
        paces.book(connection, one, Used(moment, 90))  # type: ignore[arg-type]
        return paces.learn(connection, one, 10, moment, MINUTE, "")  # type: ignore[arg-type]

    assert house.store.write(both).result().rate(moment) == 45  # type: ignore[attr-defined]


def test_trouble_is_counted_from_its_first_time_and_ends_with_a_connection(house: House) -> None:
    one = account(house)
    house.store.write(lambda c: paces.troubled(c, one, "refused", 1_000)).result()
    house.store.write(lambda c: paces.troubled(c, one, "silent", 2_000)).result()
    found = house.store.read(paces.troubles).result()[one.id]
    assert (found.troubled_ms, found.trouble) == (1_000, "silent")
    assert any("silent" in sentence for sentence in house.office.account(ADMIN, one.id).result().needs)
    house.store.write(lambda c: paces.well(c, one)).result()
    assert house.store.read(paces.troubles).result() == {}
    assert house.store.read(lambda c: paces.of_account(c, one)).result().learnt == NOTHING


def test_what_is_before_a_mail_is_what_leaves_sooner_through_the_same_account(house: House) -> None:
    """Urgent mail of anybody, and what was due before; not other accounts' mail, and not what is not due yet."""
    one, other, moment = account(house), house.account("b"), now_ms()
    tenant = house.tenant("acme")
    mine = {"account_id": one.id, "due_ms": moment}
    house.mail(("a@test", S.QUEUED, {**mine, "due_ms": moment - 5}), ("b@test", S.DEFERRED, mine))
    house.mail(("c@test", S.QUEUED, {**mine, "priority": 1}), tenant_id=tenant.tenant_id)
    house.mail(("d@test", S.QUEUED, {**mine, "priority": 1, "due_ms": moment + 9}))
    house.mail(("e@test", S.QUEUED, {**mine, "account_id": other}), ("f@test", S.SENT, {"account_id": one.id}))
    number = house.mail(("g@test", S.QUEUED, mine), ("h@test", S.QUEUED, mine))
    house.mail(("i@test", S.QUEUED, mine))
    found = house.reports.message(ADMIN, number).result()
    assert [view.leaves_ms for view in found.recipients] == [found.recipients[0].leaves_ms] * 2
    last = house.store.read(lambda c: _ahead(c, number)).result()
    assert last == [3, 4]


def _ahead(connection: object, number: int) -> list[int]:
    from postroom.model.tenant import INSTALLATION
    from postroom.store import messages

    return [queue.ahead(connection, one) for one in messages.recipients(connection, INSTALLATION, number)]  # type: ignore[arg-type]


def test_counting_what_is_before_a_mail_walks_the_queue_s_own_index(sqlite_url: str, tmp_path: Path) -> None:
    house = House(sqlite_url, tmp_path)
    one = account(house)
    number = house.mail(("g@test", S.QUEUED, {"account_id": one.id}))
    with plans_of(house) as plans:
        house.store.read(lambda c: _ahead(c, number)).result()
    house.close()
    assert any("ix_recipient_claim" in plan for plan in plans), plans


@pytest.mark.parametrize(
    ("change", "told"), [({"enabled": False}, False), ({}, True), ({"limits": {"per_minute": 1}}, True)]
)
def test_nobody_is_told_a_time_when_the_account_waits_for_a_person(
    house: House, change: dict[str, object], told: bool
) -> None:
    one = account(house)
    number = house.mail(("g@test", S.QUEUED, {"account_id": one.id}))
    house.office.change_account(ADMIN, one.id, change).result()
    assert (house.reports.message(ADMIN, number).result().recipients[0].leaves_ms is not None) is told
    house.office.pause_account(ADMIN, one.id).result()
    assert house.reports.message(ADMIN, number).result().recipients[0].leaves_ms is None
