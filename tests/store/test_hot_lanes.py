"""Lanes and claims: one holder a slot, one holder a recipient, urgent mail first, tenants in turn, batches bounded."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from postroom.clock import now_ms
from postroom.model.state import State
from postroom.store import lanes
from tests.store.hot import ACCOUNT, Hot
from tests.store.house import House


@pytest.fixture
def hot(house: House) -> Hot:
    return Hot(house)


# -- lanes ------------------------------------------------------------------------------------------------------------


def test_an_account_has_so_many_slots_and_no_more(hot: Hot) -> None:
    slots = [hot.acquire(slots=3)[0] for _ in range(4)]
    assert slots == [0, 1, 2, None]
    assert hot.acquire(slots=3, account_id=ACCOUNT + 1)[0] == 0


def test_a_held_lane_is_nobody_elses_until_its_lease_ends(hot: Hot) -> None:
    fence = hot.lane(slots=1)
    assert hot.acquire("other", slots=1)[0] is None
    hot.end_lease(fence)
    slot, taken = hot.acquire("other", slots=1)
    assert slot == 0
    assert taken != fence


def test_a_released_lane_can_be_had_at_once(hot: Hot) -> None:
    hot.release(hot.lane(slots=1))
    assert hot.acquire(slots=1)[0] == 0


def test_a_heartbeat_lengthens_what_holds_and_names_what_was_lost(hot: Hot) -> None:
    kept, ended, taken_over = hot.lane(), hot.lane(), hot.lane()
    hot.end_lease(ended)
    hot.end_lease(taken_over)
    hot.acquire("other", slots=3)
    assert hot.heartbeat(kept, ended, taken_over) == {kept}
    assert hot.heartbeat() == set()


def test_a_heartbeat_does_not_bring_an_ended_lease_back(hot: Hot) -> None:
    """Its mail may have been given to others already."""
    fence = hot.lane()
    hot.end_lease(fence)
    assert hot.heartbeat(fence) == set()
    assert hot.heartbeat(fence) == set()


# -- claims -----------------------------------------------------------------------------------------------------------


def test_a_claim_takes_what_is_due_and_leaves_what_is_not(hot: Hot) -> None:
    due, later = hot.accept("due@test"), hot.accept("later@test", due_ms=now_ms() + 60_000)
    foreign = hot.accept("foreign@test", account_id=ACCOUNT + 1)
    fence = hot.lane()
    (claimed,) = hot.claim(fence)
    assert (claimed.message_id, claimed.n, claimed.address, claimed.body) == (due, 0, "due@test", b"bytes")
    assert [hot.row(number).state for number in (due, later, foreign)] == ["sending", "queued", "queued"]
    assert hot.row(due).lease == fence
    assert hot.events(due) == ["accepted", "sending"]
    assert hot.claim(fence) == []


def test_urgent_mail_goes_first_then_the_oldest(hot: Hot) -> None:
    moment = now_ms()
    bulk = hot.accept(priority=9, due_ms=moment - 9_000)
    normal, older = hot.accept(due_ms=moment - 1_000), hot.accept(due_ms=moment - 5_000)
    urgent = hot.accept(priority=1, due_ms=moment)
    assert [one.message_id for one in hot.claim(hot.lane())] == [urgent, older, normal, bulk]


def test_tenants_take_turns_within_a_priority(hot: Hot) -> None:
    """One tenant's ten thousand do not keep the other's few waiting."""
    small = hot.house.tenant("small").tenant_id
    moment = now_ms()
    for n in range(40):
        hot.accept(due_ms=moment - 60_000 - n)
    for _ in range(5):
        hot.accept(tenant_id=small, due_ms=moment)
    assert Counter(one.tenant_id for one in hot.claim(hot.lane(), 10)) == {1: 5, small: 5}


def test_what_one_tenant_does_not_use_is_the_others(hot: Hot) -> None:
    """A batch is full whenever so much is due, or the lane would believe that nothing is left."""
    first = hot.house.tenant("first").tenant_id
    last = hot.house.tenant("last").tenant_id
    for _ in range(40):
        hot.accept()
    for tenant_id in (first, last):
        hot.accept(tenant_id=tenant_id)
    claimed = hot.claim(hot.lane(), 20)
    assert Counter(one.tenant_id for one in claimed) == {1: 18, first: 1, last: 1}


def test_small_claims_serve_every_tenant_in_time(hot: Hot) -> None:
    """An account with a slow pace claims one at a time: nobody may be first each time."""
    other = hot.house.tenant("other").tenant_id
    for _ in range(40):
        hot.accept()
        hot.accept(tenant_id=other)
    fence = hot.lane()
    moment = now_ms()
    served = Counter(hot.claim(fence, 1, at_ms=moment + n)[0].tenant_id for n in range(20))
    assert set(served) == {1, other}


def test_a_claim_is_bounded_in_bytes_and_takes_one_at_least(hot: Hot) -> None:
    """Up to 32 KiB are read along; a batch holds 4 MiB of them at most."""
    body = bytes(32_768)
    hot.submit("accept", *[hot.unit(body=body) for _ in range(150)])
    fence = hot.lane()
    first = hot.claim(fence, 200)
    assert len(first) == 128
    assert not lanes.all_there_was(first, 200), "so the lane asks again"
    rest = hot.claim(fence, 200)
    assert len(rest) == 22
    assert lanes.all_there_was(rest, 200)


def test_large_bodies_are_not_read_along(hot: Hot) -> None:
    large = hot.accept(body=bytes(32_769))
    (claimed,) = hot.claim(hot.lane())
    assert (claimed.message_id, claimed.size, claimed.body) == (large, 32_769, None)


def test_accounts_with_due_mail_are_found(hot: Hot) -> None:
    hot.accept()
    hot.accept(account_id=5, due_ms=now_ms() + 60_000)
    hot.accept(account_id=-1)
    hot.accept(account_id=None, state=State.HELD)
    found = hot.store.read(lambda c: lanes.waiting_accounts(c, now_ms())).result(30)
    assert sorted(found) == [-1, ACCOUNT]


def test_two_workers_never_have_the_same_recipient(postgres_url: str) -> None:
    """Two processes claim from one queue at the same time, and together get all of it."""
    from postroom.store.database import Store

    stores = [Store(postgres_url), Store(postgres_url)]
    try:
        hots = [Hot(_Rooms(store)) for store in stores]  # type: ignore[arg-type]
        numbers = {hots[0].accept(f"a{n}@test", f"b{n}@test") for n in range(150)}
        fences = [hot.lane() for hot in hots]

        def claim_all(n: int) -> list[tuple[int, int]]:
            taken: list[tuple[int, int]] = []
            empty = 0
            while empty < 3:
                got = [(one.message_id, one.n) for one in hots[n].claim(fences[n], 7)]
                taken += got
                empty = 0 if got else empty + 1
            return taken

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(claim_all, (0, 1))
        assert not set(one) & set(two)
        assert {*one, *two} == {(number, n) for number in numbers for n in (0, 1)}
    finally:
        for store in stores:
            store.close()


class _Rooms:
    """As much of a `House` as `Hot` needs for a store of its own."""

    def __init__(self, store: object) -> None:
        self.store = store
