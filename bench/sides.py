"""Who is measured: Postfix, Postroom behind HTTP or SMTP, Postroom inside a program; each with a sink of its own.

A side hands over the same mail and says, as rates, how quickly it was accepted and how quickly the last of it was in
the sink. Durability is the same for all: Postfix syncs its queue files, SQLite runs with WAL and synchronous=FULL,
PostgreSQL with fsync and synchronous_commit on.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import NamedTuple

from bench import letter
from bench.bench import Bench
from bench.child import Child
from bench.load import Loaded, batches, singles
from bench.source import push
from tests.rigs.ports import free_port
from tests.rigs.postfix import Postfix
from tests.rigs.postroom import Postroom
from tests.rigs.process import RigFailed, tail

__all__ = ["EmbeddedSide", "HttpSide", "PostfixSide", "Rates", "SmtpSide"]

_BATCH_CONNECTIONS = 4
_EMBEDDED_BATCH = 500
_EMBEDDED_AHEAD = 4


class Rates(NamedTuple):
    """Messages a second."""

    accepted: float
    delivered: float


class PostfixSide:
    """smtp-source → Postfix → smtp-sink."""

    def __init__(self, bench: Bench, stack: ExitStack) -> None:
        self._bench = bench
        self._sink = bench.open_sink(stack)
        # Otherwise Postfix holds back its own clients while its queue grows; without it, it is quicker.
        settings = {"in_flow_delay": 0}
        self._postfix = stack.enter_context(Postfix(relayhost=self._sink.port, settings=settings))
        self._letter = letter.letter_file(bench.folder_for("postfix"))

    def measure(self) -> Rates:
        """The best of several numbers of sessions, for each figure by itself."""
        found = [self.push(sessions) for sessions in self._bench.size.postfix_sessions]
        return Rates(max(one.accepted for one in found), max(one.delivered for one in found))

    def push(self, sessions: int) -> Rates:
        messages = self._bench.size.postfix
        self._sink.mark()
        began = time.monotonic()
        accepted = push(self._postfix.port, messages, sessions, self._letter)
        try:
            arrived = self._sink.wait(messages)
        except RigFailed as failed:
            raise RigFailed(f"Postfix: {failed}; its log ends:\n{tail(self._postfix.log)}") from None
        return Rates(accepted, messages / (arrived.at - began))


class HttpSide:
    """HTTP → Postroom in a process of its own → sink. `database`: its URL; `account`: the id of the way to the sink."""

    def __init__(self, bench: Bench, stack: ExitStack, database: str) -> None:
        self._bench = bench
        self._sink = bench.open_sink(stack)
        self._folder = bench.folder_for("postroom")
        self.database = bench.database(stack, database)
        self.postroom = stack.enter_context(Postroom(self._folder, database=self.database))
        self.database = self.database or f"sqlite:///{self.postroom.data / 'postroom.db'}"
        self.account = self.postroom.deliver_to(
            self._sink.port, name="sink", sender_address=letter.SENDER.spec, limits={"connections": bench.lanes}
        )

    def one_by_one(self) -> Rates:
        self._sink.mark()
        return self._rates(loaded := self.load(self._bench.size.load_seconds), loaded.answers)

    def load(self, seconds: float) -> Loaded:
        """Only loads it, and waits for nothing."""
        bench = self._bench
        return singles(
            bench.generator,
            self._folder,
            self.postroom.port,
            letter.body(),
            key=self.postroom.key,
            connections=bench.connections,
            seconds=seconds,
        )

    def in_batches(self, batch: int) -> Rates:
        self._sink.mark()
        requests = max(2, self._bench.size.batched // batch)
        loaded = batches(
            self._folder, self.postroom.port, letter.batch_body(batch), key=self.postroom.key,
            connections=_BATCH_CONNECTIONS, requests=requests,
        )  # fmt: skip
        return self._rates(loaded, loaded.answers * batch)

    def _rates(self, loaded: Loaded, messages: int) -> Rates:
        arrived = self._sink.wait(messages) if loaded.exact else self._sink.wait_quiet(messages)
        accepted = messages / (loaded.ended - loaded.began)
        return Rates(accepted, arrived.messages / (arrived.at - loaded.began))


class SmtpSide:
    """smtp-source → Postroom's SMTP door → sink. smtp-source can't log in, so its network is trusted."""

    def __init__(self, bench: Bench, stack: ExitStack, database: str) -> None:
        self._bench = bench
        self._sink = bench.open_sink(stack)
        folder = bench.folder_for("smtp")
        self._letter = letter.letter_file(folder)
        self._port = free_port()
        door = {"listen_smtp": f"127.0.0.1:{self._port}", "smtp_trusted": "127.0.0.1=source"}
        postroom = stack.enter_context(Postroom(folder, database=bench.database(stack, database), **door))
        postroom.api.post("/v1/applications", {"name": "source"}).expect(201)
        postroom.deliver_to(
            self._sink.port, name="sink", sender_address=letter.SENDER.spec, limits={"connections": bench.lanes}
        )

    def push(self, sessions: int) -> Rates:
        messages = self._bench.size.postfix
        self._sink.mark()
        began = time.monotonic()
        accepted = push(self._port, messages, sessions, self._letter)
        arrived = self._sink.wait(messages)
        return Rates(accepted, messages / (arrived.at - began))


class EmbeddedSide:
    """A program with Postroom in it → sink."""

    def __init__(self, bench: Bench, stack: ExitStack, database: str) -> None:
        self._bench = bench
        self._sink = bench.open_sink(stack)
        folder = bench.folder_for("embedded")
        more = ["--database", bench.database(stack, database), "--port", self._sink.port, "--lanes", bench.lanes]
        self._child = stack.enter_context(Child(folder, "embedded", folder / "data", *more))

    def measure(self) -> Rates:
        messages = self._bench.size.batched
        self._sink.mark()
        answer = self._child.ask(do="many", messages=messages, batch=_EMBEDDED_BATCH, ahead=_EMBEDDED_AHEAD)
        arrived = self._sink.wait(messages)
        if arrived.messages != messages:
            raise RigFailed(f"{messages:,} messages were sent, {arrived.messages:,} came")
        took = answer["ended"] - answer["began"]
        return Rates(messages / took, messages / (arrived.at - answer["began"]))
