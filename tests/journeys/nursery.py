"""Postroom processes that are there in milliseconds: the test's side of `nursery_program`.

with Nursery(folder) as nursery:
    postroom = Postroom(folder, spawn=nursery.spawn).start()
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.rigs.process import Process, RigFailed

__all__ = ["Nursery"]

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 60.0


class Nursery:
    """Started by `with`. Safe to use from several threads; what it bore ends with it."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "nursery.log"
        self._told = threading.Condition()
        self._turn = threading.Lock()
        self._born: list[int] = []
        self._ended: dict[int, int] = {}
        self._ready = False
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(
        self, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None, *, cwd: Path | None = None
    ) -> Process:
        """As `Process(...)`: `command` is `postroom` with its arguments."""
        wish = {
            "arguments": [str(one) for one in command][1:],
            "environment": dict(os.environ if env is None else env),
            "log": str(log),
            "folder": str(cwd or Path.cwd()),
        }
        log.parent.mkdir(parents=True, exist_ok=True)
        with self._turn:
            self._say(wish)
            pid = self._wait_for(lambda: self._born.pop() if self._born else None)
        return _Forked([str(one) for one in command], log, _Child(self, pid))

    def ended(self, pid: int, timeout: float | None = 0.0) -> int | None:
        """The exit code, or None when it has not ended within `timeout` (None: however long)."""
        with self._told:
            self._told.wait_for(lambda: pid in self._ended, timeout)
            return self._ended.get(pid)

    def __enter__(self) -> Self:
        paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.journeys.nursery_program"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=_ROOT,
            )  # fmt: skip
        threading.Thread(target=self._listen, args=(self._process.stdout,), name="nursery", daemon=True).start()
        self._wait_for(lambda: self._ready or None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def _say(self, wish: Mapping[str, Any]) -> None:
        assert self._process is not None, "the nursery is not open"
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")
        self._process.stdin.flush()

    def _listen(self, lines: Any) -> None:
        for line in lines:
            words = json.loads(line)
            with self._told:
                if "pid" in words:
                    self._born.append(words["pid"])
                elif "ended" in words:
                    self._ended[words["ended"]] = words["code"]
                else:
                    self._ready = True
                self._told.notify_all()

    def _wait_for(self, found: Any) -> Any:
        end = time.monotonic() + _PATIENCE
        with self._told:
            while (value := found()) is None:
                if time.monotonic() > end or (self._process is not None and self._process.poll() is not None):
                    raise RigFailed(f"the nursery does not answer:\n{self._log.read_text()}")
                self._told.wait(0.2)
        return value


class _Child:
    """As much of `subprocess.Popen` as `Process` uses, for a process that is not ours to wait for."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        self.returncode = self._nursery.ended(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        code = self._nursery.ended(self.pid, timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        self.returncode = code
        return code

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, signal.Signals(number))


class _Forked(Process):
    def __init__(self, command: list[str], log: Path, child: _Child) -> None:
        self.ends_by = signal.SIGTERM
        self.command = command
        self.log = log
        self.child = child  # type: ignore[assignment]  # quacks like Popen where it is used
