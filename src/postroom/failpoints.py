"""Named points on a message's way where a test may kill the process.

`POSTROOM_FAILPOINT=settle.before-commit` kills the process (SIGKILL to itself) the first time that point is reached;
`name:3` the third time. Without the variable a point costs one comparison. The list below is the whole of them, so a
typing mistake in a test is found at the start and not by a test that silently never fails.
"""

from __future__ import annotations

import os
import signal

__all__ = ["POINTS", "reach"]

POINTS = (
    "accept.before-commit",
    "accept.after-commit",
    "accept.before-answer",
    "claim.before-commit",
    "claim.after-commit",
    "session.before-connect",
    "session.after-login",
    "transfer.after-envelope",
    "mark.before-commit",
    "mark.after-commit",
    "transfer.mid-body",
    "transfer.after-body",
    "settle.before-commit",
    "settle.after-commit",
    "reclaim.before-commit",
    "reclaim.after-commit",
)


class _Armed:
    def __init__(self, spec: str) -> None:
        name, _, count = spec.partition(":")
        if spec and name not in POINTS:
            raise SystemExit(f"POSTROOM_FAILPOINT names no point of ours: {name}. Known: {', '.join(POINTS)}")
        self.name = name
        self.left = int(count or 1)


_armed = _Armed(os.environ.get("POSTROOM_FAILPOINT", ""))


def reach(name: str) -> None:
    """Dies here if a test asked for it. `name` is one of `POINTS`."""
    if _armed.name != name:
        return
    _armed.left -= 1
    if _armed.left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
