"""Killed at random, under load, on both databases: nothing accepted is lost, nothing doubled without a word (P2, P3).

`bench/kills.py` does the same thousands of times; a seed that failed there or here can be run again with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.chaos import Chaos
from tests.rigs.postroom import Postroom
from tests.rigs.sink import Sink

KILLS = 20
SEED = int(os.environ.get("CHAOS_SEED", "20261120"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", [0, 1])
def test_random_kills_under_load(
    fork_postroom: Callable[..., Postroom], sink: Sink, database_url: str, tmp_path: Path, part: int
) -> None:
    postroom = fork_postroom(database=database_url, lease_seconds=2, heartbeat_seconds=0.5, poll_seconds=0.1)
    told = Chaos(postroom, sink, tmp_path, database_url, SEED + part).run(KILLS, pause=0.2)
    print(told)
    assert told.kills.total() >= KILLS


@pytest.mark.timeout(300)
def test_several_workers_killed_and_frozen(
    fork_postroom: Callable[..., Postroom], sink: Sink, postgres_url: str, tmp_path: Path
) -> None:
    """One database, three processes, each of which may vanish or fall asleep and wake up late."""
    times = {"lease_seconds": 1.2, "heartbeat_seconds": 0.3, "poll_seconds": 0.1}
    door, *workers = (fork_postroom(database=postgres_url, role=role, **times) for role in ("all", "worker", "worker"))
    told = Chaos(door, sink, tmp_path, postgres_url, SEED, workers).run(KILLS, pause=0.2)
    print(told)
    assert told.freezes
