"""axe-core: finds what keeps people with disabilities from using a page. It comes from npm, once, into the cache."""

from __future__ import annotations

import fcntl
import os
import subprocess
from functools import cache
from pathlib import Path

from tests.rigs.parts import CACHE

__all__ = ["VERSION", "axe_source"]

VERSION = "4.14.1"
_WAIT = 120


@cache
def axe_source() -> str:
    """The script, to be run in a page."""
    folder = CACHE / f"axe-core-{VERSION}"
    file = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not file.exists():
        _install(folder)
    return file.read_text("utf-8")


def _install(folder: Path) -> None:
    """Test processes that run beside each other install it once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", f"axe-core@{VERSION}"]
        command += ["--prefix", str(folder)]
        done = subprocess.run(
            command, cwd=folder, env=dict(os.environ), capture_output=True, timeout=_WAIT, check=False
        )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-2000:]
