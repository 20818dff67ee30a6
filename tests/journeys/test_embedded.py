"""The engine inside a program: the same promises, for threads and for coroutines, and an end that answers everybody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import pytest

from postroom import Postroom
from postroom.errors import BadInput, Conflict, StoreUnavailable
from postroom.model.message import Draft
from postroom.outbox import Receipt
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink


def set_up(postroom: Postroom, sink: Sink, **settings: object) -> None:
    values = {"name": "a", "host": "127.0.0.1", "port": sink.port, "encryption": "none"}
    postroom.office.create_account(postroom.actor, {**values, "sender_address": "a@sender.test"}).result()
    postroom.office.change_tenant(postroom.actor, {"mode": "smtp", **settings}).result()


@pytest.fixture
def make_embedded(tmp_path: Path, database_url: str) -> Callable[..., Postroom]:
    return lambda **options: Postroom(database_url, data=tmp_path, poll_seconds=0.1, **options)


def states(postroom: Postroom, message: int) -> set[str]:
    found = postroom.reports.message(postroom.actor, message).result()
    return {recipient.state for recipient in found.recipients}


def sent(postroom: Postroom, *messages: int) -> None:
    def seen() -> list[set[str]]:
        return [states(postroom, message) for message in messages]

    wait_until(lambda: all(found == {"sent"} for found in seen()), 30, lambda: str(seen()))


def test_a_program_sends_and_the_mail_leaves(make_embedded: Callable[..., Postroom], sink: Sink) -> None:
    with make_embedded() as postroom:
        set_up(postroom, sink)
        receipt = postroom.send(to="ok@sink.test", subject="Hello", text="…")
        assert (receipt.state, receipt.again) == ("queued", False)
        sent(postroom, receipt.message_id)
    postroom.close()


def test_coroutines_on_any_loop_send_at_once(make_embedded: Callable[..., Postroom], sink: Sink) -> None:
    async def run() -> list[Receipt]:
        async with make_embedded() as postroom:
            await asyncio.to_thread(set_up, postroom, sink, sending="instantly")
            sending = [postroom.send_async(to=f"ok+{n}@sink.test", text="x") for n in range(40)]
            receipts: list[Receipt] = await asyncio.gather(*sending)
            return receipts

    receipts = asyncio.run(run())
    assert {receipt.state for receipt in receipts} == {"sent"}
    assert len(sink.taken()) == 40


def test_whoever_stops_waiting_harms_nobody(make_embedded: Callable[..., Postroom], sink: Sink) -> None:
    """A message that was handed over goes its way, although nobody wants to hear of it any more."""

    async def run(postroom: Postroom) -> Receipt:
        given_up = [asyncio.ensure_future(postroom.send_async(to=f"ok+{n}@sink.test", text="x")) for n in range(20)]
        await asyncio.sleep(0)
        for one in given_up:
            one.cancel()
        receipt: Receipt = await postroom.send_async(to="ok+last@sink.test", text="x")
        return receipt

    with make_embedded() as postroom:
        set_up(postroom, sink)
        sent(postroom, asyncio.run(run(postroom)).message_id)
        sink.wait_for(21)


def test_an_end_under_load_answers_everybody(make_embedded: Callable[..., Postroom], sink: Sink) -> None:
    """Each has a receipt or was refused; what has a receipt is there after the next start, and leaves, once."""
    postroom = make_embedded()
    set_up(postroom, sink)
    futures: list[Future[Receipt]] = []
    enough = threading.Event()
    refused: list[StoreUnavailable] = []

    def post(thread: int) -> None:
        for n in range(100_000):
            try:
                futures.append(postroom.post(Draft(to=(f"ok+{thread}-{n}@sink.test",), text="x")))
            except StoreUnavailable as error:
                refused.append(error)
                return
            if n == 150:
                enough.set()
            if len(futures) - sum(one.done() for one in futures[-500:]) > 5_000:
                return

    threads = [threading.Thread(target=post, args=(n,), daemon=True) for n in range(2)]
    for thread in threads:
        thread.start()
    assert enough.wait(30)
    postroom.close()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    _, waiting = wait(futures, timeout=20)
    assert not waiting, f"{len(waiting)} of {len(futures)} were never answered"
    accepted = [one.result().message_id for one in futures if one.exception() is None]
    assert all(isinstance(one.exception(), StoreUnavailable) for one in futures if one.exception() is not None)
    with make_embedded() as again:
        sink.wait_until(lambda records: len(records) >= len(accepted), f"{len(accepted)} messages", 60)
        sent(again, *accepted[-5:])
    recipients = [address for _, address in sink.deliveries()]
    assert len(recipients) == len(set(recipients)), "something was sent twice"


def test_many_at_once_each_for_itself(make_embedded: Callable[..., Postroom], sink: Sink) -> None:
    with make_embedded() as postroom:
        set_up(postroom, sink)
        drafts = [
            Draft(to=("ok+1@sink.test",), text="x"),
            Draft(to=("nonsense",), text="x"),
            Draft(to=("ok+2@sink.test",)),
        ]
        keys = ["one", "two", "three"]
        first: list[Any] = postroom.post_many(drafts, keys).result()
        assert isinstance(first[0], Receipt)
        assert isinstance(first[1], BadInput)
        again: list[Any] = postroom.post_many(drafts, keys).result()
        assert (again[0].message_id, again[0].again) == (first[0].message_id, True)
        other: list[Any] = postroom.post_many([Draft(to=("other@sink.test",), text="x")], ["one"]).result()
        assert isinstance(other[0], Conflict)


def test_one_that_only_takes_in_leaves_the_delivery_to_others(sink: Sink, postgres_url: str, tmp_path: Path) -> None:
    """Several processes share one PostgreSQL; here two engines in one process do."""
    with Postroom(postgres_url, data=tmp_path, worker=False, poll_seconds=0.1) as door:
        set_up(door, sink)
        receipt = door.send(to="ok@sink.test", text="x")
        assert states(door, receipt.message_id) == {"queued"}
        with Postroom(postgres_url, data=tmp_path, poll_seconds=0.1):
            sent(door, receipt.message_id)
