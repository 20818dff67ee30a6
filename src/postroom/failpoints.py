"""Named points on a message's way where a test may kill the process.

`POSTROOM_FAILPOINT=settle.before-commit` kills the process (SIGKILL to itself) the first time that point is reached;
`name:3` the third time. Without the variable a point costs one comparison. The list below is the whole of them, so a
typing mistake in a test is found at the start and not by a test that silently never fails.
"""

from __future__ import annotations

import os
import signal

__all__ = ["POINTS", "arm", "armed", "last_before", "reach"]

POINTS = (
    "accept.before-commit",  # its rows are written, the commit is not
    "accept.after-commit",  # durable, and nobody knows it yet
    "accept.before-answer",  # the lanes have it, the caller has no answer
    "claim.before-commit",  # taken from the queue under a lease, not yet durably
    "claim.after-commit",  # in a lane's hand by the database, not yet in ours
    "session.before-connect",
    "session.after-login",  # a message may be sent now, none has been
    "mark.before-commit",
    "mark.after-commit",  # the end of a body may leave now, and has not
    "transfer.after-envelope",  # the server took sender and recipients (not with CHUNKING: all leaves in one write)
    "transfer.mid-body",  # half of it is with the server
    "transfer.after-body",  # the final dot is with the server, its answer is not with us
    "transfer.after-reply",  # the server's answer is known here and nowhere else
    "settle.before-commit",
    "settle.after-commit",  # durable, not told to anybody
    "divert.before-commit",  # mail has another account now, not yet durably
    "divert.after-commit",
    "reclaim.before-commit",
    "reclaim.after-commit",
    "digest.before-commit",  # its mails are out of their state, the digest is not in
    "digest.after-commit",
    "job.before-commit",  # a batch of a job's messages is done, not yet durably
    "job.after-commit",
    "grant.after-answer",  # the identity provider has replaced a token, which is known here and nowhere else
    "mailbox.after-fetch",  # mail is here that the server still has, unmarked
    "mailbox.after-take",  # it is kept, which the server does not know
    "mailbox.after-put-away",  # the server knows, but not this side how far it has come
    "webhook.after-answer",  # an event was taken over there, which is known here and nowhere else
    "grant.after-commit",  # the new token is durable, and not used yet
)


class _Armed:
    def __init__(self, spec: str) -> None:
        name, _, count = spec.partition(":")
        if spec and (name not in POINTS or not (count or "1").isdecimal()):
            raise SystemExit(f"POSTROOM_FAILPOINT names no point of ours: {spec}. Known: {', '.join(POINTS)}")
        self.name = name
        self.left = int(count or 1)


_armed = _Armed(os.environ.get("POSTROOM_FAILPOINT", ""))


def arm(spec: str) -> None:
    """As the variable does at the start, for a process that was forked with the modules loaded."""
    global _armed  # noqa: PLW0603  (one per process, as the environment is)
    _armed = _Armed(spec)


def armed(*names: str) -> bool:
    """Whether a test waits for one of these points."""
    return _armed.name in names


def last_before(name: str) -> bool:
    """Whether the process dies the next time this point is reached."""
    return _armed.name == name and _armed.left <= 1


def reach(name: str) -> None:
    """Dies here if a test asked for it. `name` is one of `POINTS`."""
    if _armed.name != name:
        return
    _armed.left -= 1
    if _armed.left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
