"""Searches that are kept: whose they are, who sees them, and what the trail tells."""

from __future__ import annotations

import pytest

from postroom.errors import BadInput, Conflict, Forbidden, NotFound
from postroom.model.application import Actor, Scope
from postroom.office.audit import Looking
from postroom.office.filters import MOST_KEPT
from postroom.reports import Query
from tests.store.house import ADMIN, House

ANN = Actor(1, frozenset({Scope.READ}), name="ann", user_id=11)
BOB = Actor(1, frozenset({Scope.READ, Scope.SETTINGS_WRITE}), name="bob", user_id=12)
FAILED = Query(state="failed", since_ms=1_700_000_000_000)


def names(house: House, actor: Actor) -> list[str]:
    return [one.name for one in house.office.filters(actor).result()]


def test_one_sees_his_own_and_what_is_shared(house: House) -> None:
    office = house.office
    mine = office.create_filter(ANN, " Failed ", FAILED).result()
    office.create_filter(BOB, "Bob's", Query(text="x")).result()
    office.create_filter(BOB, "All", Query(kind="news"), shared=True).result()
    assert mine.search == {"state": "failed", "since_ms": 1_700_000_000_000}
    assert (names(house, ANN), names(house, BOB)) == (["All", "Failed"], ["All", "Bob's"])
    assert office.saved_filter(ANN, "failed").result() == mine
    for refused in (lambda: office.saved_filter(BOB, mine.id), lambda: office.delete_filter(BOB, mine.id)):
        with pytest.raises(NotFound):
            refused().result()
    assert office.filters(house.tenant("Other")).result() == []


def test_sharing_and_what_is_shared_takes_the_right_to_set_up(house: House) -> None:
    office = house.office
    with pytest.raises(Forbidden):
        office.create_filter(ANN, "For all", FAILED, shared=True)
    office.create_filter(BOB, "For all", FAILED, shared=True).result()
    with pytest.raises(Forbidden):
        office.change_filter(ANN, "For all", name="Mine").result()
    with pytest.raises(Forbidden):
        office.delete_filter(ANN, "For all").result()
    key = office.create_filter(ADMIN, "By a key", Query()).result()
    assert key.shared
    office.delete_filter(BOB, key.id).result()
    changed = office.change_filter(BOB, "for all", name="Renamed", query=Query(tag="t")).result()
    assert (changed.name, changed.search, changed.shared) == ("Renamed", {"tag": "t"}, True)


def test_every_fault_is_told_at_once(house: House) -> None:
    with pytest.raises(BadInput) as found:
        house.office.create_filter(ANN, " ", Query(state="nowhere"))
    assert [fault.field for fault in found.value.faults] == ["name", "state"]
    house.office.create_filter(ANN, "One", FAILED).result()
    with pytest.raises(Conflict, match="already"):
        house.office.create_filter(ANN, "ONE", FAILED).result()
    for number in range(MOST_KEPT - 1):
        house.office.create_filter(ANN, f"No. {number}", FAILED).result()
    with pytest.raises(Conflict, match="Delete some"):
        house.office.create_filter(ANN, "One more", FAILED).result()


def test_the_trail_tells_what_was_kept_changed_and_deleted(house: House) -> None:
    house.office.create_filter(ANN, "Failed", FAILED).result()
    house.office.change_filter(ANN, "Failed", name="Bad").result()
    house.office.delete_filter(ANN, "Bad").result()
    entries = house.office.audit(ADMIN, Looking(verb="filter.")).result().entries
    assert [(one.verb, one.who) for one in entries] == [
        ("filter.deleted", "ann"),
        ("filter.changed", "ann"),
        ("filter.created", "ann"),
    ]
    assert (entries[1].before, entries[1].after) == ({"name": "Failed"}, {"name": "Bad"})


def test_a_user_who_goes_takes_his_own_along_and_leaves_what_he_shared(house: House) -> None:
    user = house.office.create_user(ADMIN, {"login": "ann@example.com"}).result().user
    ann = Actor(1, frozenset({Scope.READ, Scope.SETTINGS_WRITE}), name="ann", user_id=user.id)
    house.office.create_filter(ann, "Mine", FAILED).result()
    house.office.create_filter(ann, "Ours", FAILED, shared=True).result()
    house.office.delete_user(ADMIN, "ann@example.com").result()
    assert names(house, ann) == ["Ours"]
