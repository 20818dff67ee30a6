"""A full queue, filled without a worker, then a worker: how quickly it drains, against smtp-source alone.

Measured from the first message in the sink to the last, so that starting a process does not count. smtp-source has no
database to keep, no state, no log: it is the most that anybody could push over as many connections.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from bench import letter
from bench.bench import Bench
from bench.child import Child
from bench.figures import Figure, ratios
from bench.sinks import CountingSink
from bench.source import push
from tests.rigs.parts import missing
from tests.rigs.process import RigFailed

__all__ = ["measure"]

_AIM = 1 / 3
_BATCH = 500
_SHARE_OF_SOURCE = 2


def measure(bench: Bench) -> list[Figure]:
    if lacking := missing("smtp-sink"):
        raise RigFailed(lacking)
    with ExitStack() as stack:
        sink = bench.open_sink(stack)
        file = letter.letter_file(bench.folder_for("source"))
        pushed = max(100, bench.size.drained // _SHARE_OF_SOURCE)
        sides: dict[str, Callable[[], float]] = {"smtp-source": lambda: push(sink.port, pushed, bench.lanes, file)}
        for database in bench.databases:
            sides[database] = partial(_drained, bench, sink, database)
        found = bench.take_turns(sides)
    yardstick = found.pop("smtp-source")
    return [
        Figure(
            "drain", f"drained over smtp-source alone, {database}", ratios(rates, yardstick), _AIM,
            measured={"drained a second": rates, "smtp-source a second": yardstick},
        )
        for database, rates in found.items()
    ]  # fmt: skip


def _drained(bench: Bench, sink: CountingSink, database: str) -> float:
    """Messages a second, of a queue that is filled for this once."""
    messages = bench.size.drained
    with ExitStack() as stack:
        folder = bench.folder_for("drain")
        arguments = [folder / "data", "--database", bench.database(stack, database)]
        more = ["--port", sink.port, "--lanes", bench.lanes, "--without-worker"]
        with Child(folder, "embedded", *arguments, *more) as filling:
            filling.ask(do="many", messages=messages, batch=_BATCH, ahead=4)
        sink.mark()
        with Child(folder, "embedded", *arguments):
            first = sink.wait(1, 30)
            last = sink.wait(messages)
        return (messages - first.messages) / max(last.at - first.at, time.get_clock_info("monotonic").resolution)
