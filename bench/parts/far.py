"""A server 50 ms away: messages per round trip and connection, in the steady state.

A round trip is measured, not assumed: NOOP through the same proxy. A connection that waits for every answer needs four
round trips a message; one that overlaps as far as the server's extensions allow needs one.
"""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack

from bench.bench import Bench
from bench.child import Child
from bench.figures import Figure
from bench.sinks import CountingSink
from tests.rigs.process import RigFailed
from tests.rigs.proxy import Faults, Proxy
from tests.rigs.sink import Sink

__all__ = ["measure"]

_AIM = 0.9
_ONE_WAY_SECONDS = 0.025
_CONNECTIONS = 2
_RAMP_SECONDS = 1.5
_NOOPS = 12


def measure(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        counting = stack.enter_context(CountingSink())
        recording = stack.enter_context(Sink.start(bench.folder_for("recording")))
        sides = {
            "PIPELINING": _Far(bench, stack, counting.port, lambda: counting.taken).per_round_trip,
            "CHUNKING": _Far(bench, stack, recording.port, lambda: len(recording.taken())).per_round_trip,
        }
        found = bench.take_turns(sides)
    return [
        Figure("far", f"messages a round trip and connection, {extension}", tuple(values), _AIM)
        for extension, values in found.items()
    ]


class _Far:
    """Postroom, and its server behind a long line."""

    def __init__(self, bench: Bench, stack: ExitStack, port: int, taken: Callable[[], int]) -> None:
        self._seconds = bench.size.far_seconds
        self._taken = taken
        self._proxy = stack.enter_context(Proxy("127.0.0.1", port, Faults(delay=_ONE_WAY_SECONDS)))
        folder = bench.folder_for("far")
        more = ["--port", self._proxy.port, "--lanes", _CONNECTIONS]
        self._child = stack.enter_context(Child(folder, "embedded", folder / "data", *more))

    def per_round_trip(self) -> float:
        round_trip = _round_trip(self._proxy.port)
        enough = int((self._seconds + _RAMP_SECONDS) / round_trip * _CONNECTIONS * 1.5) + 20
        before = self._taken()
        self._child.ask(do="many", messages=enough, batch=100, ahead=1)
        time.sleep(_RAMP_SECONDS)
        began, first = time.monotonic(), self._taken()
        time.sleep(self._seconds)
        ended, last = time.monotonic(), self._taken()
        if last - before >= enough:
            raise RigFailed("the queue ran empty while it was measured")
        self._let_end(before + enough, round_trip)
        return (last - first) / ((ended - began) / round_trip) / _CONNECTIONS

    def _let_end(self, all_of_them: int, round_trip: float) -> None:
        end = time.monotonic() + 60
        while self._taken() < all_of_them and time.monotonic() < end:
            time.sleep(round_trip)


def _round_trip(port: int) -> float:
    """Seconds from NOOP to its answer through the proxy."""
    times = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.recv(1024)
        for _ in range(_NOOPS):
            began = time.monotonic()
            connection.sendall(b"NOOP\r\n")
            connection.recv(1024)
            times.append(time.monotonic() - began)
    return statistics.median(times)
