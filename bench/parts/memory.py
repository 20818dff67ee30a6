"""Resident memory of a Postroom process under load: with nothing waiting, and with a million.

The peak of the whole process counts, its start included, while messages come in over HTTP as quickly as they are taken
and leave at the same time.
"""

from __future__ import annotations

from contextlib import ExitStack

from bench.bench import Bench, peak_octets
from bench.figures import Figure, ratios
from bench.sides import HttpSide
from bench.waiting import Waiting, fill
from postroom import ids
from postroom.clock import now_ms
from postroom.store.database import Store

__all__ = ["measure"]

_AIM_MB = 150.0
_AIM_WAITING = 4 / 3
_BODY = b"Subject: one of very many\r\n\r\nIt waits.\r\n"


def measure(bench: Bench) -> list[Figure]:
    figures = []
    for database in bench.databases:
        waiting = bench.size.memory_waiting
        empty = _megabytes(bench, database, 0)
        full = _megabytes(bench, database, waiting)
        measured = {"MB": [empty], f"MB with {waiting:,} waiting": [full]}
        figures += [
            Figure("memory", f"resident under load, {database}", (empty,), _AIM_MB, at_most=True, unit="MB",
                   measured=measured),
            Figure("memory", f"with {waiting:,} waiting over without, {database}", ratios([full], [empty]),
                   _AIM_WAITING, at_most=True, measured=measured),
        ]  # fmt: skip
    return figures


def _megabytes(bench: Bench, database: str, waiting: int) -> float:
    with ExitStack() as stack:
        side = HttpSide(bench, stack, database)
        if waiting:
            account = side.account
            side.postroom.stop()
            _fill(side.database, account, waiting)
            side.postroom.start()
        side.load(bench.size.memory_seconds)
        found = peak_octets(side.postroom.process.pid) / 1e6
        bench.say(f"  {found:.0f} MB with {waiting:,} waiting")
        side.postroom.kill9()
        return found


def _fill(url: str, account: str, messages: int) -> None:
    store = Store(url)
    try:
        first, moment = store.ids.next(), now_ms()
        fill(store, Waiting(messages, first, str(ids.decode("a", account)), "1", "5", f"{moment} + n / 100000", _BODY))
    finally:
        store.close()
