"""What the steps of the checklist share: the servers, a browser, and a tenant of its own for each step."""

from __future__ import annotations

import base64
import email
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import Message as Mail
from email.policy import default as modern
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

from postroom.ids import decode, encode
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft
from postroom.model.tenant import INSTALLATION
from postroom.settings import Role
from tests.browser.rig import ConsoleRig, running
from tests.doors.api_rig import open_api
from tests.rigs.certificate_set import Authority
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

WAIT = 60
_names = itertools.count(1)
SECRET = "c4nary-of-the-checklist"
REFERENCE = "CHECKLIST_MAIL_PASSWORD"


class World:
    """What all steps share. `plain` and `locked` are the mail servers; `folder` has what they were given."""

    def __init__(self, rig: ConsoleRig, plain: Sink, locked: Sink, folder: Path) -> None:
        self.rig, self.plain, self.locked, self.folder = rig, plain, locked, folder
        self.office, self.boss = rig.api.engine.office, rig.api._actor
        self.page: Page = rig.open("/")
        self.number, self.at = INSTALLATION, ""

    def new_tenant(self, mode: str = "smtp") -> None:
        self.number = self.office.create_tenant(self.boss, f"Step {next(_names)}").result(WAIT).id
        self.at = f"/in/{encode('t', self.number)}"
        self.office.change_tenant(self.boss, {"mode": mode}, self.number).result(WAIT)

    def account(self, sink: Sink | None = None, *, default: bool = True, **values: Any) -> str:
        """An account's id; it is the default, and its sender too."""
        known = {"name": "Main", "host": "127.0.0.1", "port": (sink or self.plain).port, "encryption": "none"}
        known |= {"sender_address": "box@example.com"} | values
        secret = known.pop("secret", None)
        view = self.office.create_account(self.boss, known, secret, self.number).result(WAIT)
        if default:
            self.office.set_default_account(self.boss, view.account.id, self.number, force=True).result(WAIT)
        return encode("a", view.account.id)

    def sender(self, address: str = "box@example.com", **values: Any) -> str:
        made = self.office.create_sender(self.boss, {"address": address, **values}, self.number).result(WAIT)
        return encode("s", made.sender.id)

    def open(self, path: str) -> Page:
        """A page of this step's tenant, with every group opened."""
        self.page.goto(f"{self.rig.url}{self.at}{path}")
        self.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        return self.page

    def save(self) -> Locator:
        self.page.get_by_role("button", name="Save").last.click()
        return self.page.get_by_role("status")

    def send(self, **values: Any) -> str:
        """A message's id, from a sender that there is."""
        actor = Actor(self.number, frozenset({Scope.ADMIN}), name="Ada")
        draft = Draft(**{"to": ("ok@sink.test",), "subject": f"Mail {next(_names)}", "text": "It works.", **values})
        return encode("m", self.rig.api.engine.outbox.send(actor, draft).result(WAIT).message_id)

    def state(self, message: str) -> str:
        number = self.rig.api.engine.reports.message(self.boss, decode("m", message) or 0, self.number).result(WAIT)
        return str(number.recipients[0].state)

    def becomes(self, message: str, *states: str) -> None:
        wait_until(lambda: self.state(message) in states, WAIT, lambda: f"{states}, it is {self.state(message)}")

    def take(self, mail: str) -> None:
        """A mail that came back is handed in."""
        raw = base64.b64encode(mail.encode()).decode()
        self.rig.api.client(self.number, Scope.ADMIN).post("/v1/incoming", json={"raw": raw}).raise_for_status()

    def come(self, subject: str, sink: Sink | None = None) -> tuple[Mail, str]:
        """The mail with this subject as a server took it, and its envelope's sender."""
        found: list[tuple[Mail, str]] = []

        def look() -> bool:
            for record in (sink or self.plain).taken():
                mail = email.message_from_bytes((sink or self.plain).source(record), policy=modern)
                if mail["subject"] == subject:
                    found.append((mail, record.sender))
            return bool(found)

        wait_until(look, WAIT, lambda: f"“{subject}” at the mail server")
        return found[0]


@pytest.fixture(scope="module")
def world(console_rig: ConsoleRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("checklist")
    own = Authority("127.0.0.1")
    bundle = own.issue("127.0.0.1", common_name="127.0.0.1", key=own.key).bundle(folder)
    mailer = folder / "mailer"
    mailer.write_text(f"#!/bin/sh\ncat >> {folder}/native\n")
    mailer.chmod(0o755)
    wanted = {"poll_seconds": 0.05, "instant_seconds": 20.0, "native_command": [str(mailer)], "check_seconds": 1.0}
    os.environ[REFERENCE] = SECRET
    with ExitStack() as stack:
        plain = stack.enter_context(Sink.start(folder / "plain", keep=True))
        locked = stack.enter_context(
            Sink.start(folder / "locked", tls="starttls", certificate=bundle, require_auth=True, keep=True)
        )
        (folder / "data").mkdir()
        api = stack.enter_context(open_api(folder / "data", Role.ALL, **wanted))
        api.engine.office.change_tenant(api._actor, {"mode": "smtp"}, INSTALLATION).result(WAIT)
        with running(console_rig.browser):
            rig = ConsoleRig(api, console_rig.browser)
            made = World(rig, plain, locked, folder)
        yield made
        with running(console_rig.browser):
            rig.fresh()
    del os.environ[REFERENCE]


Step = Callable[[World], None]


class Rows(dict[str, Step]):
    """The rows of one product: `@rows("AL1")` puts the step of a row of the specification's table in."""

    def __call__(self, name: str) -> Callable[[Step], Step]:
        def take(step: Step) -> Step:
            self[name] = step
            return step

        return take
