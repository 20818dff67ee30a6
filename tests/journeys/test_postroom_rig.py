"""Postroom as a process of its own, the ledger client and the oracle, together on both databases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rigs.ledger import LedgerClient
from tests.rigs.oracle import account_of, judge
from tests.rigs.postroom import Postroom
from tests.rigs.process import RigFailed, wait_until
from tests.rigs.sink import Sink


def test_it_starts_delivers_and_stops_cleanly(make_postroom: Callable[..., Postroom], sink: Sink) -> None:
    postroom = make_postroom().start()
    postroom.deliver_to(sink.port)
    message = postroom.api.send("ok@sink.test", "fail@sink.test")
    states = postroom.api.wait_for_state(message, "sent", "failed")
    assert states == {"ok@sink.test": "sent", "fail@sink.test": "failed"}
    assert [record.recipients for record in sink.taken()] == [("ok@sink.test",)]
    postroom.stop()


def test_a_kill_under_load_loses_and_repeats_nothing(
    make_postroom: Callable[..., Postroom], sink: Sink, tmp_path: Path, database_url: str
) -> None:
    postroom = make_postroom(database=database_url, lease_seconds=2, heartbeat_seconds=0.5, poll_seconds=0.2).start()
    postroom.deliver_to(sink.port)
    with LedgerClient(tmp_path, postroom.connect) as client:
        client.start(300)
        wait_until(lambda: len(client.acknowledged) >= 100, 30, lambda: f"{len(client.acknowledged)} acknowledged")
        postroom.kill9()
        postroom.start()
        acknowledged = client.finish()
        assert len(acknowledged) == 300
        postroom.settle([promise.message for promise in acknowledged])
        accounts = {promise.message: account_of(postroom.api, promise.message) for promise in acknowledged}
        judge(acknowledged, client.intended, accounts, sink.taken()).assert_nothing_wrong()


def test_a_failpoint_kills_it_where_it_says(make_postroom: Callable[..., Postroom], tmp_path: Path) -> None:
    postroom = make_postroom().start(failpoint="accept.after-commit")
    with LedgerClient(tmp_path, postroom.connect) as client:
        client.start(1, threads=1)
        postroom.wait_killed()
        postroom.start()
        (promise,) = client.finish()
    assert promise.tries > 1
    assert postroom.api.states(promise.message) == {"ok+r-1-0@sink.test": "silenced"}


def test_one_that_does_not_start_shows_its_log(make_postroom: Callable[..., Postroom]) -> None:
    with pytest.raises(RigFailed, match=r"before it was ready(.|\n)*PORT_RANGE"):
        make_postroom(PORT_RANGE="1-2").start()
