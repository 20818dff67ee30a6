"""Calls that may wait for others: the loop is free meanwhile, a deadline is kept, and one that hangs stops nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from postroom.smtp.fault import Lost, LostKind
from postroom.wire.apart import MOST, apart


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hanging calls wait for; open at the end, so that their threads are free again."""
    event = threading.Event()
    yield event
    event.set()


def test_it_gives_what_the_call_returns_and_raises_what_it_raises() -> None:
    def fails() -> None:
        raise TimeoutError("the call's own")

    async def work() -> None:
        assert await apart(lambda: threading.current_thread().name, 30.0) != threading.current_thread().name
        with pytest.raises(TimeoutError, match="the call's own"):
            await apart(fails, 30.0)

    asyncio.run(work())


def test_who_does_not_answer_in_time_is_left_alone(gate: threading.Event) -> None:
    async def work() -> None:
        lost = await apart(gate.wait, 0.01)
        assert isinstance(lost, Lost)
        assert lost.kind is LostKind.TIMEOUT
        assert await apart(lambda: "next", 30.0) == "next"

    asyncio.run(work())


def test_when_all_hang_the_next_one_waits_until_its_own_deadline_and_then_everything_goes_on(
    gate: threading.Event,
) -> None:
    ran = []

    async def work() -> None:
        hanging = [asyncio.create_task(apart(gate.wait, 30.0)) for _ in range(MOST)]
        await asyncio.sleep(0)
        assert isinstance(await apart(lambda: ran.append("too late"), 0.01), Lost)
        gate.set()
        assert await asyncio.gather(*hanging) == [True] * MOST
        assert await asyncio.gather(*(apart(lambda: "free", 30.0) for _ in range(3 * MOST))) == ["free"] * 3 * MOST

    asyncio.run(work())
    assert ran == [], "whoever asked had gone"


def test_a_loop_that_has_ended_hears_nothing_more(gate: threading.Event) -> None:
    """The process may stop while a call hangs; its answer comes to nobody, and nothing is raised by it."""

    async def work() -> None:
        asked = asyncio.create_task(apart(gate.wait, 30.0))
        await asyncio.sleep(0)
        asked.cancel()

    asyncio.run(work())
    gate.set()

    async def again() -> object:
        return await apart(lambda: "fine", 30.0)

    assert asyncio.run(again()) == "fine"


def test_the_threads_keep_no_process_alive() -> None:
    asyncio.run(apart(int, 30.0))
    assert all(one.daemon for one in threading.enumerate() if one.name.startswith("apart-"))
