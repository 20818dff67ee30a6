"""Accepted, and end to end: the same mails into Postfix and into Postroom, both relaying into the same kind of sink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from bench.bench import Bench
from bench.figures import Figure, ratios
from bench.sides import EmbeddedSide, HttpSide, PostfixSide, Rates
from tests.rigs.parts import missing
from tests.rigs.process import RigFailed

__all__ = ["measure"]

_AIM_SINGLE = 5.0
_AIM_BATCH = 10.0
_BATCHES = (100, 1_000)


def measure(bench: Bench) -> list[Figure]:
    if lacking := missing("postfix"):
        raise RigFailed(lacking)
    figures: list[Figure] = []
    with ExitStack() as stack:
        postfix = PostfixSide(bench, stack)
        sides: dict[str, Callable[[], Rates]] = {"postfix": postfix.measure}
        for database in bench.databases:
            http = HttpSide(bench, stack, database)
            embedded = EmbeddedSide(bench, stack, database)
            sides[f"HTTP one by one, {database}"] = http.one_by_one
            for batch in _BATCHES:
                sides[f"HTTP by {batch:,}, {database}"] = partial(http.in_batches, batch)
            sides[f"embedded, {database}"] = embedded.measure
        found = bench.take_turns(sides)
    yardstick = found.pop("postfix")
    for name, rates in found.items():
        figures += _figures(name, rates, yardstick)
    return figures


def _figures(name: str, rates: Sequence[Rates], postfix: Sequence[Rates]) -> list[Figure]:
    aim = _AIM_SINGLE if "one by one" in name else _AIM_BATCH
    measured = {
        "accepted a second": [one.accepted for one in rates],
        "end to end a second": [one.delivered for one in rates],
        "Postfix accepted a second": [one.accepted for one in postfix],
        "Postfix end to end a second": [one.delivered for one in postfix],
    }
    delivered = ratios([one.delivered for one in rates], [one.delivered for one in postfix])
    accepted = ratios([one.accepted for one in rates], [one.accepted for one in postfix])
    return [
        Figure("relay", f"{name}: end to end over Postfix", delivered, aim, measured=measured),
        Figure("relay", f"{name}: accepted over Postfix", accepted),
    ]
