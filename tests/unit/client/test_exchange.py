"""When the client asks again, how long it goes on, and what it makes of every answer. Driven by hand: no socket."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from postroom.client.errors import (
    Busy,
    ClientError,
    Conflict,
    NotAuthorised,
    NotFound,
    Refused,
    TooLarge,
    Unexpected,
    Unreachable,
)
from postroom.client.exchange import Answer, Ask, Call, Failure, Patience, Pause, exchange

OK = Answer(200, {}, b'{"a": 1}')
NOT_SENT = Failure("Postroom could not be reached.", sent=False)
PERHAPS_SENT = Failure("The connection to Postroom broke.", sent=True)


@dataclass
class World:
    """A server that gives these answers, and a clock that only pauses and `answer_seconds` move."""

    answers: list[Answer | Failure]
    each_takes: float = 0.0
    now: float = 1_000.0
    asked: list[Ask] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)

    def call(self, call: Call[str], attempts: int = 5, seconds: float = 90.0) -> str:
        flow = exchange(call, Patience(attempts, seconds, 60.0, clock=lambda: self.now, chance=lambda: 1.0))
        answer: Answer | Failure | None = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                found: str = end.value
                return found
            if isinstance(step, Pause):
                self.paused.append(step.seconds)
                self.now += step.seconds
                answer = None
            else:
                self.asked.append(step)
                self.now += self.each_takes
                answer = self.answers.pop(0)


def sending(*, repeatable: bool = True) -> Call[str]:
    return Call(Ask("POST", "/v1/messages"), lambda answer: answer.body.decode(), repeatable, key="k-1")


def problem(status: int, slug: str = "", faults: int = 0, **headers: str) -> Answer:
    found = [{"field": "from", "problem": "is odd.", "mend": "Mend it."}] * faults
    body = {"type": f"/docs#problem-{slug}", "title": "No", "status": status, "detail": "Because.", "faults": found}
    return Answer(status, headers, json.dumps(body).encode())


def test_an_answer_is_read() -> None:
    world = World([OK])
    assert world.call(sending()) == '{"a": 1}'
    assert world.paused == []


@pytest.mark.parametrize("trouble", [NOT_SENT, PERHAPS_SENT, problem(503), problem(429), Answer(502, {}, b"")])
def test_what_may_be_asked_again_is(trouble: Answer | Failure) -> None:
    world = World([trouble, trouble, OK])
    world.call(sending())
    assert len(world.asked) == 3
    assert world.asked[0] == world.asked[2], "the same request, with the same idempotency key"


@pytest.mark.parametrize("trouble", [PERHAPS_SENT, Answer(504, {}, b"")])
def test_what_may_have_arrived_is_not_asked_again_unless_it_does_no_harm(trouble: Answer | Failure) -> None:
    world = World([trouble, OK])
    with pytest.raises(Unreachable) as caught:
        world.call(sending(repeatable=False))
    assert caught.value.may_have_arrived
    assert len(world.asked) == 1


@pytest.mark.parametrize("trouble", [NOT_SENT, problem(503), problem(429)])
def test_what_did_not_arrive_is_asked_again_whatever_it_is(trouble: Answer | Failure) -> None:
    world = World([trouble, OK])
    world.call(sending(repeatable=False))
    assert len(world.asked) == 2


def test_the_pauses_grow() -> None:
    world = World([NOT_SENT] * 4 + [OK])
    world.call(sending())
    assert world.paused == sorted(world.paused)
    assert world.paused[-1] > 4 * world.paused[0]


def test_a_server_that_says_when_is_obeyed() -> None:
    world = World([problem(503, **{"retry-after": "7"}), OK])
    world.call(sending())
    assert world.paused == [7.0]


@pytest.mark.parametrize("odd", ["", "-1", "1e9", "soon", "Fri, 31 Dec 1999 23:59:59 GMT", "9" * 30, "\u0663"])
def test_an_odd_retry_after_does_no_harm(odd: str) -> None:
    world = World([problem(503, **{"retry-after": odd}), OK])
    world.call(sending())
    assert 0 < world.paused[0] < 5


def test_attempts_are_bounded() -> None:
    world = World([NOT_SENT] * 10)
    with pytest.raises(Unreachable):
        world.call(sending(), attempts=3)
    assert len(world.asked) == 3


def test_the_whole_time_is_bounded() -> None:
    world = World([PERHAPS_SENT] * 50, each_takes=20.0)
    with pytest.raises(Unreachable):
        world.call(sending(), attempts=50, seconds=90.0)
    assert len(world.asked) <= 5
    assert world.asked[-1].seconds <= 90.0


def test_nobody_waits_longer_than_there_is_time() -> None:
    world = World([problem(503, **{"retry-after": "3600"})])
    with pytest.raises(Busy) as caught:
        world.call(sending())
    assert world.paused == []
    assert caught.value.retry_after == 3600


def test_an_answer_may_take_no_longer_than_there_is_time_left() -> None:
    world = World([PERHAPS_SENT, OK], each_takes=50.0)
    world.call(sending(), seconds=90.0)
    assert world.asked[0].seconds == 60.0
    assert world.asked[1].seconds < 40.0


def test_that_it_may_have_arrived_is_not_forgotten_by_later_attempts() -> None:
    world = World([PERHAPS_SENT, NOT_SENT])
    with pytest.raises(Unreachable) as caught:
        world.call(sending(), attempts=2)
    assert caught.value.may_have_arrived


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, NotAuthorised),
        (403, NotAuthorised),
        (404, NotFound),
        (405, Refused),
        (409, Conflict),
        (413, TooLarge),
        (422, Refused),
        (500, Unexpected),
        (507, Busy),
    ],
)
def test_a_refusal_is_told_at_once_and_by_its_kind(status: int, kind: type[ClientError]) -> None:
    world = World([problem(status, "some-slug")])
    with pytest.raises(kind) as caught:
        world.call(sending())
    assert type(caught.value) is kind
    assert "Because." in caught.value.text
    assert caught.value.idempotency_key == "k-1"


def test_every_fault_is_told_in_pythons_names() -> None:
    with pytest.raises(Refused) as caught:
        World([problem(422, "bad-input", faults=2)]).call(sending())
    assert (caught.value.slug, caught.value.status) == ("bad-input", 422)
    assert [fault.field for fault in caught.value.faults] == ["sender", "sender"]
    assert str(caught.value) == "No. sender: is odd. Mend it. sender: is odd. Mend it."


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {}, b"not json"),
        Answer(200, {}, b"[]"),
        Answer(200, {}, b"\xff"),
        Answer(200, {}, b"[" * 100_000),
        Answer(301, {"location": "https://elsewhere.test"}, b""),
        Answer(404, {}, b"<html>nothing here</html>"),
        Answer(422, {}, b"[]"),
        Answer(500, {}, b""),
    ],
)
def test_what_is_not_postrooms_is_said_to_be_so(answer: Answer) -> None:
    call: Call[str] = Call(Ask("GET", "/"), lambda found: str(found.document()["id"]))
    with pytest.raises(Unexpected):
        World([answer]).call(call)


def test_words_from_outside_are_fit_to_be_shown() -> None:
    body = {"title": "\x1b[31mNo\r\nFrom: you", "detail": "x" * 10_000, "faults": [{"field": 1}, 2, None]}
    with pytest.raises(Refused) as caught:
        World([Answer(422, {}, json.dumps(body).encode())]).call(sending())
    assert caught.value.text.isprintable()
    with pytest.raises(Refused) as caught:
        World([Answer(422, {}, json.dumps({**body, "faults": "many"}).encode())]).call(sending())
    assert len(caught.value.text) < 3_000
