"""The overview says in words whether mail leaves, what needs somebody, and what the last day was like."""

from __future__ import annotations

from playwright.sync_api import expect

from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft
from tests.browser.rig import ConsoleRig


def test_it_says_how_things_stand_and_leads_to_the_set_up(console: ConsoleRig) -> None:
    office = console.api.engine.office
    number = office.create_tenant(console.api._actor, "Overview").result(60).id
    page = console.open("/", "administrator", number)
    expect(page.locator(".light")).to_contain_text("Postroom is silent")
    expect(page.get_by_role("link", name="Begin")).to_be_visible()
    expect(page.get_by_text("No mail in this time")).to_be_visible()
    office.create_account(console.api._actor, {"host": "127.0.0.1", "encryption": "none"}, None, number).result(60)
    office.create_sender(console.api._actor, {"address": "shop@example.com"}, number).result(60)
    sending = Actor(number, frozenset({Scope.SEND}))
    for n in range(3):
        draft = Draft(to=(f"ann{n}@example.org",), subject="Hello", text="Hello")
        console.api.engine.outbox.send(sending, draft).result(60)
    page.reload()
    expect(page.get_by_role("link", name="Begin")).to_have_count(0)
    page.get_by_text("As a table").click()
    expect(page.get_by_role("row").last).to_contain_text("3")
    console.looks_right(page, "overview")
    page.get_by_role("link", name="7 days").click()
    page.get_by_text("As a table").click()
    expect(page.get_by_role("row").last).to_contain_text("3")
    assert page.get_by_role("row").count() <= 9
    console.looks_right(page, "overview-week")


def test_what_needs_somebody_is_listed_and_who_only_reads_sees_numbers(console: ConsoleRig) -> None:
    office = console.api.engine.office
    number = office.create_tenant(console.api._actor, "Trouble").result(60).id
    made = office.create_account(
        console.api._actor,
        {"name": "Main <b>relay</b>", "host": "127.0.0.1", "encryption": "none", "user": "ann"},
        "hush",
        number,
    ).result(60)
    office.change_tenant(console.api._actor, {"mode": "smtp"}, number).result(60)
    office.pause_account(console.api._actor, encode("a", made.account.id), "Being moved", number).result(60)
    page = console.open("/", "administrator", number)
    expect(page.locator(".needs")).to_contain_text("Main <b>relay</b>")
    console.looks_right(page, "overview-needs")
    page = console.open("/", "reader", number)
    expect(page.locator(".needs")).to_have_count(0)
    expect(page.locator(".numbers")).to_contain_text("Waiting now")
    page = console.open("/", "auditor", number, language="de", script=False)
    expect(page.locator(".numbers")).to_have_count(0)
