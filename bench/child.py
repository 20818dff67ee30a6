"""A program of the benchmark in a process of its own, which is told what to do line by line and answers in JSON.

The programs are in `bench.programs`. One that has nobody to listen to any more ends by itself, so nothing is left
behind when the benchmark is killed.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.rigs.process import RigFailed, tail

__all__ = ["ROOT", "Child", "environment", "serve"]

ROOT = Path(__file__).resolve().parents[1]
_STARTS_IN = 60.0
_ANSWERS_IN = 300.0


def environment() -> dict[str, str]:
    """For programs of ours: they find the benchmark and the rigs, and no setting of whoever runs it."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
    paths = [*filter(None, [ours.get("PYTHONPATH")]), str(ROOT), str(ROOT / "src")]
    return {**ours, "PYTHONPATH": os.pathsep.join(paths)}


class Child:
    """`with Child(folder, "smtp_client", "postroom") as child: child.ask(messages=100)["seconds"]`"""

    def __init__(self, folder: Path, program: str, *arguments: object) -> None:
        self.log = folder / f"{program}.log"
        command = [sys.executable, "-m", f"bench.programs.{program}", *map(str, arguments)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment(), cwd=ROOT
            )
        self._program = program
        self._answer(_STARTS_IN)

    def ask(self, **command: object) -> dict[str, Any]:
        """Tells it to do something and waits for the answer. Raises RigFailed when none comes in time."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()
        return self._answer(_ANSWERS_IN)

    def stop(self) -> None:
        """It ends as soon as nobody talks to it any more."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _answer(self, seconds: float) -> dict[str, Any]:
        out = self.process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], seconds)
        line = out.readline() if ready else b""
        if not line:
            why = "gave no answer" if self.process.poll() is None else f"ended with {self.process.returncode}"
            self.process.kill()
            raise RigFailed(f"bench.programs.{self._program} {why}; its log ends:\n{tail(self.log, 20)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(do: Callable[..., dict[str, Any]]) -> None:
    """The other end: says that it is ready, then answers one command after the other until nobody asks any more."""
    _say({})
    for line in sys.stdin:
        _say(do(**json.loads(line)))


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
