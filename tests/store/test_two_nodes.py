"""Two nodes on one PostgreSQL change settings at the same time: they take turns, and each sees what the other did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import pytest

from postroom.errors import BadInput, Conflict, PostroomError
from postroom.model.state import State
from postroom.office import Office
from postroom.store.database import Store
from tests.store.house import ADMIN, House


@pytest.fixture
def nodes(postgres_url: str, tmp_path: Path) -> Iterator[tuple[House, Office]]:
    house = House(postgres_url, tmp_path)
    second = Store(postgres_url)
    yield house, Office(second, house.ring, house.settings)
    second.close()
    house.close()


def outcomes(*calls: Callable[[], Future[Any]]) -> list[Any]:
    futures = [call() for call in calls]
    wait(futures, timeout=30)
    return [future.exception() or future.result() for future in futures]


def test_one_name_is_given_once(nodes: tuple[House, Office]) -> None:
    house, other = nodes
    for round_ in range(10):
        values = {"name": f"relay {round_}", "host": "h.example"}
        found = outcomes(
            lambda values=values: house.office.create_account(ADMIN, values),
            lambda values=values: other.create_account(ADMIN, values),
        )
        refused = [one for one in found if isinstance(one, PostroomError)]
        assert len(refused) == 1
        assert isinstance(refused[0], (BadInput, Conflict))
    assert len(house.office.accounts(ADMIN).result()) == 10


def test_there_is_exactly_one_default_and_both_nodes_know_it(nodes: tuple[House, Office]) -> None:
    house, other = nodes
    one, two = house.account("one"), house.account("two")
    mail = house.mail(("a@example.org", State.QUEUED, {"account_id": one}))
    for _ in range(10):
        outcomes(
            lambda: house.office.set_default_account(ADMIN, "one"), lambda: other.set_default_account(ADMIN, "two")
        )
        house.office.refresh().result()
        other.refresh().result()
        default = house.office.snapshot.tenants[1].settings.default_account_id
        assert default in (one, two)
        assert other.snapshot.tenants[1].settings.default_account_id == default
        assert [view.is_default for view in other.accounts(ADMIN).result()].count(True) == 1
        assert house.account_of(mail) == [default]
        assert house.office.version == other.version


def test_a_key_revoked_on_one_node_is_refused_on_the_other_after_its_look(nodes: tuple[House, Office]) -> None:
    house, other = nodes
    house.office.create_application(ADMIN, "shop").result()
    new = house.office.create_key(ADMIN, "shop", ["admin"]).result()
    assert other.refresh().result() is True
    other.authenticate(new.text).result()
    assert other.authenticated(new.text) is not None
    house.office.revoke_key(ADMIN, new.key.id).result()
    assert other.refresh().result() is True
    assert other.authenticated(new.text) is None
