"""Where all mail ends: a sink that takes everything, and tells how much it has without being asked.

Postfix's smtp-sink writes a counter to its output; the file is looked at, so neither the sender's database nor the
sink is disturbed by counting. Without Postfix our own counting sink stands in.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from bench.child import environment
from tests.rigs.parts import missing, program
from tests.rigs.ports import free_port, listening
from tests.rigs.process import Process, RigFailed

__all__ = ["SINKS", "Arrived", "CountingSink", "sink_here"]

_LOOK_EVERY = 0.003
_QUIET_SECONDS = 0.4
_TAIL_OCTETS = 256


class Arrived(NamedTuple):
    """How many messages came since the mark, and when the last of them did (seconds, monotonic)."""

    messages: int
    at: float


SINKS = ("smtp-sink", "own")


def sink_here() -> str:
    """The best of `SINKS` that this machine has."""
    return "own" if missing("smtp-sink") else "smtp-sink"


class CountingSink:
    """`with CountingSink("own") as sink:` then `sink.mark()`, send, `sink.wait(messages)`."""

    def __init__(self, kind: str) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="postroom-bench-sink-"))
        self._counter = self._folder / "counter"
        self._marked = 0
        self._process = Process(self._command(kind), self._counter, environment())
        self._process.wait_ready(lambda: listening(self.port))
        self._file = os.open(self._counter, os.O_RDONLY)

    def _command(self, kind: str) -> list[str | Path]:
        if kind == "own":
            return [sys.executable, "-m", "bench.programs.sink", str(self.port)]
        found = program("smtp-sink")
        if found is None:
            raise RigFailed(missing("smtp-sink"))
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        return [found, *user, "-c", f"127.0.0.1:{self.port}", "1000"]

    @property
    def taken(self) -> int:
        """All messages so far."""
        size = os.fstat(self._file).st_size
        end = os.pread(self._file, _TAIL_OCTETS, max(0, size - _TAIL_OCTETS))
        whole = end[: end.rfind(b"\r") + 1]
        place = whole.rfind(b"mesg=")
        return int(whole[place + 5 :].split()[0]) if place >= 0 else 0

    def mark(self) -> None:
        """From here on it counts for `wait` and `since`."""
        self._marked = self.taken

    @property
    def since(self) -> int:
        return self.taken - self._marked

    def wait(self, messages: int, seconds: float = 120) -> Arrived:
        """Waits for exactly so many since the mark."""
        end = time.monotonic() + seconds
        while (came := self.since) < messages:
            if time.monotonic() > end:
                raise RigFailed(f"only {came:,} of {messages:,} messages came within {seconds:g} s")
            time.sleep(_LOOK_EVERY)
        return Arrived(came, time.monotonic())

    def wait_quiet(self, at_least: int, seconds: float = 120) -> Arrived:
        """Waits until at least so many came and no more do: for loads that don't know their own number."""
        arrived = self.wait(at_least, seconds)
        end = time.monotonic() + seconds
        while time.monotonic() - arrived.at < _QUIET_SECONDS and time.monotonic() < end:
            time.sleep(_LOOK_EVERY)
            if (came := self.since) != arrived.messages:
                arrived = Arrived(came, time.monotonic())
        return arrived

    def stop(self) -> None:
        self._process.stop()
        os.close(self._file)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
