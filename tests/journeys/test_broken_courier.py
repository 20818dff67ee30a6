"""A courier that breaks in the middle: its jobs are settled by their marks, neither lost nor guessed (P2, P3)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from postroom.deliver.feed import Feed, SessionFailure, SessionOpened
from postroom.errors import Conflict
from postroom.maillog import MailLog
from postroom.model.account import Account
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft
from postroom.model.tenant import INSTALLATION
from postroom.settings import load
from postroom.work.couriers import Courier, Couriers
from postroom.work.service import Engine
from tests.rigs.sink import Sink

ADA = Actor(INSTALLATION, frozenset({Scope.ADMIN}), name="ada")


class Breaks:
    """Takes a message, perhaps has it marked, and breaks."""

    def __init__(self, marks: bool) -> None:
        self._marks = marks

    async def run(self, feed: Feed) -> SessionFailure | None:
        feed.opened(SessionOpened(server="nowhere", family="", tls="", login="", conversation=""))
        job = await feed.wait()
        if job is not None and self._marks:
            feed.mark(job)
            await feed.marked(job)
        raise RuntimeError("a mistake of the courier's own")


class BreaksOnce(Couriers):
    """The first courier breaks, all others are real."""

    def __init__(self, real: Couriers, marks: bool) -> None:
        self.__dict__ |= real.__dict__
        self._first: Courier | None = Breaks(marks)

    def courier(self, account: Account) -> Courier:
        first, self._first = self._first, None
        return first or super().courier(account)


@pytest.mark.parametrize(("marks", "told"), [(False, "reclaimed"), (True, "unknown")])
def test_what_a_broken_courier_had_in_hand_is_settled_by_its_mark(
    sink: Sink, tmp_path: Path, marks: bool, told: str
) -> None:
    given: dict[str, Any] = {"data": str(tmp_path), "poll_seconds": 0.1, "lease_seconds": 1.2, "heartbeat_seconds": 0.3}

    async def run() -> list[str]:
        async with Engine(load({}, tmp_path, given), log=MailLog(None)) as engine:
            assert engine.worker is not None
            engine.worker._couriers = BreaksOnce(engine.worker._couriers, marks)
            values = {"name": "a", "host": "127.0.0.1", "port": sink.port, "encryption": "none"}
            engine.office.create_account(ADA, {**values, "sender_address": "a@sender.test"}).result()
            engine.office.change_tenant(ADA, {"mode": "smtp"}).result()
            drafts = [Draft(to=(f"ok+{n}@sink.test",), text="x") for n in range(5)]
            messages = [(await asyncio.wrap_future(engine.outbox.send(ADA, one))).message_id for one in drafts]
            await until(lambda: any_told(engine, messages, told))
            for message in messages:
                with contextlib.suppress(Conflict):  # sent already
                    await asyncio.wrap_future(engine.outbox.retry(ADA, message))
            await until(lambda: all_sent(engine, messages))
            return [kind for message in messages for kind in await kinds(engine, message)]

    seen = asyncio.run(asyncio.wait_for(run(), 40))
    assert seen.count("sent") == len(sink.taken()) == 5
    assert told in seen


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    while not await true():
        await asyncio.sleep(0.02)


async def kinds(engine: Engine, message: int) -> list[str]:
    return [event.kind.value for event in (await asyncio.wrap_future(engine.reports.timeline(ADA, message))).events]


async def any_told(engine: Engine, messages: list[int], told: str) -> bool:
    return any([told in await kinds(engine, message) for message in messages])


async def all_sent(engine: Engine, messages: list[int]) -> bool:
    return all(["sent" in await kinds(engine, message) for message in messages])
