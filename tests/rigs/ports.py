"""Free TCP ports on 127.0.0.1 that two test workers never hand out twice at the same time.

A port is looked for below the range from which the kernel takes the local ends of connections, and claimed by a
file that names the claiming process; the claim of a process that is gone counts for nothing.
"""

from __future__ import annotations

import atexit
import os
import random
import socket
import tempfile
from pathlib import Path

__all__ = ["free_port", "listening"]

_LOWEST, _HIGHEST = 15_000, 32_000
_claims = Path(tempfile.gettempdir()) / f"postroom-test-ports-{os.getuid()}"


def free_port() -> int:
    """A port nothing listens on, claimed for as long as this process lives."""
    _claims.mkdir(mode=0o700, exist_ok=True)
    for _ in range(1_000):
        port = random.randint(_LOWEST, _HIGHEST)
        if _claim(port) and _bindable(port):
            return port
    raise RuntimeError(f"no free port between {_LOWEST} and {_HIGHEST}")


def listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def _claim(port: int) -> bool:
    claim = _claims / str(port)
    try:
        with claim.open("x") as file:
            file.write(str(os.getpid()))
        atexit.register(claim.unlink, missing_ok=True)
        return True
    except FileExistsError:
        if not _owner_gone(claim):
            return False
        claim.unlink(missing_ok=True)
        return False


def _owner_gone(claim: Path) -> bool:
    try:
        return not Path(f"/proc/{int(claim.read_text())}").exists()
    except (ValueError, FileNotFoundError):
        return False


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
