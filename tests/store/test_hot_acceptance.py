"""Accepting: all of it or nothing (P1, P2), and an idempotency key that makes one message of however many requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from postroom.clock import now_ms
from postroom.errors import Conflict
from postroom.ids import Ids
from postroom.model.event import EventKind
from postroom.model.state import FIRST, LEASED, State
from postroom.store.acceptance import Accepted
from postroom.store.database import Store
from tests.store.hot import Hot
from tests.store.house import House


@pytest.fixture
def hot(house: House) -> Hot:
    return Hot(house)


def test_all_of_it_is_there(hot: Hot) -> None:
    unit = hot.unit("a@test", "b@test", key="k", body=b"the bytes")
    (answer,) = hot.submit("accept", unit)
    assert answer == Accepted(unit.message[0])
    number = answer.message_id
    assert hot.house.states(number) == ["queued", "queued"]
    assert hot.events(number) == [EventKind.ACCEPTED.value]
    (content,) = hot.house.sql("SELECT body FROM content WHERE message_id = :id", id=number)
    assert bytes(content.body) == b"the bytes"
    (key,) = hot.house.sql("SELECT message_id, digest FROM idempotency")
    assert (key.message_id, bytes(key.digest)) == (number, b"one")


@pytest.mark.parametrize("state", sorted(FIRST))
def test_it_may_begin_in_each_first_state(hot: Hot, state: State) -> None:
    fence = hot.lane() if state in LEASED else None
    number = hot.accept(state=state, fence=fence, body=None if state is State.DISABLED else b"x")
    row = hot.row(number)
    assert (row.state, row.lease, row.due_ms is not None) == (state.value, fence, state is State.QUEUED)


def test_a_key_used_again_names_the_message_it_made_then(hot: Hot) -> None:
    first = hot.accept(key="k")
    (again,) = hot.submit("accept", hot.unit(key="k"))
    assert again == Accepted(first, again=True)
    assert hot.count("message") == 1


def test_a_key_used_for_another_request_is_a_conflict_and_changes_nothing(hot: Hot) -> None:
    hot.accept(key="k")
    bystander = hot.unit("bystander@test")
    conflict, good = hot.submit("accept", hot.unit(key="k", digest=b"two"), bystander)
    assert isinstance(conflict, Conflict)
    assert good == Accepted(bystander.message[0])
    assert hot.count("message") == 2


def test_one_key_many_times_in_one_commit_makes_one_message(hot: Hot) -> None:
    units = [hot.unit(key="k") for _ in range(5)] + [hot.unit(key="k", digest=b"two")]
    *same, other = hot.submit("accept", *units)
    assert same == [Accepted(units[0].message[0])] + [Accepted(units[0].message[0], again=True)] * 4
    assert isinstance(other, Conflict)
    assert hot.count("message") == 1


def test_a_key_belongs_to_its_tenant(hot: Hot) -> None:
    other = hot.house.tenant("other").tenant_id
    first, second = hot.unit(key="k"), hot.unit(key="k", tenant_id=other)
    assert hot.submit("accept", first, second) == [Accepted(first.message[0]), Accepted(second.message[0])]


def test_one_key_from_two_processes_at_once_makes_one_message(hot: Hot, postgres_url: str) -> None:
    """Each asks the database before either has written: the key itself decides, and nobody is sent away."""
    stores = [Store(postgres_url), Store(postgres_url)]
    try:
        assert stores[0].ids.next() != stores[1].ids.next()
        hots = [Hot(_Rooms(store)) for store in stores]  # type: ignore[arg-type]

        def post(n: int) -> list[object]:
            return [hots[n].submit("accept", hots[n].unit(key=f"k{k}"))[0] for k in range(50)]

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(post, (0, 1))
        for left, right in zip(one, two, strict=True):
            assert isinstance(left, Accepted)
            assert isinstance(right, Accepted)
            assert left.message_id == right.message_id
            assert {left.again, right.again} == {False, True}
    finally:
        for store in stores:
            store.close()


class _Rooms:
    """As much of a `House` as `Hot` needs for a store of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store


def test_processes_that_start_at_once_make_different_ids(postgres_url: str) -> None:
    Store(postgres_url).close()
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: Store(postgres_url), range(6)))
    try:
        numbers = [{store.ids.next() >> 12 & 1023} for store in stores]
        assert len(set.union(*numbers)) == 6
    finally:
        for store in stores:
            store.close()


def test_killed_processes_do_not_use_up_the_numbers_of_nodes(hot: Hot) -> None:
    """A process that is killed leaves its node behind; one that is started every ten seconds still gets a number."""
    hot.house.sql("DELETE FROM node")
    for number in range(1024):
        hot.house.sql(
            "INSERT INTO node (number, worker, role, started_ms, seen_ms) VALUES (:n, :w, 'all', :s, :s)",
            n=number, w=f"dead-{number}", s=now_ms() - 3_600_000 + number,
        )  # fmt: skip
    hot.store.join()
    assert isinstance(hot.store.ids, Ids)
    assert hot.accept()
    (ours,) = hot.house.sql("SELECT number FROM node WHERE worker = :w", w=hot.store.worker)
    assert ours.number == 0, "the one that was not seen for the longest time"


def test_ids_go_on_behind_all_that_was_made_before(hot: Hot) -> None:
    """A clock set back over a restart makes no id twice, and no fencing number either."""
    ahead = hot.store.ids.next() + (10_000_000 << 22)
    hot.house.sql(
        "INSERT INTO lane (account_id, slot, tenant_id, fence, worker, expires_ms) VALUES (1, 0, 1, :f, 'w', 0)",
        f=ahead,
    )
    hot.store.join()
    assert hot.store.ids.next() > ahead
