"""Two workers on PostgreSQL, one frozen beyond its lease and continued: its late result is refused (P4), its late body
does not leave, and the one copy too many, where there is one, is shown as unknown (P3).
"""

from __future__ import annotations

from collections.abc import Callable

from tests.rigs.oracle import account_of
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

SHORT = {"lease_seconds": 1.5, "heartbeat_seconds": 0.3, "poll_seconds": 0.1}


class Workers:
    """A door and two workers; the second is started when the first is frozen."""

    def __init__(self, fork_postroom: Callable[..., Postroom], url: str, sink: Sink) -> None:
        self.door = fork_postroom(database=url, role="http").start()
        self.first, self.second = (fork_postroom(database=url, role="worker", **SHORT) for _ in range(2))
        self.door.deliver_to(sink.port)
        self.sink = sink

    def freeze_first_when(self, recipient: str, seen: Callable[[], bool]) -> str:
        """Hands a message over, freezes the worker that has it as soon as the sink has `seen` so much of it."""
        self.first.start()
        message = self.door.api.send(recipient)
        wait_until(seen, 20, lambda: f"the sink has {self.sink.entries()}")
        self.first.process.freeze()
        assert self.door.api.states(message) == {recipient: "sending"}
        return message

    def finish_with_second(self, message: str) -> None:
        self.second.start()
        self.door.api.wait_for_state(message, "deferred", "sent")
        self.door.settle([message])

    def thaw(self, words: str) -> None:
        self.first.process.thaw()
        wait_until(lambda: words in self.first.log_text(), 20, lambda: f"{words} in its log:\n{self.first.log_text()}")

    def kinds(self, message: str) -> list[str]:
        events = self.door.api.get(f"/v1/messages/{message}/timeline").expect(200)["events"]
        return [event["kind"] for event in events]


def test_a_result_that_comes_after_the_lease_ended_is_refused(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink], postgres_url: str
) -> None:
    """Frozen while it waits for the answer to the dot. Meanwhile the other one takes the message over and sends it."""
    sink = make_sink(options={"dot_delay": 0.5})
    workers = Workers(fork_postroom, postgres_url, sink)
    message = workers.freeze_first_when("ok@sink.test", lambda: len(sink.taken()) == 1)
    workers.finish_with_second(message)
    workers.thaw("late-result-refused")
    account = account_of(workers.door.api, message)
    assert account.states == {"ok@sink.test": "sent"}
    assert account.doubts == {"ok@sink.test": 1}
    assert len(sink.taken()) == 2
    kinds = workers.kinds(message)
    assert kinds.count("sent") == 1
    assert kinds.index("unknown") < kinds.index("sent")


def test_a_body_whose_lease_ended_does_not_leave(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink], postgres_url: str
) -> None:
    """Frozen in the envelope, whose answer drips in: when it goes on, the message is another's, and it says no more."""
    sink = make_sink(without=("CHUNKING", "PIPELINING"), options={"slow": 0.25})
    workers = Workers(fork_postroom, postgres_url, sink)
    message = workers.freeze_first_when("slow-once@sink.test", lambda: bool(sink.entries("connect")))
    workers.finish_with_second(message)
    workers.thaw("late-result-refused")
    assert workers.door.api.states(message) == {"slow-once@sink.test": "sent"}
    assert len(sink.taken()) == 1
    assert workers.kinds(message).count("sent") == 1


def test_a_worker_that_was_frozen_works_on(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink], postgres_url: str
) -> None:
    """It learns that its lanes are gone, and takes new ones."""
    sink = make_sink(options={"dot_delay": 0.3})
    workers = Workers(fork_postroom, postgres_url, sink)
    message = workers.freeze_first_when("ok@sink.test", lambda: len(sink.taken()) == 1)
    workers.finish_with_second(message)
    workers.second.stop()
    workers.thaw("late-result-refused")
    after = workers.door.api.send("after@sink.test")
    assert workers.door.api.wait_for_state(after, "sent") == {"after@sink.test": "sent"}
