"""Postroom itself, as its users run it: `postroom serve` in a process of its own, and its API by plain http.client.

Nothing of Postroom is imported here: what a test sees through this rig is what any program outside would see.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.rigs.ports import free_port
from tests.rigs.process import Process, RigFailed, wait_until

__all__ = ["Answer", "Api", "Postroom"]

_GREETING = "Role      "
_WAITING = frozenset({"queued", "sending", "deferred"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered; `body` is the JSON, or the text when it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any

    def expect(self, *statuses: int) -> Any:
        """The body, when the status is one of these."""
        if self.status not in statuses:
            raise RigFailed(f"answered {self.status} instead of {statuses}: {self.body}")
        return self.body


class Api:
    """The HTTP API for one thread: one kept connection, `OSError` or `http.client.HTTPException` when it breaks."""

    def __init__(self, url: str, key: str, timeout: float = 30) -> None:
        self.url = url
        self.key = key
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            self._connection.request(method, path, content, sent)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        found = response.getheader("Content-Type", "")
        return Answer(response.status, dict(response.getheaders()), json.loads(text) if "json" in found else text)

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        """`headers` with `_` for `-`: `idempotency_key="..."`."""
        return self.call("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def send(self, *to: str, key: str = "", **fields: object) -> str:
        """Hands a message over and returns its id."""
        message = {"to": list(to), "subject": "Test", "text": "A test.\n", **fields}
        headers = {"idempotency_key": key} if key else {}
        return str(self.post("/v1/messages", message, **headers).expect(200, 202)["id"])

    def states(self, message: str) -> dict[str, str]:
        """Address → state, for each recipient of a message."""
        found = self.get(f"/v1/messages/{message}").expect(200)
        return {recipient["address"]: recipient["state"] for recipient in found["recipients"]}

    def wait_for_state(self, message: str, *wanted: str, seconds: float = 80) -> dict[str, str]:
        """The recipients' states, as soon as every one is in one of these."""
        seen: dict[str, str] = {}

        def reached() -> bool:
            seen.clear()
            seen.update(self.states(message))
            return set(seen.values()) <= set(wanted)

        wait_until(reached, seconds, lambda: f"{message} {' or '.join(wanted)}; its recipients are {seen}")
        return seen

    def close(self) -> None:
        self._connection.close()


class Postroom:
    """`with Postroom(folder, database=url) as postroom:` and `postroom.api.send("ok@test")`.

    The data directory, the port and the key stay the same when it is killed and started again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: str = "",
        role: str = "all",
        spawn: Callable[..., Process] = Process,
        **settings: object,
    ) -> None:
        """`settings`: further settings by name (`lease_seconds=2`), given as POSTROOM_… variables. `spawn`: what starts
        the process, called like `Process`."""
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "postroom.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.role = role
        self._spawn = spawn
        own = {"data": self.data, "listen": f"127.0.0.1:{self.port}", "tenant_hosts": "127.0.0.0/8:*"}
        self._settings = {**own, **settings}
        if database:
            self._settings["database"] = database
        self._process: Process | None = None
        self._api: Api | None = None
        self._greetings = 0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def command(self) -> list[str]:
        return [str(Path(sys.executable).with_name("postroom"))]

    def environment(self, failpoint: str = "") -> dict[str, str]:
        """For `serve`, and for commands that are to talk to this Postroom."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
        ours |= {f"POSTROOM_{name.upper()}": str(value) for name, value in self._settings.items()}
        if failpoint:
            ours["POSTROOM_FAILPOINT"] = failpoint
        return ours

    def launch(self, *, failpoint: str = "", before: tuple[str, ...] = ()) -> Process:
        """Starts it without waiting. `before`: a program that runs it, as strace with its options."""
        command = [*before, *self.command, "serve", "--role", self.role]
        self._greetings = self.log_text().count(_GREETING)
        self._process = self._spawn(command, self.log, self.environment(failpoint), cwd=self.folder)
        return self._process

    def start(self, *, failpoint: str = "", before: tuple[str, ...] = ()) -> Self:
        """Starts it and waits until it takes mail."""
        self.launch(failpoint=failpoint, before=before).wait_ready(self.ready, 60)
        return self

    def ready(self) -> bool:
        """Whether it takes mail; a worker has no door, and is ready once it has said so."""
        if self.role == "worker":
            return self.log_text().count(_GREETING) > self._greetings
        probe = Api(self.url, "", timeout=5)
        try:
            return probe.get("/v1/ready").status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            probe.close()

    @property
    def process(self) -> Process:
        if self._process is None:
            raise RigFailed("postroom is not running")
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.alive

    @property
    def key(self) -> str:
        """The local key, as the command line uses it."""
        return str(json.loads((self.data / "local.json").read_text())["key"])

    @property
    def api(self) -> Api:
        if self._api is None:
            self._api = self.connect()
        return self._api

    def connect(self) -> Api:
        """A connection of its own, for another thread."""
        return Api(self.url, self.key)

    def kill9(self) -> None:
        self.process.kill9()
        self._forget()

    def wait_killed(self, seconds: float = 60) -> None:
        """Waits until a failpoint has killed it."""
        process = self.process
        wait_until(lambda: not process.alive, seconds, lambda: process.complaint("did not reach its failpoint"))
        if process.child.returncode != -9:
            raise RigFailed(process.complaint(f"ended with {process.child.returncode}, not by its failpoint"))
        self._forget()

    def stop(self, seconds: float = 30) -> None:
        """TERM; it must end by itself, cleanly, in time."""
        process, self._process = self._process, None
        self._forget()
        if process is None or not process.alive:
            return
        code = process.stop(seconds)
        if code != 0:
            raise RigFailed(process.complaint(f"ended with {code} when told to stop, within {seconds:g} s"))

    def deliver_to(self, port: int, **account: object) -> str:
        """Mode smtp, by a new account for 127.0.0.1:`port`, without TLS or login unless said; the account's id."""
        values = {
            "name": f"port {port}",
            "host": "127.0.0.1",
            "port": port,
            "encryption": "none",
            "login": "none",
            "sender_address": "postroom@sender.test",
            **account,
        }
        made = self.api.post("/v1/accounts", values).expect(201)
        self.api.call("PATCH", "/v1/settings", {"mode": "smtp"}).expect(200)
        return str(made["id"])

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def settle(self, messages: Iterable[str], seconds: float = 60) -> dict[str, dict[str, str]]:
        """Message id → its recipients' states, as soon as none of them is on its way any more.

        What waits for its next try, or for its account to have rested, is told to try now: the first wait is a minute.
        """
        left = list(messages)
        asked: dict[str, float] = {}
        settled: dict[str, dict[str, str]] = {}

        def all_settled() -> bool:
            for message in list(left):
                states = self.api.states(message)
                if {"deferred", "queued"} & set(states.values()) and asked.get(message, 0.0) < time.monotonic() - 1:
                    asked[message] = time.monotonic()
                    self.api.post(f"/v1/messages/{message}/retry").expect(200, 409)
                if _WAITING & set(states.values()):
                    return False
                settled[message] = states
                left.remove(message)
            return True

        wait_until(all_settled, seconds, lambda: f"{len(left)} messages, {left[:3]}, are still on their way")
        return settled

    def _forget(self) -> None:
        if self._api is not None:
            self._api.close()
            self._api = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and kind is not None:
            self._process.kill9()
            self._process = None
        self.stop()
