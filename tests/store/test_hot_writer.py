"""The writer: one bad unit fails alone, everybody is told what became of his work, nothing a caller does stops it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from sqlalchemy import Connection, text

from postroom.errors import Conflict, StoreUnavailable
from postroom.store.acceptance import Accepted
from postroom.store.transmission import Mark
from tests.store.hot import Hot
from tests.store.house import House


@pytest.fixture
def hot(house: House) -> Hot:
    return Hot(house)


@pytest.fixture
def stalled(hot: Hot) -> Iterator[threading.Event]:
    """The writer is busy until this is set, so that what is handed in meanwhile meets in one commit."""
    go, busy = threading.Event(), threading.Event()

    def wait(_connection: Connection) -> None:
        busy.set()
        go.wait(30)

    hot.store.write(wait)
    assert busy.wait(30)
    yield go
    go.set()


def answer_of(hot: Hot, batch: str, unit: Any) -> Future[Any]:
    future: Future[Any] = Future()
    hot.store.submit(batch, unit, lambda _unit, answer: future.set_result(answer))
    return future


def test_one_bad_unit_among_good_ones_fails_alone(hot: Hot) -> None:
    twice = hot.accept("first@test")
    good, bad, other = hot.unit("a@test"), hot.unit("b@test", number=twice), hot.unit("c@test")
    answers = hot.submit("accept", good, bad, other)
    assert answers[0] == Accepted(good.message[0])
    assert isinstance(answers[1], StoreUnavailable)
    assert answers[2] == Accepted(other.message[0])
    assert (hot.count("message"), hot.count("recipient"), hot.count("content")) == (3, 3, 3)


def test_a_bad_unit_leaves_nothing_of_itself(hot: Hot) -> None:
    """Its message and first recipient were written before the second recipient was refused by the database."""
    bad = hot.unit("a@test", "b@test", key="k")
    bad.recipients[1] = bad.recipients[0]  # type: ignore[index]  # the same recipient number twice
    (answer,) = hot.submit("accept", bad)
    assert isinstance(answer, StoreUnavailable)
    for table in ("message", "recipient", "content", "event", "idempotency"):
        assert hot.count(table) == 0, table


def test_a_call_that_refuses_takes_back_what_it_wrote(hot: Hot, stalled: threading.Event) -> None:
    def refuse(connection: Connection) -> None:
        connection.execute(text("INSERT INTO meta (name, value) VALUES ('half', '1')"))
        raise Conflict("no")

    refused = hot.store.write(refuse)
    kept = hot.store.write(lambda c: c.execute(text("INSERT INTO meta (name, value) VALUES ('whole', '1')")).rowcount)
    accepted = answer_of(hot, "accept", hot.unit())
    stalled.set()
    assert isinstance(refused.exception(30), Conflict)
    assert kept.result(30) == 1
    assert isinstance(accepted.result(30), Accepted)
    assert [row.name for row in hot.house.sql("SELECT name FROM meta WHERE name IN ('half', 'whole')")] == ["whole"]


def test_a_commit_that_fails_tells_everybody_and_the_next_one_works(hot: Hot, stalled: threading.Event) -> None:
    """The connection breaks in the middle: nothing is in, nobody is left waiting, and the writer connects anew."""

    def break_it(connection: Connection) -> None:
        connection.connection.driver_connection.close()  # type: ignore[union-attr]

    before = answer_of(hot, "accept", hot.unit("lost@test"))
    broken = hot.store.write(break_it)
    stalled.set()
    assert isinstance(broken.exception(30), StoreUnavailable)
    assert isinstance(before.result(30), StoreUnavailable)
    assert hot.count("message") == 0
    assert hot.accept("next@test")


def test_what_was_handed_in_is_done_before_it_stops(hot: Hot, stalled: threading.Event) -> None:
    units = [answer_of(hot, "accept", hot.unit()) for _ in range(1_000)]
    call = hot.store.write(lambda c: c.execute(text("SELECT count(*) FROM message")).scalar())
    closing = threading.Thread(target=hot.store.close)
    closing.start()
    stalled.set()
    closing.join(30)
    assert all(isinstance(unit.result(0), Accepted) for unit in units)
    assert call.result(0) is not None
    with pytest.raises(StoreUnavailable):
        hot.store.submit("accept", hot.unit(), lambda _unit, _answer: None)
    with pytest.raises(StoreUnavailable):
        hot.store.write(lambda c: None)


def test_a_call_cancelled_before_its_turn_is_left_out(hot: Hot, stalled: threading.Event) -> None:
    """Cancelling a coroutine that waits for the store must not end the one thread that everybody needs."""
    left_out = hot.store.write(lambda c: c.execute(text("INSERT INTO meta (name, value) VALUES ('x', '1')")).rowcount)
    refused = hot.store.write(lambda c: 1 / 0)
    assert left_out.cancel()
    assert refused.cancel()
    accepted = answer_of(hot, "accept", hot.unit())
    stalled.set()
    assert isinstance(accepted.result(30), Accepted)
    assert hot.house.sql("SELECT name FROM meta WHERE name = 'x'") == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_caller_that_fails_on_his_answer_keeps_nobody_from_theirs(hot: Hot, stalled: threading.Event) -> None:
    def fail(_unit: Any, _answer: Any) -> None:
        raise RuntimeError("the caller's own mistake")

    hot.store.submit("accept", hot.unit(), fail)
    after = answer_of(hot, "accept", hot.unit())
    stalled.set()
    assert isinstance(after.result(30), Accepted)
    assert hot.accept()


def test_marks_and_results_go_before_new_mail(hot: Hot, stalled: threading.Event) -> None:
    """With a flood of new mail waiting, what is leaving is in the very next commit."""
    order: list[str] = []
    for _ in range(600):
        hot.store.submit("accept", hot.unit(), lambda _unit, _answer: order.append("accept"))
    done: Future[Any] = Future()

    def marked(_unit: Any, answer: Any) -> None:
        order.append("mark")
        done.set_result(answer)

    hot.store.submit("mark", Mark([(1, 0, 5)]), marked)
    stalled.set()
    done.result(30)
    assert order.index("mark") < 300
