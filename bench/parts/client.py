"""The SMTP client alone, without queue and store: against aiosmtplib on uvloop, into the same sink."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from bench.bench import Bench
from bench.child import Child
from bench.figures import Figure, ratios
from bench.sinks import CountingSink
from tests.rigs.process import RigFailed

__all__ = ["measure"]

_AIM = 6.0


def measure(bench: Bench) -> list[Figure]:
    figures = []
    with ExitStack() as stack:
        folder = bench.folder_for("client")
        sink = bench.open_sink(stack)
        ours = stack.enter_context(Child(folder, "smtp_client", "postroom"))
        theirs = stack.enter_context(Child(folder, "smtp_client", "aiosmtplib"))
        for sessions in (bench.lanes, 1):
            found = bench.take_turns(
                {
                    f"postroom, {sessions} sessions": partial(_rate, ours, sink, bench.size.pushed, sessions),
                    f"aiosmtplib, {sessions} sessions": partial(_rate, theirs, sink, bench.size.pushed // 4, sessions),
                }
            )
            mine, other = found.values()
            name = "our client over aiosmtplib, " + ("1 connection" if sessions == 1 else f"{sessions} connections")
            figures.append(Figure("client", name, ratios(mine, other), _AIM, measured=found))
    return figures


def _rate(client: Child, sink: CountingSink, messages: int, sessions: int) -> float:
    """Messages a second."""
    sink.mark()
    answer = client.ask(port=sink.port, messages=messages, sessions=sessions)
    if answer["delivered"] != messages or sink.since != messages:
        raise RigFailed(f"of {messages:,} messages {sink.since:,} came, {answer['delivered']:,} count as delivered")
    return messages / float(answer["seconds"])
