"""Room kept for the mail that is leaving: a file beside the SQLite database that is given up when the disk is full.

A full disk must stop what comes in, not what goes out: every delivery writes a mark and a result, and without them mail
that left would be unknown. So a few MiB are taken in advance. When the disk is full they are given back to it, nothing
is accepted any more, and marks, results and people's changes go on; as soon as the room can be taken again, mail is.

Only for a database file of our own; a database server's disk is its operator's.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["Reserve"]

_OCTETS = 8 * 1024 * 1024
_LEAST_OCTETS = 512 * 1024
_SHARE_OF_DISK = 16
_AGAIN_SECONDS = 1.0


class Reserve:
    """Used by the writer's thread alone. `given_up`: the room was given back, so nothing may be accepted."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".reserve")
        self.given_up = False
        self._tried = 0.0
        self._octets = self._size()
        if not self._take():
            self.given_up = True

    def give_up(self) -> None:
        self.path.unlink(missing_ok=True)
        self.given_up = True
        self._tried = time.monotonic()

    def taken_again(self) -> bool:
        """Whether mail may be accepted (again). Looks at the disk once a second while it may not."""
        if not self.given_up:
            return True
        now = time.monotonic()
        if now - self._tried < _AGAIN_SECONDS:
            return False
        self._tried = now
        self.given_up = not self._take()
        return not self.given_up

    def disk_is_full(self) -> bool:
        """Whether there is hardly a page left, whatever words the failure had."""
        try:
            found = os.statvfs(self.path.parent)
        except OSError:
            return False
        return found.f_bavail * found.f_frsize < _LEAST_OCTETS // 8

    def _size(self) -> int:
        try:
            found = os.statvfs(self.path.parent)
        except OSError:
            return _LEAST_OCTETS
        return max(_LEAST_OCTETS, min(_OCTETS, found.f_blocks * found.f_frsize // _SHARE_OF_DISK))

    def _take(self) -> bool:
        """Takes the room, and leaves as much again to work with; else takes nothing."""
        try:
            if self.path.exists() and self.path.stat().st_size == self._octets:
                return True
            found = os.statvfs(self.path.parent)
            if found.f_bavail * found.f_frsize < 2 * self._octets:
                return False
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file, 0, self._octets)
            finally:
                os.close(file)
        except OSError:
            self.path.unlink(missing_ok=True)
            return False
        return True
