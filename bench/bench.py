"""What every part of the benchmark is given: how large it is to be, where its files go, and who is measured.

Parts run one after the other, and within a part the sides of a comparison take turns (A B A B), so that whatever else
the machine does hits all of them alike.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.sinks import CountingSink
from tests.rigs.postgres import Postgres

__all__ = ["FULL", "QUICK", "SIZES", "TINY", "Bench", "Size", "file_system", "peak_octets"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; numbers of messages unless the name says otherwise."""

    rounds: int
    load_seconds: float
    postfix: int
    postfix_sessions: tuple[int, ...]
    batched: int
    drained: int
    pushed: int
    waiting: tuple[int, ...]
    claims: int
    far_seconds: float
    composed: int
    memory_waiting: int
    memory_seconds: float
    instant: int
    committed: int
    searched: int
    bulk: int
    mailbox: int


FULL = Size(
    rounds=3, load_seconds=4, postfix=3_000, postfix_sessions=(10, 20, 40), batched=10_000, drained=100_000,
    pushed=20_000, waiting=(1_000, 100_000, 1_000_000), claims=40, far_seconds=5, composed=2_000,
    memory_waiting=1_000_000, memory_seconds=8, instant=300, committed=6_000, searched=1_000_000,
    bulk=100_000, mailbox=100_000,
)  # fmt: skip
QUICK = Size(
    rounds=1, load_seconds=2, postfix=1_500, postfix_sessions=(20,), batched=5_000, drained=20_000,
    pushed=6_000, waiting=(1_000, 100_000), claims=25, far_seconds=2, composed=1_000,
    memory_waiting=100_000, memory_seconds=3, instant=100, committed=2_000, searched=100_000,
    bulk=10_000, mailbox=10_000,
)  # fmt: skip
TINY = Size(
    rounds=1, load_seconds=0.3, postfix=50, postfix_sessions=(5,), batched=200, drained=300,
    pushed=200, waiting=(1_000, 2_000), claims=3, far_seconds=0.5, composed=20,
    memory_waiting=1_000, memory_seconds=0.3, instant=5, committed=100, searched=500,
    bulk=300, mailbox=50,
)  # fmt: skip
"""Shows that everything runs; its figures mean nothing."""

SIZES = {"full": FULL, "quick": QUICK, "tiny": TINY}


@dataclass(frozen=True, slots=True)
class Bench:
    """One run. `databases`: a PostgreSQL that runs, or None for SQLite. `sink`: smtp-sink or own; `generator` of the
    HTTP load: wrk or own; `connections`: of that load; `lanes`: Postroom's connections to the sink."""

    size: Size
    folder: Path
    databases: Mapping[str, Postgres | None]
    sink: str
    generator: str
    connections: int = 64
    lanes: int = 4
    say: Callable[[str], None] = field(default=lambda text: print(text, file=sys.stderr, flush=True))

    def open_sink(self, stack: ExitStack) -> CountingSink:
        return stack.enter_context(CountingSink(self.sink))

    def database(self, stack: ExitStack, name: str) -> str:
        """The URL of a fresh database; empty for SQLite, whose file goes where the data go."""
        server = self.databases[name]
        return stack.enter_context(server.database()) if server else ""

    def folder_for(self, name: str) -> Path:
        """A new folder in this run's own."""
        made = self.folder / name
        number = 2
        while made.exists():
            made = self.folder / f"{name}-{number}"
            number += 1
        made.mkdir(parents=True)
        return made

    def take_turns(self, sides: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
        """Measures each side once a round, in turn; for each side what it gave in each round."""
        found: dict[str, list[T]] = {name: [] for name in sides}
        for number in range(1, self.size.rounds + 1):
            for name, measure in sides.items():
                found[name].append(measure())
                self.say(f"  round {number} of {self.size.rounds}: {name}: {_shown(found[name][-1])}")
        return found


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    return str(value)


def file_system(folder: Path) -> str:
    """What kind of file system the folder is on, for the result: on one in memory a sync costs nothing."""
    device = os.stat(folder).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    kinds = [line.split(" - ", 1)[1].split()[0] for line in lines if line.split()[2] == wanted]
    return kinds[-1] if kinds else "unknown"


def peak_octets(pid: int) -> int:
    """The most memory a process has had resident since it began (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)
