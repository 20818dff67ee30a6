"""The command: which parts, how large, how often; runs them, prints the table, writes the JSON."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.bench import SIZES, Bench, file_system
from bench.figures import Figure, NotMeasured, as_json, table
from bench.load import GENERATORS, generator
from bench.sinks import SINKS, sink_here
from tests.rigs.postgres import Postgres, postgres_missing

__all__ = ["PARTS", "main"]

PARTS = {
    "compose": "composing a mail, against email.message.EmailMessage",
    "commit": "one commit for many against one commit each",
    "claim": "a claim of 100 with more and more mail waiting",
    "client": "the SMTP client alone, against aiosmtplib",
    "instant": "sending instantly, against smtplib and one commit",
    "http": "accepted, composed, durable and delivered, against a bare FastAPI endpoint",
    "relay": "accepted and end to end, against Postfix",
    "smtp": "by SMTP in and out, against Postfix at as many sessions",
    "drain": "a full queue, against smtp-source alone",
    "far": "a server 50 ms away",
    "search": "lists and searches in a mailing log of a million",
    "bounces": "bounces read, proven, tied and stored, many at once and one by one",
    "bulk": "one template to many in one call: its memory",
    "mailbox": "very many mails in a mailbox: the memory of reading them",
    "memory": "resident memory under load, with nothing and with a million waiting",
}
WITH_DATABASE = frozenset(PARTS) - {"compose", "client", "far"}
DATABASES = ("sqlite", "postgresql")


def main(arguments: Sequence[str] | None = None) -> int:
    """Always 0: this measures, and leaves judging to people."""
    given = _arguments(arguments)
    size = SIZES["quick" if given.quick else given.size]
    if given.rounds:
        size = dataclasses.replace(size, rounds=given.rounds)
    began = time.monotonic()
    found: list[Figure | NotMeasured] = []
    parts = given.parts or list(PARTS)
    with ExitStack() as stack:
        if given.folder:
            _put_everything_in(Path(given.folder).resolve(strict=True), stack)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postroom-bench-")))
        databases = _databases(given.databases if set(parts) & WITH_DATABASE else [], found, stack)
        bench = Bench(size, folder, databases, given.sink, given.generator, given.connections, given.lanes)
        about = _about(bench)
        print(_introduction(about), flush=True)
        for part in parts:
            bench.say(f"{part}: {PARTS[part]}")
            found += _measured(part, bench)
    print(table(found))
    print(f"took {time.monotonic() - began:.0f} s")
    if given.json:
        Path(given.json).write_text(json.dumps(as_json(found, about), indent=2) + "\n")
    return 0


def _put_everything_in(folder: Path, stack: ExitStack) -> None:
    """Postfix's queue and PostgreSQL's data too, or the file systems would be compared."""
    stack.callback(setattr, tempfile, "tempdir", tempfile.tempdir)
    tempfile.tempdir = str(folder)


def _databases(names: Sequence[str], found: list[Figure | NotMeasured], stack: ExitStack) -> dict[str, Postgres | None]:
    """Those to measure on; PostgreSQL is started once for all parts."""
    databases: dict[str, Postgres | None] = {}
    for name in names:
        if name == "sqlite":
            databases[name] = None
        elif postgres_missing():
            found.append(NotMeasured(name, postgres_missing()))
        else:
            databases[name] = stack.enter_context(Postgres(durable=True))
    return databases


def _measured(part: str, bench: Bench) -> list[Figure | NotMeasured]:
    """A part that can't be measured is told as such, and the others go on."""
    measure: Callable[[Bench], list[Figure | NotMeasured]] = importlib.import_module(f"bench.parts.{part}").measure
    try:
        return measure(bench)
    except Exception as error:
        bench.say(f"  not measured: {error}")
        return [NotMeasured(part, (str(error).splitlines() or [repr(error)])[0])]


def _about(bench: Bench) -> dict[str, object]:
    return {
        "size": next(name for name, size in SIZES.items() if size.drained == bench.size.drained),
        "rounds": bench.size.rounds,
        "databases": list(bench.databases),
        "http_load": bench.generator,
        "http_connections": bench.connections,
        "smtp_connections": bench.lanes,
        "sink": bench.sink,
        "file_system": file_system(bench.folder),
        "processors": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }


def _introduction(about: dict[str, object]) -> str:
    return (
        f"Ratios of rates measured in turn, {about['rounds']} rounds, {about['processors']} processors; databases and "
        f"queues on {about['file_system']}; HTTP load by {about['http_load']} over {about['http_connections']} "
        f"connections; mail into {about['sink']} over {about['smtp_connections']} connections."
    )


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    listed = "\n".join(f"  {name:<10}{sentence}" for name, sentence in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=f"Measures Postroom against its yardsticks, side by side.\n\nparts:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help="all of them when none is named")
    parser.add_argument("--quick", action="store_true", help="about a minute instead of about ten")
    parser.add_argument("--size", choices=SIZES, default="full", help="tiny only shows that everything runs")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each side is measured")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--connections", type=int, default=64, metavar="N", help="HTTP connections of the load")
    parser.add_argument("--lanes", type=int, default=4, metavar="N", help="SMTP connections to the sink")
    parser.add_argument("--generator", choices=GENERATORS, default=generator(), help="of the HTTP load")
    parser.add_argument("--sink", choices=SINKS, default=sink_here(), help="where all mail ends")
    parser.add_argument("--folder", metavar="DIR", help="where databases and queues go; else where temporary files go")
    parser.add_argument("--json", metavar="FILE", help="write everything there, the measured figures included")
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())
