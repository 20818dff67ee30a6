"""`local.json` in the data directory: where the Postroom of this machine listens, and a key for the command line.

Rules it keeps: only its owner can read it (mode 0600, from the first byte on), it is replaced as a whole, and its key
goes nowhere but to the address that stands beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from postroom.cli.complaint import out_of_reach

__all__ = ["Local", "keep_private", "read", "write"]

_NAME = "local.json"


@dataclass(frozen=True, slots=True)
class Local:
    """`url` is empty and `pid` 0 while no Postroom runs; the key stays for the next time."""

    key: str = field(repr=False)
    url: str = ""
    pid: int = 0

    @property
    def runs(self) -> bool:
        """Whether the process that wrote the address is still there."""
        if not self.url or self.pid <= 0:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except (PermissionError, OverflowError):
            return True
        return True


def keep_private(data: Path) -> None:
    """Whatever this process makes is for its user alone: the mail in the database is nobody else's to read.

    The data directory is made when it is missing. Raises OSError when that can't be done.
    """
    os.umask(0o077)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)


def read(data: Path) -> Local | None:
    """What stands there, or None when nothing usable does. Raises CommandError when this user may not read it."""
    path = data / _NAME
    try:
        found = json.loads(path.read_text("utf-8"))
    except PermissionError:
        raise out_of_reach(
            f"{path} belongs to another user.",
            "Run this as the user that runs Postroom, or give --url and a key in POSTROOM_API_KEY.",
        ) from None
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    key, url, pid = found.get("key"), found.get("url"), found.get("pid")
    if not isinstance(key, str) or not isinstance(url, str) or type(pid) is not int:
        return None
    return Local(key, url, pid)


def write(data: Path, local: Local) -> None:
    """Replaces the file. The data directory is made when it is missing, for its owner alone."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=f".{_NAME}.", dir=data)  # 0600
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(asdict(local), file)
        os.replace(name, data / _NAME)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
