"""The command line: `postroom …`. It talks to a running Postroom over HTTP, or starts the engine when none runs.

Rules it keeps: the same commands either way, because both ways end at the same HTTP API; nothing secret in an answer,
an error, the shell's history or the list of processes (P7); text from outside is escaped before a terminal sees it
(P9); no traceback, whatever was typed. Everything heavy is imported by the command that needs it, so that `--help` is
quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and ends the process. Exit codes: 0 done, 1 refused or failed, 2 usage, 3 out of reach."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["sendmail"]:  # options and exit codes of its own, and callers that count milliseconds
        from postroom.sendmail import main as sendmail

        sendmail(words[1:])
    from postroom.cli.program import build

    build(words)(args=words, prog_name="postroom")
