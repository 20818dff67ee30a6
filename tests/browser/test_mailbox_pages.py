"""Mailboxes in the console: made, tried with a live result, shown with what keeps them from being read, deleted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.rig import ConsoleRig
from tests.rigs.fixtures import require
from tests.rigs.imap import ImapServer


@pytest.fixture
def server() -> Iterator[ImapServer]:
    require("imap")
    with ImapServer({"ann": "the right word"}) as running:
        yield running


def read_all(console: ConsoleRig) -> None:
    """As upkeep does where mail is delivered, which is not in this process."""
    console.api.on_loop(console.api.engine.mailboxes.run_once())


def test_a_mailbox_is_set_up_tried_read_and_deleted(console: ConsoleRig, server: ImapServer) -> None:
    server.put("ann", [b"From: x@example.org\r\nSubject: Hello\r\n\r\nHello\r\n"])
    page = console.open("/mailboxes")
    console.looks_right(page, "mailboxes-empty")
    page.get_by_role("link", name="New mailbox").first.click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Server is empty")
    page.get_by_label("Not encrypted").check()
    page.get_by_label("Server", exact=True).fill("127.0.0.1")
    page.get_by_role("textbox", name="Port").fill(str(server.port))
    page.get_by_label("User name", exact=True).fill("ann")
    page.get_by_label("Password", exact=True).fill("the wrong word")
    page.get_by_label("Move it to another folder").check()
    page.get_by_label("Folder it is moved to").fill("Done")
    page.get_by_role("button", name="Test these values").click()
    expect(page.locator("#tried")).to_contain_text("does not accept the user name or password")
    console.looks_right(page, "mailboxes-form")
    page.get_by_label("Password", exact=True).fill("the right word")
    page.get_by_role("button", name="Test these values").click()
    expect(page.locator("#tried")).to_contain_text("INBOX can be read")
    assert "the right word" not in page.content()
    page.get_by_label("Name", exact=True).fill("Bounces")
    page.get_by_label("Password", exact=True).fill("the right word")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Bounces is there")
    read_all(console)
    expect(page.locator("#reading")).to_contain_text("the server tells of it at once")
    expect(page.locator("#reading")).to_contain_text("Taken in1")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#tried")).to_contain_text("INBOX holds 0 mails")
    console.looks_right(page, "mailboxes-show")
    page.get_by_role("button", name="Read it now").click()
    expect(page.get_by_role("status")).to_contain_text("read within a moment")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Login", exact=True).select_option("oauth2")
    expect(page.get_by_label("Password", exact=True)).to_be_hidden()
    page.get_by_label("Provider", exact=True).select_option("microsoft")
    page.get_by_label("Client id of the application").fill("postroom")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nobody has consented yet")).to_be_visible()
    page.get_by_role("link", name="Connect it").click()
    console.looks_right(page, "mailboxes-connect")
    page.get_by_role("link", name="Bounces").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("Bounces is deleted")
    read_all(console)


def test_what_keeps_a_mailbox_from_being_read_is_told_in_german(console: ConsoleRig) -> None:
    office, boss = console.api.engine.office, console.api._actor
    values = {"name": "Rückläufer", "host": "127.0.0.1", "port": 1, "encryption": "none", "user": "u"}
    office.create_mailbox(boss, values, "pw").result()
    read_all(console)
    page = console.open("/mailboxes", language="de")
    expect(page.locator("#mailboxes")).to_contain_text("lehnt Verbindungen auf Port 1 ab")
    console.looks_right(page, "mailboxes-list")
    page.get_by_role("link", name="Rückläufer").click()
    expect(page.get_by_text("Ist IMAP dort eingeschaltet?").first).to_be_visible()
    office.delete_mailbox(boss, "Rückläufer").result()
    read_all(console)
