"""What people say of themselves: kept, told in the trail, and nothing else can be changed by it."""

from __future__ import annotations

import pytest

from postroom.errors import BadInput, Forbidden
from tests.store.house import ADMIN, House
from tests.store.test_signing_in import person, signed_in


def test_what_one_chooses_is_kept_and_noted(house: House) -> None:
    person(house, "ann", "reader")
    _, actor = signed_in(house, "ann")
    chosen = {"name": "Ann", "language": "de", "time_zone": "Europe/Berlin", "look": "dark"}
    house.office.change_me(actor, chosen).result()
    me = house.office.me(actor).result()
    assert {name: getattr(me, name) for name in chosen} == chosen
    entry = next(one for one in house.office.audit(ADMIN).result().entries if one.verb == "user.changed")
    assert (entry.who, entry.after["language"]) == ("ann", "de")
    house.office.change_me(actor, dict.fromkeys(chosen, "")).result()
    assert house.office.me(actor).result().language == ""


def test_nothing_else_of_oneself_can_be_changed(house: House) -> None:
    person(house, "ann", "reader")
    _, actor = signed_in(house, "ann")
    with pytest.raises(BadInput) as told:
        house.office.change_me(actor, {"roles": ["administrator"], "email": "x@example.com", "language": "fr"})
    assert {one.field for one in told.value.faults} == {"roles", "email", "language"}
    with pytest.raises(BadInput):
        house.office.change_me(actor, {"time_zone": "Mars/Olympus", "look": "pink"})
    with pytest.raises(Forbidden):
        house.office.change_me(ADMIN, {"name": "x"})
