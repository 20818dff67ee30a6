"""Loading an HTTP server: with `wrk` where it is installed, else with our own generator; batches always with our own.

Within one comparison every side gets the same generator, the same connections and the same time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bench.child import ROOT, environment
from tests.rigs.parts import program
from tests.rigs.process import RigFailed

__all__ = ["GENERATORS", "Loaded", "batches", "generator", "singles"]

GENERATORS = ("wrk", "own")

_PATH = "/v1/messages"
_PATIENCE = 120


class Loaded(NamedTuple):
    """`answers`: 2xx, of requests. Times are monotonic seconds. `exact`: no request was left without being counted."""

    answers: int
    began: float
    ended: float
    exact: bool

    @property
    def rate(self) -> float:
        return self.answers / (self.ended - self.began)


def generator() -> str:
    """The best of `GENERATORS` that this machine has."""
    return "wrk" if program("wrk") else "own"


def singles(which: str, folder: Path, port: int, body: bytes, *, key: str, connections: int, seconds: float) -> Loaded:
    """The same request over and over for so long."""
    if which == "wrk":
        return _wrk(folder, port, body, key, connections, seconds)
    return _own(folder, port, body, key, connections, "--seconds", str(seconds))


def batches(folder: Path, port: int, body: bytes, *, key: str, connections: int, requests: int) -> Loaded:
    """The same request so many times."""
    return _own(folder, port, body, key, connections, "--requests", str(requests))


def _own(folder: Path, port: int, body: bytes, key: str, connections: int, *more: str) -> Loaded:
    file = folder / f"body-{os.getpid()}"
    file.write_bytes(body)
    command = [sys.executable, "-m", "bench.programs.load", str(port), _PATH, str(file), *more]
    command += ["--connections", str(connections)]
    found = json.loads(_run(command, BENCH_KEY=key))
    if found["refused"] or not found["answers"]:
        raise RigFailed(f"of the requests to port {port}, {found['answers']} were answered well, others {found}")
    return Loaded(found["answers"], found["began"], found["ended"], True)


def _wrk(folder: Path, port: int, body: bytes, key: str, connections: int, seconds: float) -> Loaded:
    wrk = program("wrk")
    assert wrk is not None
    script = folder / "request.lua"
    lines = ['wrk.method = "POST"', f"wrk.body = {json.dumps(body.decode('ascii'))}"]
    lines.append('wrk.headers["Content-Type"] = "application/json"')
    if key:
        lines.append(f'wrk.headers["Authorization"] = "Bearer {key}"')
    script.write_text("\n".join(lines))
    url = f"http://127.0.0.1:{port}{_PATH}"
    began = time.monotonic()
    text = _run([str(wrk), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script), url])
    found = re.search(r"(\d+) requests in ([\d.]+)s", text)
    if found is None or "Non-2xx" in text:
        raise RigFailed(f"wrk was not answered well:\n{text}")
    return Loaded(int(found.group(1)), began, began + float(found.group(2)), False)


def _run(command: list[str], **more: str) -> str:
    own = {**environment(), **more}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE, env=own, cwd=ROOT)
    if done.returncode:
        raise RigFailed(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
