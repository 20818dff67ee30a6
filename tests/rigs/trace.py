"""strace in front of a server: which system calls it made, and when. The proof that something is on the disk first.

The tracer runs beside the traced process, not above it, so that signals and exit codes stay the server's own. Times are
those of the machine's clock, so that the traces of two servers can be laid side by side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.rigs.process import wait_until

__all__ = ["Call", "calls", "strace"]

_SYNCS_AND_SOCKETS = "fsync,fdatasync,read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev"
_LINE = re.compile(r"(\d+) +(\d+\.\d+) +(.*)$")
_WHOLE = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+).* <([\d.]+)>$")
_FIRST_HALF = re.compile(r"(\w+)\((.*) <unfinished \.\.\.>$")
_SECOND_HALF = re.compile(r"<\.\.\. (\w+) resumed>(.*)\)\s+= (-?\d+).* <[\d.]+>$")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that returned. `text` is what strace wrote of its arguments; times in seconds since 1970."""

    thread: int
    name: str
    text: str
    result: int
    began: float
    ended: float

    @property
    def syncs(self) -> bool:
        return self.name in ("fsync", "fdatasync") and self.result == 0


def strace(output: Path, calls: str = _SYNCS_AND_SOCKETS) -> tuple[str, ...]:
    """What to put before a server's command (`Postroom.start(before=...)`)."""
    quiet = ("-q", "-e", "signal=none")
    return (
        "strace",
        "-DDD",
        "-f",
        "--seccomp-bpf",
        "-ttt",
        "-T",
        "-s",
        "120",
        *quiet,
        "-e",
        f"trace={calls}",
        "-o",
        str(output),
    )


def calls(output: Path, ended: int = 0) -> list[Call]:
    """The calls in the order in which they returned. `ended`: a traced process that has ended; its end is waited for in
    the trace, which comes a moment later than the end itself."""
    if ended:
        last = re.compile(rf"^{ended} .*\+\+\+ (?:exited|killed)", re.MULTILINE)
        wait_until(lambda: bool(last.search(output.read_text(errors="replace"))), 20, lambda: f"the end in {output}")
    begun: dict[int, tuple[str, float]] = {}
    found = []
    for line in output.read_text(errors="replace").splitlines():
        if (parts := _LINE.match(line)) is None:
            continue
        thread, at, rest = int(parts[1]), float(parts[2]), parts[3]
        if whole := _WHOLE.match(rest):
            found.append(Call(thread, whole[1], whole[2], int(whole[3]), at, at + float(whole[4])))
        elif first := _FIRST_HALF.match(rest):
            begun[thread] = (first[2], at)
        elif second := _SECOND_HALF.match(rest):
            text, began = begun.pop(thread, ("", at))
            found.append(Call(thread, second[1], text + second[2], int(second[3]), began, at))
    return sorted(found, key=lambda call: call.ended)
