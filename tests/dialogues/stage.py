"""A driver without sockets: it executes the client's steps against a server in memory, and writes down all it did.

It keeps the contract that `postroom.smtp.client` states for every driver.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from postroom.smtp.client import (
    AskBindings,
    Done,
    Lost,
    LostKind,
    Marked,
    MarkSoon,
    Next,
    Outcome,
    Reckon,
    Reply,
    ReplyReader,
    Send,
    StartTls,
    Step,
    Transmission,
)

T = TypeVar("T")


class Server(Protocol):
    """The other end. `receive` gives how many of the bytes reached it at most, None when that can't be told."""

    def receive(self, data: bytes, replies: int) -> int | None: ...

    def read(self) -> bytes | LostKind: ...

    def start_tls(self) -> LostKind | None: ...


@dataclass
class Stage:
    """Plays one session. `events` is what happened, in order; `outcomes` what was reported, by key."""

    server: Server
    transmissions: Iterable[Transmission] = ()
    at_hand: Callable[[Transmission], bool] = lambda _: True
    marked: Callable[[Transmission], bool] = lambda _: True
    piece: int | None = None
    events: list[tuple[Any, ...]] = field(default_factory=list)
    outcomes: dict[object, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._coming = list(self.transmissions)
        self._reader = ReplyReader()
        self._waiting: list[Reply] = []
        self._clock = 0.0

    def play(self, conversation: Generator[Step, Any, T]) -> T:
        """Run a generator to its end and give its result."""
        answer: Any = None
        while True:
            try:
                step = conversation.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            answer = self._execute(step)

    def _execute(self, step: Step) -> Any:
        self._clock += 0.001
        if isinstance(step, Send):
            step.began = self._clock
            answer = self._send(step)
            self._clock += 0.001
            step.ended = self._clock
            return answer
        if isinstance(step, StartTls):
            return self._start_tls()
        if isinstance(step, AskBindings):
            return ()
        if isinstance(step, Reckon):
            return step.call()
        if isinstance(step, Next):
            return self._next(step.wait)
        if isinstance(step, MarkSoon):
            self.events.append(("soon", step.transmission.key))
        elif isinstance(step, Marked):
            granted = self.marked(step.transmission)
            self.events.append(("mark", step.transmission.key, granted))
            return granted
        elif isinstance(step, Done):
            assert step.transmission.key not in self.outcomes, "an outcome is reported once"
            self.outcomes[step.transmission.key] = step.outcome
            self.events.append(("done", step.transmission.key, step.outcome))
        return None

    def _next(self, wait: bool) -> Transmission | None:
        if not self._coming or not (wait or self.at_hand(self._coming[0])):
            return None
        transmission = self._coming.pop(0)
        self.events.append(("next", transmission.key))
        return transmission

    def _start_tls(self) -> Lost | None:
        if self._reader.drop() or self._waiting:
            return Lost(LostKind.INJECTED, "bytes came in clear before TLS")
        kind = self.server.start_tls()
        self.events.append(("tls", kind is None))
        return None if kind is None else Lost(kind, "the handshake failed")

    def _send(self, step: Send) -> list[Reply] | Lost:
        if step.data:
            left_over = self._left_over()
            if left_over is not None:
                return left_over
            self.events.append(("sent", step.data + step.tail))
        written = self.server.receive(step.data + step.tail, step.replies)
        while len(self._waiting) < step.replies:
            heard = self.server.read()
            if isinstance(heard, LostKind):
                return self._lost(heard, written)
            self._feed(heard)
            if self._reader.fault is not None and len(self._waiting) < step.replies:
                return Lost.unintelligible(self._reader.fault, tuple(self._waiting))
        answer, self._waiting = self._waiting[: step.replies], self._waiting[step.replies :]
        return answer

    def _feed(self, data: bytes) -> None:
        size = self.piece or len(data) or 1
        for start in range(0, len(data), size):
            self._waiting += self._reader.feed(data[start : start + size])

    def _left_over(self) -> Lost | None:
        if self._waiting and self._waiting[0].code == 421:
            return Lost(LostKind.CLOSED, "the server went away", replies=(self._waiting[0],), written=0)
        if self._waiting or self._reader.pending or self._reader.fault is not None:
            return Lost(LostKind.OUT_OF_STEP, f"more than was asked: {self._waiting}", written=0)
        return None

    def _lost(self, kind: LostKind, written: int | None) -> Lost:
        return Lost(kind, "no reply", replies=tuple(self._waiting), written=written)


def ends_before_marks(events: Iterable[tuple[Any, ...]], ends: dict[bytes, object]) -> list[object]:
    """The keys of messages the end of whose body (a text in `ends`) was sent before the mark was durable: P3 broken."""
    marked: set[object] = set()
    early = []
    for event in events:
        if event[0] == "mark" and event[2]:
            marked.add(event[1])
        elif event[0] == "sent":
            early += [key for end, key in ends.items() if end in event[1] and key not in marked]
    return early
