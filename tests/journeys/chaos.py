"""The chaos driver: Postroom under load, killed at random times and points, started again, and held to its promises.

Seeded: what is killed when, and what each message meets at the server, follows from the seed alone (how the load falls
into it does not). Used by `test_chaos` for some dozens of kills, and by `bench/kills.py` for thousands.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postroom.failpoints import POINTS
from tests.journeys.aftermath import check_integrity, end_leases
from tests.rigs.ledger import Acknowledged, LedgerClient
from tests.rigs.oracle import Findings, account_of, judge
from tests.rigs.postroom import Api, Postroom
from tests.rigs.process import RigFailed
from tests.rigs.sink import Sink

__all__ = ["Chaos", "Told"]

BEHAVIOURS = (
    *((("ok",),) * 24),
    ("ok", "ok", "ok"),
    ("ok", "fail"),
    ("mixed", "mixed", "mixed"),
    ("defer-once",),
    ("dot-defer-once",),
    ("drop-before-dot-once",),
    ("drop-after-dot-once",),
    ("rst-after-250",),
    ("close-421-once",),
)
PRIORITIES = ("normal",) * 8 + ("urgent", "bulk")
_LONGEST_LIFE = 0.4


@dataclass
class Told:
    """What came of it."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    freezes: int = 0
    findings: Findings | None = None

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        doubled = len(self.findings.explained) if self.findings else 0
        what = f"{self.messages} messages, {doubled} explained copies"
        return f"seed {self.seed}: {self.kills.total()} kills ({kills}), {self.freezes} freezes, {what}"


class Chaos:
    """One Postroom (not started) with its sink and a client; `url` as Postroom is given it.

    `workers`: further processes on the same database, killed and frozen too. One that is frozen is continued at its
    next turn, beyond its lease or within it.
    """

    def __init__(
        self, postroom: Postroom, sink: Sink, folder: Path, url: str, seed: int, workers: Sequence[Postroom] = ()
    ) -> None:
        self.postroom = postroom
        self.workers = workers
        self._frozen: set[int] = set()
        self.sink = sink
        self.url = url
        self.chance = random.Random(seed)
        self.told = Told(seed)
        self.client = LedgerClient(folder, self._connect, run=f"s{seed}")
        self._over = threading.Event()
        self._pause = 0.0
        self._failures: list[str] = []

    def run(self, kills: int, *, threads: int = 3, pause: float = 0.0, seconds: float = 600) -> Told:
        """Kills so often, lets everything finish, and judges. Raises AssertionError with the seed in its text.

        `pause`: seconds that each posting thread rests between two messages, at most.
        """
        end = time.monotonic() + seconds
        self._pause = pause
        self.postroom.start()
        self.postroom.deliver_to(self.sink.port)
        for worker in self.workers:
            worker.start()
        posting = [threading.Thread(target=self._post, args=(n,), daemon=True) for n in range(threads)]
        for thread in posting:
            thread.start()
        try:
            while self.told.kills.total() < kills and time.monotonic() < end:
                self._one_death()
            self._bring_up("")
        finally:
            self._over.set()
            for thread in posting:
                thread.join(60)
        self._finish()
        return self.told

    def _connect(self) -> Api:
        return self.postroom.connect()

    def _post(self, n: int) -> None:
        chance = random.Random(f"{self.told.seed}-{n}")
        while not self._over.is_set():
            fields: dict[str, Any] = {"priority": chance.choice(PRIORITIES)}
            try:
                self.client.hand_over(*chance.choice(BEHAVIOURS), **fields)
            except (RigFailed, OSError) as error:
                self._failures.append(str(error))
                return
            if self._pause:
                self._over.wait(chance.random() * self._pause)

    # -- death and life ---------------------------------------------------------------------------------------------

    def _one_death(self) -> None:
        if self.workers and self.chance.random() < 0.5:
            self._worker_in_trouble(self.chance.randrange(len(self.workers)))
            return
        kind = self.chance.random()
        if kind < 0.3:
            self._at_a_point(f"{self.chance.choice(POINTS)}:{self.chance.randint(1, 6)}")
        elif kind < 0.35:
            self._by_order()
        else:
            self._at_any_time()

    def _at_any_time(self) -> None:
        """Sometimes while it is still starting."""
        if self.chance.random() < 0.15:
            self._relaunch("")
        else:
            self._bring_up("")
        time.sleep(self.chance.random() * _LONGEST_LIFE)
        self.postroom.kill9()
        self.told.kills["at any time"] += 1

    def _worker_in_trouble(self, number: int) -> None:
        worker = self.workers[number]
        if number in self._frozen:
            self._frozen.discard(number)
            worker.process.thaw()
        elif self.chance.random() < 0.5:
            self._frozen.add(number)
            worker.process.freeze()
            self.told.freezes += 1
        else:
            worker.kill9()
            self.told.kills["a worker"] += 1
            worker.start()
        time.sleep(self.chance.random() * _LONGEST_LIFE)

    def _at_a_point(self, spec: str) -> None:
        """A point that is not reached soon is as good as any other time."""
        self._relaunch(spec)
        process = self.postroom.process
        deadline = time.monotonic() + 2.5
        while process.alive and time.monotonic() < deadline:
            time.sleep(0.01)
        reached = not process.alive
        self.postroom.kill9()
        if reached and process.child.returncode != -9:
            raise RigFailed(process.complaint(f"ended with {process.child.returncode} instead of dying at {spec}"))
        self.told.kills["at a point" if reached else "at any time"] += 1

    def _by_order(self) -> None:
        self._bring_up("")
        time.sleep(self.chance.random() * _LONGEST_LIFE)
        self.postroom.stop()
        self.told.kills["by order"] += 1

    def _relaunch(self, failpoint: str) -> None:
        if self.postroom.is_running:
            self.postroom.kill9()
            self.told.kills["at any time"] += 1
        self.postroom.launch(failpoint=failpoint)

    def _bring_up(self, failpoint: str) -> None:
        if not self.postroom.is_running:
            self.postroom.start(failpoint=failpoint)

    # -- the reckoning ----------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        self.client.close()
        promised = list(self.client.acknowledged)
        self.told.messages = len(promised)
        assert not self._failures, f"seed {self.told.seed}: {self._failures[:3]}"
        assert promised, f"seed {self.told.seed}: nothing was accepted at all"
        self._settle(promised)
        accounts = {promise.message: account_of(self.postroom.api, promise.message) for promise in promised}
        self.told.findings = judge(promised, self.client.intended, accounts, self.sink.taken())
        assert not self.told.findings.wrong, f"seed {self.told.seed}: {self.told.findings.wrong}"
        for process in (self.postroom, *self.workers):
            process.stop()
        check_integrity(self.url)

    def _settle(self, promised: list[Acknowledged]) -> None:
        """Nothing is on its way any more. What the dead had in hand is free when their leases end."""
        self.postroom.kill9()
        for number in self._frozen:
            self.workers[number].process.thaw()
        end_leases(self.url)
        self.postroom.start()
        self.postroom.settle([promise.message for promise in promised], seconds=60 + len(promised) / 5)
