"""Runs the host's own mailer: a command that behaves like `sendmail`, chosen by the operator only.

Rules: never a shell; the arguments are ours (`-i -f sender -- recipients`), and an address that could be taken for an
option, or for more than one address, is not passed on. The command gets no `POSTROOM_…` variable: the key ring may be
in one. Whatever it does is data: an exit code with its meaning (sysexits.h), what it said, or why it could not be run.

The message is its standard input as a file in memory: nothing to feed, so nothing breaks when it stops reading. Its
standard error is a pipe of our own: a daemon that the command leaves behind keeps that open and must not keep us.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from postroom.model.attempt import Failure
from postroom.smtp.reply import printable

__all__ = ["Ran", "meaning", "run_command"]

MAX_SAID = 8_192
"""Octets of standard error that are kept; the rest is read and forgotten."""

_SYSEXITS = {
    0: "done",
    64: "it was called wrongly (EX_USAGE)",
    65: "the message is malformed (EX_DATAERR)",
    66: "it could not read its input (EX_NOINPUT)",
    67: "it knows no such recipient (EX_NOUSER)",
    68: "it knows no such host (EX_NOHOST)",
    69: "a service it needs is unavailable (EX_UNAVAILABLE)",
    70: "it has an internal error (EX_SOFTWARE)",
    71: "the system failed it (EX_OSERR)",
    72: "a system file is missing or wrong (EX_OSFILE)",
    73: "it could not create its output (EX_CANTCREAT)",
    74: "it could not read or write (EX_IOERR)",
    75: "a temporary failure; to be tried again (EX_TEMPFAIL)",
    76: "the other side broke the protocol (EX_PROTOCOL)",
    77: "it is not allowed to do that (EX_NOPERM)",
    78: "its configuration is wrong (EX_CONFIG)",
    126: "it can't be executed",
    127: "it was not found, or misses a library",
}

# a local part as RFC 5321 has it, or quoted; nothing that ends an argument or an address, or begins another
_PLAIN = re.compile(r"[^\s\x00-\x20\x7f\"(),:;<>@\[\\\]]+@[^\s\x00-\x20\x7f\"(),;<>@\\]+")
_QUOTED = re.compile(r"\"(?:[^\"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*\"@[^\s\x00-\x20\x7f\"(),;<>@\\]+")


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of it. Done when `failure` is None.

    `code`: the exit code, negative for a signal, None when it did not end by itself or was never started. `detail`: a
    plain sentence. `said`: its standard error, escaped. `in_doubt`: it was killed, and may have sent the mail before.
    """

    failure: Failure | None
    detail: str
    code: int | None = None
    said: str = ""
    in_doubt: bool = False


def meaning(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        with suppress(ValueError):
            return f"it was killed by {signal.Signals(-code).name}"
        return f"it was killed by signal {-code}"
    return _SYSEXITS.get(code, "it failed")


async def run_command(
    command: Sequence[str], mail_from: str, recipients: Sequence[str], content: bytes, seconds: float
) -> Ran:
    """Hands a message (CRLF lines) to the command for these recipients. `mail_from` is "" for the null sender.

    After `seconds` it is killed, with all it started.
    """
    unfit = [address for address in (*([mail_from] if mail_from else []), *recipients) if not _fit(address)]
    if unfit or not recipients:
        shown = f"{printable(unfit[0])[:200]} can't be passed to a command" if unfit else "there is no recipient"
        return Ran(Failure.UNWRITABLE, f"The native command was not run: {shown}.")
    arguments = ["-i", "-f", _argument(mail_from) or "<>", "--", *map(_argument, recipients)]
    reader, writer = os.pipe()
    said = _Said(reader)
    try:
        try:
            with _as_file(content.replace(b"\r\n", b"\n")) as message:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    *arguments,
                    stdin=message,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=writer,
                    env=_environment(os.environ),
                    cwd="/",
                    start_new_session=True,  # so that it can be killed with its children
                )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return Ran(Failure.COMMAND, f"The native command {command[0]} could not be run: {why}.")
        finally:
            os.close(writer)
        return await _watched(process, seconds, said)
    finally:
        said.close()


def _fit(address: str) -> bool:
    return bool(_PLAIN.fullmatch(address) or _QUOTED.fullmatch(address)) and address.isprintable()


def _argument(address: str) -> str:
    """An address that no mailer takes for an option, even one that does not know `--`."""
    return f"<{address}>" if address.startswith("-") else address


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith("POSTROOM_")}


@contextmanager
def _as_file(content: bytes) -> Iterator[IO[bytes]]:
    """The message as a file without a name, in memory where the system can do that."""
    has_memory = hasattr(os, "memfd_create")
    with os.fdopen(os.memfd_create("message"), "w+b") if has_memory else TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file


async def _watched(process: asyncio.subprocess.Process, seconds: float, said: _Said) -> Ran:
    try:
        async with asyncio.timeout(seconds):
            code = await process.wait()
    except TimeoutError:
        await _kill(process)
        detail = f"The native command did not end within {seconds:g} seconds and was killed."
        return Ran(Failure.TIMEOUT, detail, None, said.text(), in_doubt=True)
    except BaseException:
        await _kill(process)
        raise
    if code == 0:
        return Ran(None, "The native command took the message.", 0, said.text())
    detail = f"The native command failed with exit code {code}: {meaning(code)}."
    return Ran(Failure.COMMAND, detail, code, said.text(), in_doubt=code < 0)


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())


class _Said:
    """The read end of the command's standard error."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = bytearray()
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> None:
        """All that is there; at its end nobody listens any more."""
        try:
            while data := os.read(self._descriptor, 65_536):
                self._kept += data[: MAX_SAID - len(self._kept)]
        except BlockingIOError:
            return
        self._loop.remove_reader(self._descriptor)

    def text(self) -> str:
        self._read()
        lines = bytes(self._kept).decode("utf-8", "replace").splitlines()
        return "\n".join(printable(line) for line in lines)

    def close(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
