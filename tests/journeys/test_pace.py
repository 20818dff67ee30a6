"""What people are told about when mail leaves is what then happens; what a server taught outlives a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from postroom import Postroom
from postroom.clock import now_ms
from postroom.model.state import State
from postroom.office.views import AccountView
from postroom.policy.pace import Used
from postroom.reports import RecipientView
from postroom.store import paces
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

MINUTE = 60_000
HOUR = 3_600_000


@pytest.fixture
def make_embedded(tmp_path: Path, database_url: str) -> Callable[..., Postroom]:
    return lambda **options: Postroom(database_url, data=tmp_path, poll_seconds=0.1, **options)


def set_up(postroom: Postroom, sink: Sink, **limits: int) -> AccountView:
    values = {"name": "a", "host": "127.0.0.1", "port": sink.port, "encryption": "none", "limits": limits}
    postroom.office.change_tenant(postroom.actor, {"mode": "smtp"}).result()
    return postroom.office.create_account(postroom.actor, {**values, "sender_address": "a@sender.test"}).result()


def recipient(postroom: Postroom, message: int) -> RecipientView:
    return postroom.reports.message(postroom.actor, message).result().recipients[0]


def used(postroom: Postroom, view: AccountView, how_much: Used) -> None:
    """As if so much had left already."""

    def put(connection: object) -> None:
        paces.of_account(connection, view.account, lock=True)  # type: ignore[arg-type]
        paces.book(connection, view.account, how_much)  # type: ignore[arg-type]

    postroom._engine.store.write(put).result()


def test_mail_leaves_when_it_was_said_that_it_would(make_embedded: Callable[..., Postroom], sink: Sink) -> None:
    """A minute that is used up: the time shown while it waits is the time at which it goes, and not before."""
    with make_embedded() as postroom:
        view = set_up(postroom, sink, per_minute=2)
        opened = now_ms() - MINUTE + 4_000
        used(postroom, view, Used(opened, 2))
        messages = [postroom.send(to=f"ok+{n}@sink.test", text="x").message_id for n in range(3)]
        told = [recipient(postroom, message).leaves_ms for message in messages]
        assert told[:2] == [opened + MINUTE] * 2
        assert told[2] == opened + 2 * MINUTE, "two a minute, and two are before it"
        wait_until(lambda: len(sink.taken()) == 2, 30, lambda: str(sink.taken()))
        for message in messages[:2]:
            wait_until(lambda one=message: recipient(postroom, one).state is State.SENT, 20, lambda: "it was not sent")  # type: ignore[misc]
            assert recipient(postroom, message).updated_ms >= opened + MINUTE
        last = recipient(postroom, messages[2])
        assert last.state is State.QUEUED
        assert last.leaves_ms is not None
        assert abs(last.leaves_ms - (opened + 2 * MINUTE)) < 10_000, "still as it was said"


def test_a_used_up_day_holds_the_mail_until_hours_of_it_are_a_day_old(
    make_embedded: Callable[..., Postroom], sink: Sink
) -> None:
    with make_embedded() as postroom:
        view = set_up(postroom, sink, per_day=100)
        hour = now_ms() // HOUR - 20
        used(postroom, view, Used(0, 0, ((hour, 60), (hour + 5, 40))))
        waiting = postroom.send(to="ok@sink.test", text="x").message_id
        assert recipient(postroom, waiting).leaves_ms == (hour + 25) * HOUR
        used(postroom, view, Used(0, 0, ((hour - 5, 60), (hour + 5, 40))))
        wait_until(lambda: recipient(postroom, waiting).state is State.SENT, 30, lambda: "it was not sent")
    assert len(sink.taken()) == 1


def test_a_server_that_wants_it_slower_is_given_less_also_after_a_restart(
    make_embedded: Callable[..., Postroom], sink: Sink
) -> None:
    """It is shown with the account, what waits is told a later time, and nothing is lost."""
    sink.answer(rcpt="421 4.7.0 Too many messages, slow down")
    with make_embedded() as postroom:
        set_up(postroom, sink, connections=4, per_minute=100)
        messages = [postroom.send(to=f"ok+{n}@sink.test", text="x").message_id for n in range(5)]

        def learnt() -> bool:
            return postroom.office.account(postroom.actor, "a").result().pace.learnt.since_ms > now_ms()

        wait_until(learnt, 30, lambda: "nothing was learnt")
    sink.answer()
    with make_embedded() as postroom:
        found = postroom.office.account(postroom.actor, "a").result().pace.learnt
        assert found.lanes(now_ms()) == 2
        assert (found.rate(now_ms()) or 0) < 100
        assert "more slowly" in found.why
        waiting = recipient(postroom, messages[-1])
        assert waiting.state in (State.QUEUED, State.DEFERRED)
        assert waiting.leaves_ms is not None
        assert waiting.leaves_ms >= found.since_ms
        assert sink.taken() == [], "it rests, also in a process that was not there when it was told"
