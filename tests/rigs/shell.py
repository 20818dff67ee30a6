"""The command line as a person uses it: one command a process, its output, its exit code; or at a terminal.

At a terminal (`converse`) the program sees a pseudo-terminal and is given its answers one by one, each when the
question it belongs to stands there.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rigs.process import RigFailed

__all__ = ["Finished", "Shell"]

_SECONDS = 60
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str = ""

    @property
    def words(self) -> str:
        """Everything that was printed, without colours."""
        return _STYLE.sub("", self.out + self.err)

    def expect(self, code: int = 0) -> Finished:
        """Itself, when the exit code is this one."""
        if self.code != code:
            raise RigFailed(f"ended with {self.code} instead of {code}:\n{self.out}\n{self.err}")
        return self


class Shell:
    """Runs `postroom` (or another `program`) with this environment in this folder."""

    def __init__(self, environment: Mapping[str, str], folder: Path, program: Sequence[str | Path] = ()) -> None:
        self.environment = dict(environment)
        self.folder = folder
        self.program = [str(part) for part in program] or [str(Path(sys.executable).with_name("postroom"))]

    def run(self, *arguments: str, given: str | bytes = "", **more: str) -> Finished:
        """`given`: standard input; `more`: further variables."""
        done = subprocess.run(
            [*self.program, *arguments],
            input=given.encode() if isinstance(given, str) else given,
            capture_output=True,
            env={**self.environment, **more},
            cwd=self.folder,
            timeout=_SECONDS,
            check=False,
        )
        return Finished(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def converse(self, *arguments: str, answers: Mapping[str, str]) -> Finished:
        """At a terminal: types each answer once its question (the end of what stands there) has appeared."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execvpe(self.program[0], [*self.program, *arguments], {**self.environment, "TERM": "xterm"})
        try:
            shown = _talk(terminal, dict(answers))
        finally:
            os.close(terminal)
            _, status = os.waitpid(child, 0)
        return Finished(os.waitstatus_to_exitcode(status), shown)


def _talk(terminal: int, answers: dict[str, str]) -> str:
    shown, asked, end = "", 0, time.monotonic() + _SECONDS
    while time.monotonic() < end:
        readable, _, _ = select.select([terminal], [], [], 0.5)
        if not readable:
            continue
        try:
            octets = os.read(terminal, 65_536)
        except OSError:  # the program has ended (Linux)
            return shown
        if not octets:
            return shown
        shown += octets.decode("utf-8", "replace")
        for question in list(answers):
            if question in _STYLE.sub("", shown[asked:]):
                asked = len(shown)
                os.write(terminal, (answers.pop(question) + "\n").encode())
                break
    raise RigFailed(f"the conversation did not end; still to be answered: {list(answers)}; it shows:\n{shown}")
