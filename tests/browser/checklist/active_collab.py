"""What activeCollab describes of its outgoing mail, row by row."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from tests.browser.checklist.world import WAIT, Rows, World
from tests.rigs.process import wait_until

rows = Rows()


def _mode(w: World, choice: str, said: str = "Saved.") -> None:
    page = w.open("/outgoing/mode")
    page.get_by_role("radio", name=choice).check()
    expect(w.save()).to_contain_text(said)


@rows("AC1")
def _(w: World) -> None:
    """Disabled: nothing is sent, it is noted, and the application gets no error."""
    w.new_tenant()
    w.account()
    w.sender()
    _mode(w, "Disabled")
    message = w.send(subject="AC1")
    expect(w.open(f"/log/{message}").locator("main")).to_contain_text("sending is disabled")
    assert w.state(message) == "disabled"


@rows("AC2")
def _(w: World) -> None:
    """Silent: mail is read here, and one is released."""
    w.new_tenant()
    w.account()
    w.sender()
    _mode(w, "Silent")
    message = w.send(subject="AC2", text="Read it here.")
    assert w.state(message) == "silenced"
    page = w.open(f"/silent?message={message}")
    page.get_by_role("link", name=re.compile("AC2")).first.click()
    expect(page.locator(".letter")).to_contain_text("Read it here.")
    page.get_by_role("button", name="Release", exact=True).click()
    w.come("AC2")


@rows("AC3")
def _(w: World) -> None:
    """The host's own mailer, which only the operator sets."""
    w.number, w.at = INSTALLATION, ""
    w.office.create_sender(w.boss, {"address": "native@example.com"}).result(WAIT)
    _mode(w, "This machine's mailer", "Mail leaves from now on.")
    try:
        w.send(subject="AC3", sender="native@example.com")
        file = w.folder / "native"
        wait_until(lambda: file.exists() and "AC3" in file.read_text(), WAIT, lambda: "mail at the host's mailer")
    finally:
        w.office.change_tenant(w.boss, {"mode": "smtp"}, INSTALLATION).result(WAIT)


@rows("AC4")
def _(w: World) -> None:
    """SMTP servers."""
    w.new_tenant("silent")
    w.account()
    w.sender()
    _mode(w, "SMTP servers", "Mail leaves from now on.")
    w.send(subject="AC4")
    w.come("AC4")


@rows("AC5")
def _(w: World) -> None:
    """Instantly: whoever hands it over is told what the server said."""
    w.new_tenant()
    w.account()
    w.sender()
    _mode(w, "Instantly")
    client = w.rig.api.client(w.number, Scope.SEND)
    told = client.post("/v1/messages", json={"to": ["ok@sink.test"], "subject": "AC5", "text": "Now"})
    assert told.json()["state"] == "sent"


@rows("AC6")
def _(w: World) -> None:
    """In the background: taken at once, sent as soon as possible."""
    w.new_tenant()
    w.account()
    w.sender()
    _mode(w, "Instantly")
    _mode(w, "In the background")
    client = w.rig.api.client(w.number, Scope.SEND)
    told = client.post("/v1/messages", json={"to": ["ok@sink.test"], "subject": "AC6", "text": "Later"})
    assert (told.status_code, told.json()["state"]) == (202, "queued")
    w.come("AC6")


@rows("AC7")
def _(w: World) -> None:
    """Recipients choose how they get their mail."""
    w.new_tenant()
    w.account()
    w.sender()
    w.office.create_kind(w.boss, {"name": "news", "title": "News"}, w.number).result(WAIT)
    page = w.open("/outgoing/recipients")
    page.get_by_role("group", name="Recipients choose how they get mail").get_by_label("Yes").check()
    w.save()
    page = w.open("/recipients?address=ok@sink.test")
    page.get_by_label("News", exact=True).select_option("weekly")
    page.get_by_role("button", name="Choose so for this person").click()
    assert w.state(w.send(subject="AC7", kind="news")) == "collected"


@rows("AC8")
def _(w: World) -> None:
    """From: address and name."""
    w.new_tenant()
    w.account()
    page = w.open("/senders/new")
    page.get_by_label("Address").fill("team@example.com")
    page.get_by_label("Name that goes with it").fill("The Team")
    w.save()
    w.send(subject="AC8")
    assert w.come("AC8")[0]["from"] == "The Team <team@example.com>"


@rows("AC9")
def _(w: World) -> None:
    """Answers to the same address find their message."""
    w.new_tenant()
    w.account()
    w.sender()
    message = w.send(subject="AC9")
    mail, _ = w.come("AC9")
    answer = (
        f"From: ok@sink.test\r\nTo: box@example.com\r\nSubject: Re: AC9\r\nIn-Reply-To: {mail['message-id']}\r\n"
        "Message-ID: <1@sink.test>\r\nDate: Fri, 20 Nov 2026 20:00:00 +0000\r\n\r\nThank you.\r\n"
    )
    w.take(answer)
    expect(w.open(f"/log/{message}").locator(".timeline")).to_contain_text("Somebody replied")


@rows("AC10")
def _(w: World) -> None:
    """The mailing log finds it, and says what became of it."""
    w.new_tenant()
    w.account()
    w.sender()
    message = w.send(subject="Zebra crossing")
    w.becomes(message, "sent")
    page = w.open("/log?text=zebra")
    page.get_by_role("link", name="Zebra crossing").click()
    expect(page.locator(".timeline")).to_contain_text("The server took it")
