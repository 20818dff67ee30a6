"""The recording sink as a test uses it: started in a process of its own, its ledger read and waited for.

`sink_program` tells how the sink behaves and how a recipient's address chooses what happens to its mail.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.rigs.ports import free_port
from tests.rigs.process import Process, wait_until

__all__ = ["Record", "Sink"]

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Record:
    """A message the sink was given whole: `taken` unless it answered with a refusal."""

    sequence: int
    taken: bool
    behaviour: str
    message_id: str | None
    sender: str
    recipients: tuple[str, ...]
    refused: Mapping[str, str]
    parameters: Mapping[str, str]
    sha256: str
    body_sha256: str
    size: int
    connection: int
    tls: bool
    user: str | None
    began: float
    at: float


class Sink:
    """A running recording sink. `with Sink.start(folder, tls="starttls", certificate=pem) as sink: ...`"""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.folder = folder
        self.host = "127.0.0.1"
        self.port = free_port()
        self.ledger = folder / "ledger.jsonl"
        self.messages = folder / "messages"
        self._plan = folder / "plan.json"
        self._arguments = arguments
        self._process: Process | None = None
        self._entries: list[dict[str, Any]] = []
        self._read = 0

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        tls: str = "none",
        certificate: Path | None = None,
        without: tuple[str, ...] = (),
        require_auth: bool = False,
        keep: bool = False,
        options: Mapping[str, object] | None = None,
    ) -> Self:
        """Starts a sink that keeps its files in `folder`.

        `tls`: none, starttls or implicit (`certificate`: PEM with key and chain). `without`: extensions not to offer.
        `keep`: whole messages are stored. `options`: size, recipients, connections, dot_delay, slow, client_ca.
        """
        folder.mkdir(parents=True, exist_ok=True)
        arguments = ["--tls", tls, *(f"--without={name}" for name in without)]
        if certificate is not None:
            arguments += ["--certificate", str(certificate)]
        if require_auth:
            arguments.append("--require-auth")
        for name, value in (options or {}).items():
            arguments.append(f"--{name.replace('_', '-')}={value}")
        sink = cls(folder, arguments)
        if keep:
            sink.messages.mkdir(exist_ok=True)
            arguments += ["--keep", str(sink.messages)]
        sink.run()
        return sink

    def run(self) -> None:
        """Starts the process, again after `stop`: same port, same ledger."""
        command = [sys.executable, "-m", "tests.rigs.sink_program", "--port", self.port, "--ledger", self.ledger]
        command += ["--plan", self._plan, *self._arguments]
        environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
        log = self.folder / "sink.log"
        starts = _starts(log) + 1
        process = Process([str(part) for part in command], log, environment)
        self._process = process.wait_ready(lambda: _starts(log) == starts)

    @property
    def process(self) -> Process:
        assert self._process is not None, "the sink is not running"
        return self._process

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def answer(self, **phases: str) -> None:
        """From now on gives these replies (connect, ehlo, auth, mail, rcpt, data, dot); without arguments none."""
        fresh = self._plan.with_suffix(".new")
        fresh.write_text(json.dumps(phases))
        fresh.replace(self._plan)

    # ---- what it saw ---------------------------------------------------------------------------------------------

    def entries(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The ledger's lines, of one `kind` or all."""
        if self.ledger.exists():
            with self.ledger.open("rb") as file:
                file.seek(self._read)
                whole, end, _ = file.read().rpartition(b"\n")
            self._read += len(whole) + len(end)
            self._entries += [json.loads(line) for line in whole.splitlines()]
        return [entry for entry in self._entries if kind in (None, entry["kind"])]

    def records(self) -> list[Record]:
        """Every message that arrived whole, in order, refused ones too."""
        return [_record(entry) for entry in self.entries("message")]

    def taken(self) -> list[Record]:
        """Every message the sink took, whether or not its answer got through."""
        return [record for record in self.records() if record.taken]

    def deliveries(self) -> Iterator[tuple[str | None, str]]:
        """(Message-ID, recipient) for each copy taken."""
        for record in self.taken():
            for recipient in record.recipients:
                yield record.message_id, recipient

    def source(self, record: Record) -> bytes:
        """The message as received (only with `keep=True`)."""
        return (self.messages / f"{record.sequence:06}.eml").read_bytes()

    def auth_bytes(self) -> bytes:
        """All that was ever given after AUTH, plain and decoded: what a thief would have."""
        given = [line for entry in self.entries("auth") for line in entry["given"]]
        decoded = [_decoded(word) for line in given for word in line.split()[-1:]]
        return "\n".join(given).encode() + b"\n".join([b"", *decoded])

    def wait_for(self, count: int, seconds: float = 20) -> list[Record]:
        """The messages taken, as soon as there are `count`; raises when there are not, in time."""
        return self.wait_until(lambda records: len(records) >= count, f"{count} messages", seconds)

    def wait_until(self, enough: Callable[[list[Record]], bool], what: str, seconds: float = 20) -> list[Record]:
        wait_until(lambda: enough(self.taken()), seconds, lambda: f"{what} at the sink; it has {self._summary()}")
        return self.taken()

    def _summary(self) -> str:
        lines = [
            f"{r.sequence} {r.message_id} {r.recipients} taken={r.taken} {r.behaviour}" for r in self.records()[-20:]
        ]
        return f"{len(self.records())} messages, the last of them:\n" + "\n".join(lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _starts(log: Path) -> int:
    return log.read_text(errors="replace").count("listening on port") if log.exists() else 0


def _record(entry: dict[str, Any]) -> Record:
    wanted = {name: entry[name] for name in Record.__slots__}
    wanted["recipients"] = tuple(entry["recipients"])
    return Record(**wanted)


def _decoded(word: str) -> bytes:
    try:
        return base64.b64decode(word + "===")
    except ValueError:
        return b""
