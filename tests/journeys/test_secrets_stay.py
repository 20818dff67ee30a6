"""P7: whoever changes an account's host, port, user or protection, by whatever way, does not get its password: a server
that would gladly take it receives not one octet of AUTH, until a person types the password again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import postroom as library
from tests.journeys.aftermath import query
from tests.journeys.nursery import Nursery
from tests.journeys.stranger import Stranger, Visit
from tests.rigs.certificates import Certificates
from tests.rigs.postroom import Postroom
from tests.rigs.sink import Sink

SECRET = "correct horse battery staple"
CLEAR = {"encryption": "none", "login": "plain", "user": "anna", "allow_clear_login": True, "secret": SECRET}
UNDER_TLS = {"encryption": "starttls", "login": "plain", "user": "anna", "secret": SECRET}


def takes_everything(visit: Visit) -> None:
    """A thief: offers a login, accepts any, takes the mail."""
    ok = b"250 ok\r\n"
    visit.say(b"220 thief.test ESMTP\r\n")
    while line := visit.line():
        verb = line.split(None, 1)[0].upper() if line.strip() else b""
        if verb == b"EHLO":
            visit.say(b"250-thief.test\r\n250 AUTH PLAIN\r\n")
        elif verb == b"AUTH":
            visit.say(b"235 thank you\r\n")
        elif verb == b"DATA":
            visit.say(b"354 go ahead\r\n")
            while (text := visit.line()) and text != b".\r\n":
                pass
            visit.say(ok)
        else:
            visit.say(ok)


@dataclass
class Scene:
    """Accounts that work, one for each change, and the servers that would like to have their passwords."""

    postroom: Postroom
    clear: Sink
    protected: Sink
    thieves: list[Stranger]
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def logins(self) -> int:
        honest = len(self.clear.entries("auth")) + len(self.protected.entries("auth"))
        return honest + sum(thief.heard.upper().count(b"AUTH ") for thief in self.thieves)

    def send_through_each(self) -> dict[str, str]:
        return {name: self.postroom.api.send(f"ok+{name}@sink.test", account=name) for name in self.changes}


@pytest.fixture
def scene(
    fork_postroom: Callable[..., Postroom],
    make_sink: Callable[..., Sink],
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scene]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    clear, protected = make_sink(), make_sink(tls="starttls", certificate=certificates.good)
    with ExitStack() as stack:
        elsewhere = stack.enter_context(Stranger(takes_everything))
        same_port = stack.enter_context(Stranger(takes_everything, "127.0.0.2", clear.port))
        postroom = fork_postroom(poll_seconds=0.1).start()
        scene = Scene(postroom, clear, protected, [elsewhere, same_port])
        scene.changes = {
            "host": {"host": "127.0.0.2"},
            "port": {"port": elsewhere.port},
            "host-and-port": {"host": "localhost", "port": elsewhere.port},
            "user": {"user": "bob"},
            "no-tls": {"encryption": "none", "allow_clear_login": True},
            "any-certificate": {"certificate_check": "ignore"},
        }
        for name in scene.changes:
            if name in ("no-tls", "any-certificate"):
                postroom.deliver_to(protected.port, name=name, **UNDER_TLS)
            else:
                postroom.deliver_to(clear.port, name=name, **CLEAR)
        for message in scene.send_through_each().values():
            postroom.api.wait_for_state(message, "sent")
        assert scene.logins() == len(scene.changes), "each works, and logs in"
        yield scene


def by_api(scene: Scene) -> None:
    for name, change in scene.changes.items():
        changed = scene.postroom.api.call("PATCH", f"/v1/accounts/{name}", change).expect(200)
        assert changed["secret_dropped"] is True, name
        assert "secret_set_at" not in changed or changed["secret_set_at"] is None, name


def flags(change: dict[str, Any]) -> list[str]:
    found = []
    for name, value in change.items():
        option = "--" + name.replace("_", "-")
        found += [option] if value is True else [option, str(value)]
    return found


def by_command(scene: Scene, nursery: Nursery, folder: Path) -> None:
    """`postroom account edit`, against a running Postroom or by itself."""
    for name, change in scene.changes.items():
        command = [*scene.postroom.command, "account", "edit", name, *flags(change)]
        log = folder / f"{name}.log"
        process = nursery.spawn(command, log, scene.postroom.environment(), cwd=folder)
        assert process.child.wait(30) == 0, log.read_text()


def by_library(scene: Scene) -> None:
    with library.Postroom(f"sqlite:///{scene.postroom.data / 'postroom.db'}", data=scene.postroom.data) as embedded:
        for name, change in scene.changes.items():
            assert embedded.office.change_account(embedded.actor, name, change).result().secret_dropped


def in_the_database(scene: Scene) -> None:
    """Somebody who may write into the database but has no key: what was sealed for one server opens for no other."""
    columns = {"user": "user_name"}
    url = f"sqlite:///{scene.postroom.data / 'postroom.db'}"
    for name, change in scene.changes.items():
        for column, value in change.items():
            written = f"'{value}'" if isinstance(value, str) else str(int(value))
            query(url, f"UPDATE account SET {columns.get(column, column)} = {written} WHERE name = '{name}'")


def nobody_gets_it(scene: Scene) -> None:
    before = scene.logins()
    messages = scene.send_through_each()
    for name, message in messages.items():
        scene.postroom.api.wait_for_state(message, "held", "deferred", seconds=30)
        assert scene.postroom.api.states(message) != {f"ok+{name}@sink.test": "sent"}
    assert scene.logins() == before
    for thief in scene.thieves:
        assert b"AUTH" not in thief.heard.upper()
        assert b"MAIL" not in thief.heard.upper()
    assert SECRET not in scene.postroom.log_text()


def test_by_the_api(scene: Scene) -> None:
    by_api(scene)
    nobody_gets_it(scene)
    scene.postroom.api.call("PATCH", "/v1/accounts/port", {"secret": "typed again"}).expect(200)
    scene.postroom.api.post("/v1/accounts/port/resume")
    message = scene.postroom.api.send("ok+again@sink.test", account="port")
    scene.postroom.api.wait_for_state(message, "sent")
    assert b"AUTH PLAIN" in scene.thieves[0].heard, "typed again it is offered, so this test would have seen it"


def test_by_the_command_line(scene: Scene, nursery: Nursery, tmp_path: Path) -> None:
    by_command(scene, nursery, tmp_path)
    nobody_gets_it(scene)


def test_by_the_command_line_while_nothing_runs(scene: Scene, nursery: Nursery, tmp_path: Path) -> None:
    scene.postroom.stop()
    by_command(scene, nursery, tmp_path)
    scene.postroom.start()
    nobody_gets_it(scene)


def test_by_the_library(scene: Scene) -> None:
    scene.postroom.stop()
    by_library(scene)
    scene.postroom.start()
    nobody_gets_it(scene)


def test_in_the_database(scene: Scene) -> None:
    scene.postroom.stop()
    in_the_database(scene)
    scene.postroom.start()
    nobody_gets_it(scene)
