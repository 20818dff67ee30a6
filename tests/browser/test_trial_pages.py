"""The test page: steps appear while it runs, plain words beside the conversation, *Apply*; and the proof matrix."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from postroom.ids import encode
from tests.browser.rig import ConsoleRig


def test_a_test_shows_its_steps_live_and_values_are_tested_before_they_are_saved(console: ConsoleRig) -> None:
    """SG13: recipient, subject and message are pre-filled; a server that is not there is explained at its step."""
    office, boss = console.api.engine.office, console.api._actor
    number = office.create_tenant(boss, "Trials").result(60).id
    at = f"/in/{encode('t', number)}"
    values = {"name": "Nowhere", "host": "nowhere.invalid", "sender_address": "me@example.com"}
    view = office.create_account(boss, values, tenant_id=number).result(60)
    office.create_sender(boss, {"address": "me@example.com", "account_id": "Nowhere"}, number).result(60)
    page = console.open(f"{at}/test")
    expect(page.get_by_label("Account")).to_have_value(encode("a", view.account.id))
    expect(page.get_by_label("Subject")).not_to_have_value("")
    expect(page.get_by_label("Recipient")).to_have_value(re.compile("@"))
    console.looks_right(page, "test-new")
    page.get_by_label("Recipient").fill("nobody")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_role("alert")).to_contain_text("Recipient")
    page.get_by_label("Recipient").fill("ann@example.org")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Test of Nowhere")
    expect(page.get_by_text("It did not go")).to_be_visible()
    expect(page.locator(".staged > .bad")).to_have_count(1)
    console.looks_right(page, "test-shown")
    page.goto(f"{console.url}{at}/accounts/{encode('a', view.account.id)}/edit")
    page.get_by_label("Server", exact=True).fill("elsewhere.invalid")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Test these values").click()
    tested = opened.value
    expect(tested.get_by_text("values that are not saved")).to_be_visible()
    expect(page.get_by_label("Server", exact=True)).to_have_value("elsewhere.invalid")
    assert office.account(boss, view.account.id, number).result(60).account.host == "nowhere.invalid"
    page.goto(f"{console.url}{at}/proofs")
    expect(page.get_by_role("rowheader", name="me@example.com")).to_be_visible()
    page.get_by_role("button", name="Prove me@example.com, Nowhere").click()
    expect(page.get_by_role("status")).to_contain_text("The servers are asked")
    console.looks_right(page, "proofs")


def test_a_senders_page_asks_the_dns_and_shows_what_it_said(console: ConsoleRig) -> None:
    """What receivers find is told beside the sender; an address that is none is a fault at its field."""
    office, boss = console.api.engine.office, console.api._actor
    number = office.create_tenant(boss, "Names").result(60).id
    sender = office.create_sender(boss, {"address": "me@example.invalid"}, number).result(60).sender
    page = console.open(f"/in/{encode('t', number)}/senders/{encode('s', sender.id)}")
    expect(page.get_by_text("Not asked yet.")).to_be_visible()
    page.get_by_label("Public IP addresses of your mail server").fill("300.1.1.1")
    page.get_by_role("button", name="Ask the DNS now").click()
    expect(page.get_by_role("alert")).to_contain_text("Public IP addresses of your mail server")
    expect(page.get_by_label("Public IP addresses of your mail server")).to_have_value("300.1.1.1")
    console.looks_right(page, "sender-dns")
