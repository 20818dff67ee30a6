"""What is said to an IMAP server, written so that no value can become a command of its own (threat A3).

A value is a quoted string (RFC 9051, 4.3) of printable ASCII, or it is not written at all. Names of folders travel in
modified UTF-7 (RFC 3501, 5.1.3), which every server understands.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

__all__ = ["Unwritable", "folder_name", "numbers", "quoted"]

_MOST = 1_000


class Unwritable(ValueError):
    """A value that no command can carry. The text says so, without the value."""


def quoted(text: str) -> bytes:
    """The text in quotes. Raises Unwritable for what is not printable ASCII, or too long."""
    if not text.isascii() or not text.isprintable():
        raise Unwritable("holds characters that this command of IMAP can't carry.")
    if len(text) > _MOST:
        raise Unwritable(f"is longer than {_MOST:,} characters.")
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'


def folder_name(name: str) -> bytes:
    """A folder's name, quoted. Raises Unwritable for one with control characters."""
    if not name.isprintable():
        raise Unwritable("holds control characters.")
    written, foreign = [], ""
    for char in name:
        if char.isascii():
            written += [_shifted(foreign), "&-" if char == "&" else char]
            foreign = ""
        else:
            foreign += char
    return quoted("".join([*written, _shifted(foreign)]))


def _shifted(text: str) -> str:
    if not text:
        return ""
    octets = text.encode("utf-16-be", "surrogatepass")
    return "&" + base64.b64encode(octets).decode("ascii").rstrip("=").replace("/", ",") + "-"


def numbers(uids: Iterable[int]) -> bytes:
    """A set of UIDs as short as it can be written: `1:4,7`."""
    runs: list[list[int]] = []
    for uid in sorted(uids):
        if runs and uid <= runs[-1][1] + 1:
            runs[-1][1] = max(runs[-1][1], uid)
        else:
            runs.append([uid, uid])
    return b",".join(_run(run) for run in runs)


def _run(run: Sequence[int]) -> bytes:
    first, last = run
    return b"%d" % first if first == last else b"%d:%d" % (first, last)
