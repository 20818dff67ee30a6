"""An agent as its users run it: `postroom connector run` in a process of its own, in this or another network."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.rigs.process import Process, Started

__all__ = ["Agent"]


class Agent(Started):
    """`with Agent(folder, to=["127.0.0.1:8443"], key=key, pin=pin, allow=["127.0.0.2:2525"]) as agent:`

    Killed and started again it is the same agent.
    """

    def __init__(
        self,
        folder: Path,
        *,
        to: Sequence[str],
        key: str,
        pin: str = "",
        allow: Sequence[str] = (),
        before: Sequence[str] = (),
    ) -> None:
        """`before`: a program that runs it, like `ip netns exec cellar`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "key").write_text(key)
        self.log = folder / "agent.log"
        self._command = [*before, str(Path(sys.executable).with_name("postroom")), "connector", "run"]
        self._command += ["--agent-key-file", str(folder / "key"), *(["--pin", pin] if pin else [])]
        self._command += [word for one in to for word in ("--to", one)]
        self._command += [word for one in allow for word in ("--allow", one)]
        self.process: Process | None = None

    def start(self) -> Agent:
        """Without waiting: it keeps trying anyway."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
        self.process = Process(self._command, self.log, ours)
        return self

    def kill9(self) -> None:
        assert self.process is not None
        self.process.kill9()

    def said(self, words: str) -> bool:
        return self.log.exists() and words in self.log.read_text()

    def stop(self) -> int:
        assert self.process is not None
        return self.process.stop()
