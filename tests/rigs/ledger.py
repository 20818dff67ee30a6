"""The ledger client: an application that writes down what it intends, hands it over, and writes down the promise.

It sends again, with the same Idempotency-Key, for as long as no answer comes, whoever is killed meanwhile. What it has
written down as acknowledged is what Postroom has to answer for. Each recipient's address is used once, so that it names
its intent at the sink.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.rigs.postroom import Api
from tests.rigs.process import RigFailed

__all__ = ["Acknowledged", "LedgerClient"]

_TEMPORARY = frozenset({429, 500, 502, 503, 504, 507})


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An intent that Postroom answered with 200 or 202."""

    intent: str
    message: str
    recipients: tuple[str, ...]
    tries: int


class LedgerClient:
    """`client.hand_over("ok", "fail")` sends one message; `client.start(100)` sends a hundred behind one's back."""

    def __init__(self, folder: Path, api: Callable[[], Api], *, run: str = "r", with_key: bool = True) -> None:
        """`api` makes a connection; called again after each break, for Postroom may have moved. `run` keeps the
        addresses of several clients apart. Without `with_key` a lost answer may well lead to a second message."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"client-{run}.jsonl"
        self._file = self.path.open("ab", buffering=0)
        self._api = api
        self._run = run
        self._with_key = with_key
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._end = threading.Event()
        self._failures: list[str] = []
        self.acknowledged: list[Acknowledged] = []
        self.intended: dict[str, tuple[str, ...]] = {}
        """Intent → its recipients, acknowledged or not."""

    def hand_over(self, *behaviours: str, seconds: float = 60, **fields: object) -> Acknowledged:
        """Sends one message to a new address for each of the sink's `behaviours` until it is acknowledged."""
        with _Kept(self._api) as connection:
            return self._hand_over(connection, behaviours or ("ok",), time.monotonic() + seconds, fields)

    def start(
        self, messages: int, behaviours: Sequence[Sequence[str]] = (("ok",),), *, threads: int = 4, seconds: float = 120
    ) -> Self:
        """Sends so many messages in the background, their recipients taken from `behaviours` in turn."""
        end = time.monotonic() + seconds
        wanted = iter([behaviours[n % len(behaviours)] for n in range(messages)])
        self._threads = [threading.Thread(target=self._work, args=(wanted, end), daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()
        return self

    def finish(self, seconds: float = 120) -> list[Acknowledged]:
        """Waits until all that was started is acknowledged."""
        for thread in self._threads:
            thread.join(seconds)
        self._threads = []
        if self._failures:
            raise RigFailed(f"{len(self._failures)} messages were not taken, the first: {self._failures[0]}")
        return self.acknowledged

    @property
    def busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(30)
        self._file.close()

    # ---- inside --------------------------------------------------------------------------------------------------

    def _work(self, wanted: Any, end: float) -> None:
        with _Kept(self._api) as connection:
            while not self._end.is_set():
                with self._lock:
                    behaviours = next(wanted, None)
                if behaviours is None:
                    return
                try:
                    self._hand_over(connection, behaviours, end, {})
                except (RigFailed, OSError) as error:
                    self._failures.append(str(error))

    def _hand_over(
        self, connection: _Kept, behaviours: Sequence[str], end: float, fields: dict[str, object]
    ) -> Acknowledged:
        with self._lock:
            number = next(self._numbers)
        intent = f"{self._run}-{number}"
        recipients = tuple(f"{name}+{intent}-{n}@sink.test" for n, name in enumerate(behaviours))
        with self._lock:
            self.intended[intent] = recipients
        self._write({"intent": intent, "recipients": recipients})
        body = {"to": list(recipients), "subject": f"Intent {intent}", "text": f"Intent {intent}.\n", **fields}
        headers = {"Idempotency-Key": f"key-{intent}"} if self._with_key else {}
        for tries in itertools.count(1):
            answer = connection.post(body, headers)
            if answer is not None:
                message = str(answer["id"])
                self._write({"intent": intent, "acknowledged": message, "tries": tries})
                done = Acknowledged(intent, message, recipients, tries)
                with self._lock:
                    self.acknowledged.append(done)
                return done
            if time.monotonic() > end or self._end.is_set():
                raise RigFailed(f"{intent} was not acknowledged after {tries} tries; the last: {connection.trouble}")
            self._end.wait(0.02)
        raise AssertionError("unreachable")

    def _write(self, entry: dict[str, object]) -> None:
        with self._lock:
            self._file.write(json.dumps(entry).encode() + b"\n")
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Kept:
    """A connection that is made anew after it broke."""

    def __init__(self, make: Callable[[], Api]) -> None:
        self._make = make
        self._api: Api | None = None
        self.trouble = ""

    def post(self, body: object, headers: dict[str, str]) -> Any | None:
        """The answer to a message taken; None when there was no answer, or one that says "later"."""
        try:
            if self._api is None:
                self._api = self._make()
            answer = self._api.call("POST", "/v1/messages", body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.trouble = repr(error)
            self.close()
            return None
        if answer.status in _TEMPORARY:
            self.trouble = f"{answer.status} {answer.body}"
            return None
        return answer.expect(200, 202)

    def close(self) -> None:
        if self._api is not None:
            self._api.close()
            self._api = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
