"""What goes wrong on the command line, as data: a sentence, the faults one by one with their mend, and an exit code.

Leaves to others: how it looks (`terminal`) and where it is caught (`command`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

from postroom.errors import BadSettings, Fault, PostroomError

__all__ = ["CommandError", "ExitCode", "out_of_reach", "refused", "usage"]


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    OUT_OF_REACH = 3


class CommandError(Exception):
    """Ends a command. `sentence` says what happened, `faults` each thing to mend, `hint` what to do next."""

    def __init__(
        self, sentence: str, *, code: ExitCode = ExitCode.REFUSED, faults: Iterable[Fault] = (), hint: str = ""
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.faults = tuple(faults)
        self.hint = hint
        self.problem: Mapping[str, Any] = {
            "title": sentence,
            "detail": hint,
            "faults": [{"field": f.field, "problem": f.problem, "mend": f.mend} for f in self.faults],
        }

    @classmethod
    def of(cls, error: PostroomError) -> CommandError:
        """An error of our own engine, as it is told on the command line."""
        code = ExitCode.USAGE if isinstance(error, BadSettings) else ExitCode.REFUSED
        if error.faults:
            return cls(error.title, code=code, faults=error.faults)
        cause = error.fields.get("cause")
        return cls(error.text, code=code, hint=f"For a report of it: {cause}." if cause else "")


def usage(sentence: str, *, faults: Iterable[Fault] = (), hint: str = "") -> CommandError:
    """What was typed makes no sense by itself; nothing was asked of anybody."""
    return CommandError(sentence, code=ExitCode.USAGE, faults=faults, hint=hint)


def out_of_reach(sentence: str, hint: str = "") -> CommandError:
    """No Postroom answered."""
    return CommandError(sentence, code=ExitCode.OUT_OF_REACH, hint=hint)


def refused(problem: Mapping[str, Any], status: int) -> CommandError:
    """An `application/problem+json` document (RFC 9457) as a complaint; members that are missing or odd do no harm."""
    title = _text(problem.get("title")) or f"Postroom answered {status}"
    detail = _text(problem.get("detail"))
    entries = problem.get("faults")
    faults = [_fault(entry) for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    if faults:
        complaint = CommandError(title, faults=faults)
    else:
        complaint = CommandError(detail or title, hint="" if status != 401 else _KEY_HINT)
    complaint.problem = problem
    return complaint


_KEY_HINT = "Give a valid key in POSTROOM_API_KEY or with --key-file; `postroom key add` makes one."


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _fault(entry: Mapping[str, Any]) -> Fault:
    return Fault(_text(entry.get("field")), _text(entry.get("problem")), _text(entry.get("mend")))
