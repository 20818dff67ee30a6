"""Postfix's smtp-source with our mail: how quickly anybody at all can push it over so many connections."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from bench import letter
from tests.rigs.parts import program
from tests.rigs.process import RigFailed

__all__ = ["push"]


def push(port: int, messages: int, sessions: int, file: Path) -> float:
    """Pushes the mail in `file` so many times over kept connections; messages a second until the last was taken."""
    found = program("smtp-source")
    if found is None:
        raise RigFailed("smtp-source: not installed (Debian: postfix)")
    command = [str(found), "-d", "-s", str(sessions), "-m", str(messages), "-F", str(file)]
    command += ["-f", letter.SENDER.spec, "-t", letter.TO.spec, f"127.0.0.1:{port}"]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    took = time.monotonic() - began
    if done.returncode:
        raise RigFailed(f"smtp-source failed: {done.stdout}{done.stderr}")
    return messages / took
