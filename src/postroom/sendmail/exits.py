"""The exit codes that callers of sendmail know (sysexits.h), and the exception that ends the program with one."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Ending", "Exit"]


class Exit(IntEnum):
    """What the caller is told. For OK the mail is on Postroom's disk, or on this machine's to be handed over later."""

    OK = 0
    USAGE = 64
    DATAERR = 65
    NOUSER = 67
    UNAVAILABLE = 69
    SOFTWARE = 70
    IOERR = 74
    TEMPFAIL = 75
    NOPERM = 77
    CONFIG = 78


class Ending(Exception):
    """Ends the program: nothing was accepted, and `text` says why."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
