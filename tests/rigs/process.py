"""A server in a process of its own: started, waited for, stopped, and its log shown when it disappoints.

A started process is told to stop when the process that started it dies (Linux), so that a killed test run leaves
nothing behind. Nothing here knows what the server is.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rigs.ports import listening

__all__ = ["Process", "RigFailed", "Started", "remove", "shared_folder", "tail", "wait_until"]

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class RigFailed(AssertionError):
    """A counterpart did not do what a counterpart must; the text carries the end of its log."""


def tail(path: Path, lines: int = 40) -> str:
    """The end of a log file, for a failure message."""
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:
        return "(no log was written)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"


def wait_until(true: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
    """Returns as soon as `true()`; raises `RigFailed` with `what()` when it is not so within `seconds`."""
    end = time.monotonic() + seconds
    pause = 0.002
    while not true():
        if time.monotonic() > end:
            raise RigFailed(f"not within {seconds:g} s: {what()}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def shared_folder(name: str) -> Path:
    """A new folder with a short path that other users may enter: servers of root become somebody else."""
    folder = Path(tempfile.mkdtemp(prefix=f"postroom-{name}-"))
    folder.chmod(0o755)
    return folder


def remove(folder: Path) -> None:
    """Removes a folder made by `shared_folder`, whatever a server that is just ending still puts into it."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


class Process:
    """One child process with its output in a file."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str] | None = None,
        *,
        user: str | None = None,
        ends_by: signal.Signals = signal.SIGTERM,
        cwd: Path | None = None,
    ) -> None:
        """`user`: whom to become (root only). `ends_by`: the signal that this server takes as "stop, please"."""
        self.ends_by = ends_by
        self.command = [str(part) for part in command]
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self.child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                preexec_fn=functools.partial(_die_with_parent, ends_by) if _prctl else None,
                start_new_session=True,
                user=user,
                group=user and pwd.getpwnam(user).pw_gid,
                extra_groups=[] if user else None,
                cwd=cwd,
            )

    @property
    def pid(self) -> int:
        return int(self.child.pid)

    @property
    def alive(self) -> bool:
        return self.child.poll() is None

    def wait_for_port(self, port: int, seconds: float = 20) -> Self:
        return self.wait_ready(lambda: listening(port), seconds)

    def wait_ready(self, ready: Callable[[], bool], seconds: float = 20) -> Self:
        """Waits for `ready()`; a process that ends first is reported at once."""

        def ready_or_gone() -> bool:
            if not self.alive:
                raise RigFailed(self.complaint(f"ended with {self.child.returncode} before it was ready"))
            return ready()

        wait_until(ready_or_gone, seconds, lambda: self.complaint("is not ready"))
        return self

    def complaint(self, text: str) -> str:
        return f"{' '.join(self.command)} {text}. Its log ends:\n{tail(self.log)}"

    def signal(self, number: signal.Signals) -> None:
        if self.alive:
            self.child.send_signal(number)

    def kill9(self) -> None:
        """Kills without a chance to tidy up, and waits until it is gone."""
        self.signal(signal.SIGKILL)
        self.child.wait()

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def stop(self, seconds: float = 10) -> int:
        """Asks it to end, then kills it after `seconds`; the exit code (negative: the signal that ended it).

        Children that it left behind are killed.
        """
        self.thaw()
        self.signal(self.ends_by)
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return int(self.child.returncode)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Started(ABC):
    """What `with` starts and stops; what could not be started whole is stopped, too."""

    @abstractmethod
    def start(self) -> Self: ...

    @abstractmethod
    def stop(self) -> object: ...

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _die_with_parent(ends_by: signal.Signals) -> None:
    assert _prctl is not None
    _prctl(_PR_SET_PDEATHSIG, ends_by, 0, 0, 0)
