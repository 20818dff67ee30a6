"""Postfix's smtp-sink and smtp-source: a server that swallows everything, and a client that pushes as fast as it can.

Not written by us, and quick: the oracle that is independent of our own sink, and the yardstick of the benchmarks.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.rigs.parts import program
from tests.rigs.ports import free_port, listening
from tests.rigs.process import Process, RigFailed, Started, remove, shared_folder

__all__ = ["Pushed", "SmtpSink", "smtp_source"]


class SmtpSink(Started):
    """`with SmtpSink("-Q", "data") as sink:` and talk to `sink.port`; the options are those of smtp-sink(1)."""

    def __init__(self, *options: str) -> None:
        self.folder = shared_folder("smtp-sink")
        self.host = "127.0.0.1"
        self.port = free_port()
        self.log = self.folder / "log"
        self._options = options
        self._process: Process | None = None

    def start(self) -> Self:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command: list[str | Path] = [_found("smtp-sink"), *user, *self._options, f"127.0.0.1:{self.port}", "1000"]
        self._process = Process(command, self.log)
        self._process.wait_ready(lambda: listening(self.port))
        return self

    @property
    def process(self) -> Process:
        assert self._process is not None, "smtp-sink is not running"
        return self._process

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
        remove(self.folder)


@dataclass(frozen=True, slots=True)
class Pushed:
    """How long smtp-source took for how many messages."""

    messages: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.messages / self.seconds


def smtp_source(
    port: int,
    messages: int,
    *,
    sessions: int = 4,
    length: int = 2048,
    sender: str = "source@test.example",
    recipient: str = "ok@test.example",
    options: tuple[str, ...] = (),
) -> Pushed:
    """Pushes `messages` of `length` bytes into 127.0.0.1:`port` over kept connections."""
    command: list[str | Path] = [
        _found("smtp-source"),
        "-d",
        "-s",
        str(sessions),
        "-m",
        str(messages),
        "-l",
        str(length),
    ]
    command += ["-f", sender, "-t", recipient, *options, f"127.0.0.1:{port}"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    took = time.perf_counter() - began
    if done.returncode:
        raise RigFailed(f"smtp-source failed:\n{done.stdout}{done.stderr}")
    return Pushed(messages, took)


def _found(name: str) -> Path:
    found = program(name)
    if found is None:
        raise RigFailed(f"{name} is not installed")
    return found
