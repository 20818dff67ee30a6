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
from functools import partial

from bench.bench import Bench
from bench.child import Child
from bench.figures import Figure
from tests.rigs.process import RigFailed
from tests.rigs.proxy import Faults, Proxy
from tests.rigs.sink import Sink

__all__ = ["measure"]

_AIM = 0.9
_ONE_WAY_SECONDS = 0.025
_CONNECTIONS = 2
_RAMP = 0.3
"""Of the time that is measured: how long before all connections are in step."""
_IN_HAND = 600
_A_SECOND = 100
"""There is more to send than all lanes take in hand and could send, so that none runs dry; what is left is left."""
_NOOPS = 7


def measure(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        counting = bench.open_sink(stack)
        recording = stack.enter_context(Sink.start(bench.folder_for("recording")))
        found = bench.take_turns(
            {
                "PIPELINING": partial(_per_round_trip, bench, counting.port, lambda: counting.taken),
                "CHUNKING": partial(_per_round_trip, bench, recording.port, lambda: len(recording.taken())),
            }
        )
    return [
        Figure("far", f"messages a round trip and connection, {extension}", tuple(values), _AIM)
        for extension, values in found.items()
    ]


def _per_round_trip(bench: Bench, port: int, taken: Callable[[], int]) -> float:
    """Postroom with more in its queue than it can send, and its server behind a long line."""
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy("127.0.0.1", port, Faults(delay=_ONE_WAY_SECONDS)))
        round_trip = _round_trip(proxy.port)
        folder = bench.folder_for("far")
        more = ["--port", proxy.port, "--lanes", _CONNECTIONS]
        child = stack.enter_context(Child(folder, "embedded", folder / "data", *more))
        before, connections = taken(), proxy.connections
        enough = _IN_HAND + int(bench.size.far_seconds * _A_SECOND)
        child.ask(do="many", messages=enough, batch=500, ahead=1)
        time.sleep(bench.size.far_seconds * _RAMP)
        began, first = time.monotonic(), taken()
        time.sleep(bench.size.far_seconds)
        ended, last = time.monotonic(), taken()
        if last - before >= enough or proxy.connections - connections != _CONNECTIONS:
            raise RigFailed("the queue ran empty, or a connection was lost, while it was measured")
        return (last - first) / ((ended - began) / round_trip) / _CONNECTIONS


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
