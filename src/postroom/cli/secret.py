"""How a password gets in: typed without being shown, from standard input, or from a file. Never as an option's value,
where other users and the shell's history would see it (P7).
"""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from postroom.cli.complaint import usage

__all__ = ["PasswordFile", "PasswordStdin", "ask", "given"]

PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
PasswordFile = Annotated[Path | None, typer.Option("--password-file", help="Read the password from a file.")]

_KEYS = ("-----BEGIN", "{")
"""How the key of an application begins, which has many lines."""


def given(stdin: bool, file: Path | None) -> str | None:
    """The password from where the options say, without the line's end; None when they say nothing."""
    if stdin and file is not None:
        raise usage("Give --password-stdin or --password-file, not both.")
    if stdin:
        return _one_line(sys.stdin.buffer.read(), "Standard input")
    if file is None:
        return None
    try:
        return _one_line(file.read_bytes(), str(file))
    except OSError as error:
        raise usage(f"{file} can't be read: {error.strerror}.") from None


def ask(prompt: str) -> str:
    """Typed at the terminal, not shown."""
    return getpass.getpass(prompt)


def _one_line(octets: bytes, name: str) -> str:
    try:
        text = octets.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise usage(f"{name} is not UTF-8 text.") from None
    if not text or ("\n" in text and not text.lstrip().startswith(_KEYS)):
        raise usage(f"{name} does not hold a password on one line.")
    return text
