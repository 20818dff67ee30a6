"""Calls that may wait for others (a Kerberos server, a slow disk), apart from the loop and with a deadline.

The libraries behind them can't be told to stop. So the threads are daemons of our own: one that hangs holds up neither
the loop nor the end of the process, and what it finds too late is forgotten. There are few of them; when all hang,
whoever comes next waits for one until his own deadline.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

from postroom.smtp.fault import Lost, LostKind

__all__ = ["MOST", "apart"]

T = TypeVar("T")
MOST = 16
"""Threads at once, in the whole process."""


class _Crew:
    """The threads, started when they are needed and kept."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._threads = 0

    def give(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
            elif self._threads < MOST:
                self._threads += 1
                threading.Thread(target=self._work, name=f"apart-{self._threads}", daemon=True).start()
            else:
                self._idle -= 1
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            with self._lock:
                self._idle += 1


_crew = _Crew()


async def apart(call: Callable[[], T], seconds: float) -> T | Lost:
    """What `call` returns, or raises; `Lost(TIMEOUT)` when it takes longer than `seconds`."""
    future: Future[T] = Future()

    def job() -> None:
        if not future.set_running_or_notify_cancel():
            return  # whoever asked has gone
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    _crew.give(job)
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
    except TimeoutError:
        if future.done() and not future.cancelled() and isinstance(future.exception(), TimeoutError):
            raise
        return Lost(LostKind.TIMEOUT, f"What the login needs to ask did not answer within {seconds:g} seconds.")
