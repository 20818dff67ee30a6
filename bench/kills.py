"""Kills Postroom thousands of times under load and holds it to its promises: `python -m bench.kills --kills 5000`.

Needs no other server on SQLite, and the test environment's PostgreSQL with `--database postgresql`. It prints the seed
of each round; `--seed` runs that round again. Ends with 1 and the findings at the first promise that was broken.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.journeys.chaos import Chaos, Told
from tests.journeys.nursery import Nursery
from tests.rigs.postgres import Postgres
from tests.rigs.postroom import Postroom
from tests.rigs.sink import Sink

A_ROUND = 100


def main() -> int:
    options = _options()
    left, seed = options.kills, options.seed or random.SystemRandom().randrange(1 << 30)
    kills = messages = 0
    while left > 0:
        print(f"seed {seed}:", flush=True)
        began = time.monotonic()
        told = one_round(options.database, seed, min(left, A_ROUND))
        print(f"    {told}; {time.monotonic() - began:.0f} s", flush=True)
        kills, messages = kills + told.kills.total(), messages + told.messages
        left -= told.kills.total()
        seed += 1
    print(f"{kills} kills, {messages} messages accepted, none lost, none doubled without a word.")
    return 0


def one_round(database: str, seed: int, kills: int) -> Told:
    """With a database, a sink and a client of its own. Raises AssertionError at a broken promise."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postroom-kills-")))
        nursery = stack.enter_context(Nursery(folder))
        url = f"sqlite:///{folder / 'postroom.db'}"
        if database == "postgresql":
            url = stack.enter_context(stack.enter_context(Postgres()).database())
        sink = stack.enter_context(Sink.start(folder / "sink"))
        postroom = Postroom(
            folder / "postroom",
            spawn=nursery.spawn,
            database=url,
            lease_seconds=2,
            heartbeat_seconds=0.5,
            poll_seconds=0.1,
        )
        return Chaos(postroom, sink, folder, url, seed).run(kills, pause=0.05)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; 0 takes one by chance and prints it")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AssertionError as broken:
        sys.exit(f"A promise was broken: {broken}")
