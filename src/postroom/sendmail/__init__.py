"""A drop-in for /usr/sbin/sendmail: `postroom sendmail`, or the program `postroom-sendmail` under any of its names.

Small and quick: it loads no part of the server and nothing outside the standard library. See docs/sendmail.md. In order
of use: `options`, `configuration`, `letter` and `addresses`, `handover`, `spool`; `session` is for -bs, `program` puts
them together.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program and ends the process with a code of sysexits.h."""
    from postroom.sendmail.program import run

    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(int(run(words, os.environ, os.path.basename(sys.argv[0]))))
