"""Admission is bounded, fair, and gives back exactly what it gave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from postroom.web.api.admission import Admission, Stay
from postroom.web.api.problems import RequestError

FOREVER = 3_600.0


def run(scene: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scene()

    asyncio.run(whole())


def test_there_is_room_until_messages_or_octets_are_used_up() -> None:
    admission = Admission(2, 100)
    assert admission.enter_at_once(1, 60)
    assert not admission.enter_at_once(1, 41)
    assert admission.enter_at_once(1, 40)
    assert not admission.enter_at_once(1, 0)
    admission.leave(1, 60)
    assert admission.enter_at_once(1, 60)


def test_who_waits_gets_in_in_the_order_of_arrival() -> None:
    """A small one does not slip past a large one for ever."""

    async def scene() -> None:
        admission = Admission(10, 1_000, patience=FOREVER)
        admission.enter_at_once(8, 0)
        order: list[str] = []

        async def come(name: str, messages: int) -> None:
            await admission.enter(messages, 0)
            order.append(name)

        large = asyncio.create_task(come("large", 5))
        await asyncio.sleep(0)
        small = asyncio.create_task(come("small", 1))
        await asyncio.sleep(0)
        assert not admission.enter_at_once(1, 0)
        admission.leave(8, 0)
        await asyncio.gather(large, small)
        assert order == ["large", "small"]
        assert admission.inside == (6, 0)

    run(scene)


def test_who_finds_no_room_is_told_to_come_back_and_holds_nothing() -> None:
    async def scene() -> None:
        admission = Admission(1, 100, patience=0.001)
        stay = Stay(admission)
        await stay.enter(1, 100)
        late = Stay(admission)
        with pytest.raises(RequestError) as caught:
            await late.enter(1, 1)
        assert caught.value.kind.status == 503
        assert dict(caught.value.headers)["retry-after"]
        late.leave()
        assert admission.inside == (1, 100)
        stay.leave()
        assert admission.inside == (0, 0)

    run(scene)


def test_who_goes_away_while_waiting_does_not_block_those_behind() -> None:
    async def scene() -> None:
        admission = Admission(10, 1_000, patience=FOREVER)
        admission.enter_at_once(8, 0)
        gone = asyncio.create_task(admission.enter(9, 0))
        await asyncio.sleep(0)
        behind = asyncio.create_task(admission.enter(2, 0))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        await behind
        assert admission.inside == (10, 0)

    run(scene)


def test_what_is_larger_than_all_the_room_gets_all_of_it() -> None:
    async def scene() -> None:
        admission = Admission(10, 100, patience=FOREVER)
        stay = Stay(admission)
        await stay.enter(1, 5_000)
        await stay.become(1_000)
        assert admission.inside == (10, 100)
        stay.leave()
        assert admission.inside == (0, 0)

    run(scene)


def test_two_batches_that_grow_at_once_do_not_starve_each_other() -> None:
    async def scene() -> None:
        admission = Admission(10, 100, patience=FOREVER)
        first, second = Stay(admission), Stay(admission)
        await first.enter(1, 10)
        await second.enter(1, 10)

        async def grow(stay: Stay) -> None:
            await stay.become(10)
            stay.leave()

        await asyncio.gather(grow(first), grow(second))
        assert admission.inside == (0, 0)

    run(scene)
