"""A process in which Postroom is loaded and nothing runs: it forks `postroom …` on request, in milliseconds.

Each child is what `postroom` started by hand is: a process of its own with its own environment, files and signals, that
can be killed, frozen and continued. Only the second of importing is saved, which lets a test kill hundreds.

One JSON object a line: in `{"arguments": [...], "environment": {...}, "log": path, "folder": path}`, out `{"pid": ...}`
and, when a child has ended, `{"ended": pid, "code": ...}` (negative: the signal that ended it).
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import random
import signal
import sys
import threading
from typing import Any

LOADED = (
    "anyio._backends._asyncio",
    "postroom.cli",
    "postroom.cli.installation_key",
    "postroom.cli.program",
    "postroom.cli.serve",
    "postroom.deliver.smtp",
    "postroom.policy.diagnosis",
    "postroom.store.database",
    "postroom.web.api.app",
    "postroom.web.server",
    "postroom.work.service",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)
_PR_SET_PDEATHSIG = 1


def load() -> None:
    for name in LOADED:
        importlib.import_module(name)
    from postroom.policy.diagnosis import catalogue

    catalogue()
    gc.collect()
    gc.freeze()


def born(wish: dict[str, Any], output: int) -> None:
    """The child's life; never returns."""
    code = 1
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.close(output)
        log = os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(wish["environment"])
        os.chdir(wish["folder"])
        random.seed()
        from postroom import failpoints
        from postroom.cli import main

        failpoints.arm(wish["environment"].get("POSTROOM_FAILPOINT", ""))
        main(wish["arguments"])
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    load()
    if threading.active_count() != 1:
        raise SystemExit("something that was loaded started a thread: a fork would not be safe")
    output = os.dup(1)
    os.dup2(2, 1)
    say(output, {"ready": os.getpid()})
    signal.signal(signal.SIGCHLD, lambda *_: reap(output))
    buffer = b""
    while data := os.read(0, 65_536):
        buffer += data
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            fork(json.loads(line), output)


def fork(wish: dict[str, Any], output: int) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        born(wish, output)
    say(output, {"pid": pid})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def reap(output: int) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        say(output, {"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def say(output: int, words: dict[str, Any]) -> None:
    os.write(output, json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    main()
