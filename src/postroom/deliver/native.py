"""The native courier: the operator's own sendmail-compatible command, one call a message.

The command takes a message whole or not at all, for all its recipients: its exit code is the answer (sysexits.h). The
mark is journalled before the message is handed to it, like before a final dot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from postroom.deliver.feed import Feed, SessionFailure, SessionOpened
from postroom.deliver.probing import Question
from postroom.model.attempt import Failure, Result
from postroom.model.job import Job
from postroom.smtp.phase import Phase
from postroom.wire.command import Ran, run_command

__all__ = ["NativeCourier"]

_TEMPORARY = frozenset({69, 70, 71, 73, 74, 75})
"""EX_UNAVAILABLE, EX_SOFTWARE, EX_OSERR, EX_CANTCREAT, EX_IOERR, EX_TEMPFAIL: what may pass by itself."""
_NO_SUCH_USER = 67
_ACCEPTED = 250


@dataclass(frozen=True, slots=True)
class NativeCourier:
    """`command`: the program and its fixed arguments, set by the operator only. `timeout`: seconds for one call."""

    command: Sequence[str]
    timeout: float

    async def run(self, feed: Feed | Question) -> SessionFailure | None:
        """Takes jobs until the feed has none for a while. Questions about an envelope alone it has no answer to."""
        if isinstance(feed, Question):
            return None
        feed.opened(SessionOpened(server=self.command[0], family="", tls="", login="", conversation=""))
        while (job := await feed.wait()) is not None:
            feed.mark(job)
            if not await feed.marked(job):
                feed.done(job, None, str)
                continue
            ran = await run_command(
                self.command, job.return_path, [r.address for r in job.recipients], job.content or b"", self.timeout
            )
            result = _result(ran)
            feed.done(job, [result] * len(job.recipients), partial(_conversation, self.command, ran, job))
        return None


def _result(ran: Ran) -> Result:
    """The exit code as an answer; a command that could not be run, or failed for a while, is a local failure."""
    phase = Phase.DOT.value
    words = f"{ran.detail} {ran.said}".strip()
    if ran.failure is None:
        return Result(phase, _ACCEPTED, "2.0.0", "The native command took the message.")
    if ran.code is None or ran.code < 0 or ran.code in _TEMPORARY or ran.failure is not Failure.COMMAND:
        return Result(phase, 0, "", words, ran.failure, in_doubt=ran.in_doubt)
    no_user = ran.code == _NO_SUCH_USER
    return Result(phase, 550 if no_user else 554, "5.1.1" if no_user else "5.0.0", words)


def _conversation(command: Sequence[str], ran: Ran, job: Job) -> str:
    said = f"S: {ran.said}\n" if ran.said else ""
    return f"-- {' '.join(command)}\nC: [{job.size:,} bytes of message]\n{said}-- {ran.detail or 'done'}\n"
