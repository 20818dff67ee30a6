"""By SMTP in and by SMTP out: smtp-source → Postroom → sink beside smtp-source → Postfix → sink, at as many sessions.

Both answer the dot after what they took is synced, and both relay at the same time into a sink of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from bench.bench import Bench
from bench.figures import Figure, ratios
from bench.sides import PostfixSide, Rates, SmtpSide
from tests.rigs.parts import missing
from tests.rigs.process import RigFailed

__all__ = ["measure"]

_SESSIONS = (5, 20)


def measure(bench: Bench) -> list[Figure]:
    if lacking := missing("postfix"):
        raise RigFailed(lacking)
    figures: list[Figure] = []
    with ExitStack() as stack:
        postfix = PostfixSide(bench, stack)
        ours = {database: SmtpSide(bench, stack, database) for database in bench.databases}
        for sessions in _SESSIONS:
            sides: dict[str, Callable[[], Rates]] = {"postfix": partial(postfix.push, sessions)}
            sides |= {database: partial(side.push, sessions) for database, side in ours.items()}
            found = bench.take_turns(sides)
            yardstick = found.pop("postfix")
            for database, rates in found.items():
                figures += _figures(f"{sessions} sessions, {database}", rates, yardstick)
    return figures


def _figures(name: str, rates: list[Rates], postfix: list[Rates]) -> list[Figure]:
    measured = {
        "accepted a second": [one.accepted for one in rates],
        "end to end a second": [one.delivered for one in rates],
        "Postfix accepted a second": [one.accepted for one in postfix],
        "Postfix end to end a second": [one.delivered for one in postfix],
    }
    delivered = ratios([one.delivered for one in rates], [one.delivered for one in postfix])
    accepted = ratios([one.accepted for one in rates], [one.accepted for one in postfix])
    return [
        Figure("smtp", f"{name}: end to end over Postfix", delivered, measured=measured),
        Figure("smtp", f"{name}: accepted over Postfix", accepted),
    ]
