"""Sending instantly, one after the other over a kept connection: against smtplib's kept connection and one commit."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from bench.bench import Bench
from bench.child import Child
from bench.figures import Figure, ratios

__all__ = ["measure"]

_AIM = 1.0


def measure(bench: Bench) -> list[Figure]:
    messages = bench.size.instant
    with ExitStack() as stack:
        sink = bench.open_sink(stack)
        folder = bench.folder_for("instant")
        theirs = stack.enter_context(Child(folder, "smtplib_client", folder, sink.port))
        sides = {
            "smtplib": lambda: _milliseconds(theirs, messages, compose=False),
            "smtplib and EmailMessage": lambda: _milliseconds(theirs, messages, compose=True),
        }
        for database in bench.databases:
            own = bench.folder_for("instant")
            more = ["--database", bench.database(stack, database), "--port", sink.port, "--instantly"]
            child = stack.enter_context(Child(own, "embedded", own / "data", *more))
            _milliseconds(child, 2, do="each")  # the connection is made
            sides[database] = partial(_milliseconds, child, messages, do="each")
        found = bench.take_turns(sides)
    bare, composing = found.pop("smtplib"), found.pop("smtplib and EmailMessage")
    figures = []
    for database, times in found.items():
        measured = {"ms a mail": times, "smtplib, ms a mail": bare, "smtplib and EmailMessage, ms a mail": composing}
        name = f"{{}} and one commit: its time over ours, {database}"
        aim = _AIM if database == "sqlite" else None  # a commit of their own would be one over the network, too
        figures += [
            Figure("instant", name.format("smtplib"), ratios(bare, times), aim, measured=measured),
            Figure("instant", name.format("EmailMessage, smtplib"), ratios(composing, times), measured=measured),
        ]
    return figures


def _milliseconds(child: Child, messages: int, **command: object) -> float:
    """Of one mail, from the call to the server's answer."""
    answer = child.ask(messages=messages, **command)
    return float(answer["ended"] - answer["began"]) / messages * 1000
