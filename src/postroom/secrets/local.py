"""Looking up what a reference leads to on this machine: the environment, a file, a credential of systemd.

What can't be had is data, not an exception: a sentence that says what to change, and whether it may pass by itself. No
sentence holds what was found.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from postroom.secrets.reference import Kind, Reference
from postroom.secrets.secret import Secret

__all__ = ["Missing", "look_up", "one_line"]

_LARGEST = 8 * 1024
_DIRECTORY = "CREDENTIALS_DIRECTORY"


class Missing(NamedTuple):
    """Why there is no secret. `passing`: trying again later may do; otherwise somebody has to change something."""

    text: str
    passing: bool = False


def look_up(reference: Reference, environ: Mapping[str, str], key_file: Path | None = None) -> Secret | Missing:
    """For every kind but a vault's. `key_file`: the key ring, which no reference leads to. May block for a disk."""
    if reference.kind is Kind.ENV:
        value = environ.get(reference.path, "")
        if not value:
            return Missing(f"secret_reference: there is no variable {reference.path} in Postroom's environment.")
        return one_line(value, f"the variable {reference.path}")
    if reference.kind is Kind.SYSTEMD:
        folder = environ.get(_DIRECTORY, "")
        if not folder.startswith("/"):
            return Missing(
                f"secret_reference: systemd passed no credentials (${_DIRECTORY} is not set). "
                f"Add LoadCredential={reference.path}:… to Postroom's unit."
            )
        return _read(Path(folder, reference.path), f"systemd's credential {reference.path}", guarded=False)
    path = Path(reference.path)
    if key_file is not None and _same(path, key_file):
        return Missing("secret_reference: the file is Postroom's own key ring. Name another one.")
    return _read(path, f"the file {reference.path}", guarded=True)


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _read(path: Path, name: str, *, guarded: bool) -> Secret | Missing:
    """`guarded`: the mode is ours to judge; systemd's folder it guards itself."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            facts = os.fstat(stream.fileno())
            if not stat.S_ISREG(facts.st_mode):
                return Missing(f"secret_reference: {name} is no plain file.")
            if guarded and (unsafe := _unsafe(facts, name)):
                return unsafe
            octets = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        return Missing(f"secret_reference: there is no such thing as {name}.")
    except IsADirectoryError:
        return Missing(f"secret_reference: {name} is no plain file.")
    except OSError as error:
        return Missing(f"secret_reference: {name} can't be read: {error.strerror}. Let Postroom's user read it.")
    try:
        return one_line(octets.decode("utf-8"), name)
    except UnicodeDecodeError:
        return Missing(f"secret_reference: {name} is not UTF-8 text.")


def _unsafe(facts: os.stat_result, name: str) -> Missing | None:
    if facts.st_uid not in (0, os.geteuid()):
        return Missing(f"secret_reference: {name} belongs to another user. Give it to Postroom's user or to root.")
    if facts.st_mode & 0o027:
        return Missing(
            f"secret_reference: {name} can be read or changed by others on this machine. Make it private (chmod 600), "
            "and consider the password known."
        )
    return None


def one_line(text: str, name: str) -> Secret | Missing:
    """The text as a password: one line's end at its end is not part of it."""
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or len(text) > _LARGEST or any(char in text for char in "\0\r\n"):
        return Missing(f"secret_reference: {name} does not hold a password on one line.")
    try:
        return Secret(text)
    except ValueError:
        return Missing(f"secret_reference: {name} holds characters that can't be written as UTF-8.")
