"""HTTP → composed → durable → delivered, against what a bare FastAPI endpoint answers under the same load."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import partial

from bench import letter
from bench.bench import Bench
from bench.child import ROOT, environment
from bench.figures import Figure, ratios
from bench.load import singles
from bench.sides import HttpSide
from tests.rigs.ports import free_port
from tests.rigs.process import Process

__all__ = ["measure"]

_AIM = 0.6


def measure(bench: Bench) -> list[Figure]:
    with ExitStack() as stack:
        bare = BareApi(bench, stack)
        sides = {"FastAPI": bare.rate}
        for database in bench.databases:
            http = HttpSide(bench, stack, database)
            sides[database] = partial(_delivered, http)
        found = bench.take_turns(sides)
    yardstick = found.pop("FastAPI")
    return [
        Figure(
            "http", f"delivered over what FastAPI answers, {database}", ratios(rates, yardstick), _AIM,
            measured={"delivered a second": rates, "FastAPI answers a second": yardstick},
        )
        for database, rates in found.items()
    ]  # fmt: skip


def _delivered(http: HttpSide) -> float:
    return http.one_by_one().delivered


class BareApi:
    """The yardstick, in a process of its own."""

    def __init__(self, bench: Bench, stack: ExitStack) -> None:
        self._bench = bench
        self._folder = bench.folder_for("fastapi")
        self._port = free_port()
        command = [sys.executable, "-m", "bench.programs.bare_api", str(self._port)]
        process = stack.enter_context(Process(command, self._folder / "log", environment(), cwd=ROOT))
        process.wait_for_port(self._port, 30)

    def rate(self) -> float:
        bench = self._bench
        return singles(
            bench.generator, self._folder, self._port, letter.body(), key="", connections=bench.connections,
            seconds=bench.size.load_seconds,
        ).rate  # fmt: skip
