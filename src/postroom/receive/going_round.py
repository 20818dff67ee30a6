"""Whether somebody answers as only programs do: at once, and again and again (RFC 3834, 2; RFC 5321, 6.3).

Two programs that answer each other say nothing of themselves in the worst case: each takes the other for a person. What
gives them away is their speed. A person may answer many mails that have gathered, or one at once; nobody answers each
new mail within two minutes, hour after hour.
"""

from __future__ import annotations

from postroom.store.incoming import Answered

__all__ = ["QUICK_MS", "WATCHED_MS", "goes_round"]

QUICK_MS = 2 * 60 * 1000
"""An answer within this time after the mail was handed over is quick."""
WATCHED_MS = 3600 * 1000
_QUICK = 3
_MOST = 60


def goes_round(before: Answered, *, quick: bool) -> str:
    """Why this one's next answer is taken for a program's; "" while it may be a person's."""
    if quick and before.quick >= _QUICK:
        return "Its sender answers within two minutes again and again: that goes round."
    return "Its sender answers more often than anybody reads: that goes round." if before.all >= _MOST else ""
