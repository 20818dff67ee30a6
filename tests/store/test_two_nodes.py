"""Two nodes on one PostgreSQL change settings at the same time: they take turns, and each sees what the other did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import pytest

from postroom.errors import BadInput, Conflict, PostroomError, TooMany, Unauthenticated
from postroom.model.state import State
from postroom.office import Office
from postroom.store.database import Store
from postroom.store.nodes import is_alive
from tests.store.house import ADMIN, House
from tests.store.test_signing_in import PASSWORD, person, signed_in


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


def test_a_session_ended_on_one_node_is_refused_on_the_other_after_its_look(nodes: tuple[House, Office]) -> None:
    house, other = nodes
    person(house, "ann", "support")
    token, actor = signed_in(house, "ann")
    assert other.refresh().result() is True
    assert other.authenticate(token).result() == actor
    house.office.change_user(ADMIN, "ann", {"roles": ["reader"]}).result()
    assert other.refresh().result() is True
    assert other.authenticated(token) is None
    with pytest.raises(Unauthenticated):
        other.authenticate(token).result()


def test_each_node_notes_its_own_changes_and_not_those_it_had_not_seen_yet(nodes: tuple[House, Office]) -> None:
    house, other = nodes
    house.account("main")
    other.change_tenant(ADMIN, {"log_days": 99}).result()
    house.office.change_account(ADMIN, "main", {"host": "i.example"}).result()
    entries = house.office.audit(ADMIN).result().entries
    assert [(one.verb, dict(one.after)) for one in entries[:2]] == [
        ("account.changed", {"host": "i.example"}),
        ("tenant.changed", {"log_days": 99}),
    ]


def test_tries_at_a_password_are_counted_over_all_nodes(nodes: tuple[House, Office]) -> None:
    """A28: for names that nobody has as well. What succeeds anywhere forgives."""
    house, other = nodes
    person(house, "ann", "reader")
    for name in ("ann", "nobody"):
        for n in range(5):
            with pytest.raises(Unauthenticated):
                (house.office, other)[n % 2].sign_in(name, "wrong words in a row").result()
        for office in (house.office, other):
            with pytest.raises(TooMany):
                office.sign_in(name, PASSWORD).result()
    person(house, "bob", "reader")
    for n in range(12):
        if n % 3 == 2:
            other.sign_in("bob", PASSWORD).result()
            continue
        with pytest.raises(Unauthenticated):
            (house.office, other)[n % 2].sign_in("bob", "wrong words in a row").result()


def test_one_login_is_given_once(nodes: tuple[House, Office]) -> None:
    house, other = nodes
    for n in range(5):
        found = outcomes(
            lambda n=n: house.office.create_user(ADMIN, {"login": f"ann{n}"}),
            lambda n=n: other.create_user(ADMIN, {"login": f"ANN{n}"}),
        )
        assert len([one for one in found if isinstance(one, Conflict)]) == 1


def test_a_node_is_heard_of_until_it_has_been_silent(nodes: tuple[House, Office]) -> None:
    """By the database's clock; one that was killed keeps its last sign of life, one that left has none."""
    house, _ = nodes
    alive = lambda worker, ms: house.store.read(lambda c: is_alive(c, worker, ms)).result()  # noqa: E731
    assert alive(house.store.worker, 60_000)
    house.sql("UPDATE node SET seen_ms = seen_ms - 60000 WHERE worker = :worker", worker=house.store.worker)
    assert not alive(house.store.worker, 20_000)
    assert not alive("nobody", 20_000)
