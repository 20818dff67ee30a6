"""Webhooks in the console: made with a secret that is shown once, tried, watched, wound back, paused and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from postroom.ids import encode
from postroom.model.webhook import EVENT_TYPES, WebhookState
from postroom.web.console.event_types import GROUPS
from tests.browser.rig import ConsoleRig
from tests.rigs.receiver import Receiver

SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{20,}")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def test_every_type_of_event_can_be_chosen_by_its_words() -> None:
    assert sorted(one for _, types in GROUPS for one in types) == sorted(EVENT_TYPES)


def test_a_webhook_is_made_tried_paused_wound_back_and_deleted(console: ConsoleRig, receiver: Receiver) -> None:
    office, boss = console.api.engine.office, console.api._actor
    page = console.open("/webhooks")
    console.looks_right(page, "webhooks-empty")
    page.get_by_role("link", name="New webhook").first.click()
    page.get_by_label("Address that events are sent to").fill("ftp://shop.example.com/hook")
    page.get_by_label("Only these").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("has nothing ticked")
    page.get_by_label("The server took it").check()
    page.get_by_label("Given up").check()
    console.looks_right(page, "webhooks-form")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Address that events are sent to can't be used")
    expect(page.get_by_label("Given up")).to_be_checked()
    page.get_by_label("Address that events are sent to").fill(receiver.url)
    page.get_by_label("Name").fill("Shop")
    page.get_by_role("button", name="Save").click()
    (secret,) = set(SECRET.findall(page.content()))
    console.looks_right(page, "webhooks-secret")
    page.get_by_role("link", name="I have copied it").click()
    assert not SECRET.search(page.content())
    expect(page.get_by_text("nothing sent yet")).to_be_visible()
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#tried")).to_contain_text("took it (204)")
    assert receiver.types == ["webhook.test"]
    receiver.answer = lambda _: 500
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#tried")).to_contain_text("answered 500")
    expect(page.locator("#deliveries tbody tr")).to_have_count(2)
    console.looks_right(page, "webhooks-show")
    page.get_by_role("link", name="New secret").click()
    page.get_by_label("Hours that the old secret goes on").fill("many")
    page.get_by_role("button", name="Make a new secret").click()
    expect(page.get_by_role("alert")).to_contain_text("whole number from 0 to 168")
    console.looks_right(page, "webhooks-rotate")
    page.get_by_label("Hours that the old secret goes on").fill("2")
    page.get_by_role("button", name="Make a new secret").click()
    (other,) = set(SECRET.findall(page.content()))
    assert other != secret
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_contain_text("Paused. Events are kept")
    page.get_by_role("link", name="Deliver again").click()
    page.get_by_role("button", name="Deliver again").click()
    expect(page.get_by_role("alert")).to_contain_text("Give a cursor")
    page.get_by_label("From this time on").fill("2026-01-01T10:00")
    console.looks_right(page, "webhooks-replay")
    page.get_by_role("button", name="Deliver again").click()
    expect(page.get_by_role("status")).to_contain_text("once it is resumed")
    page.get_by_role("button", name="Let it go on").click()
    expect(page.get_by_role("status")).to_contain_text("It goes on at once.")
    assert office.webhook(boss, "Shop").result(60).webhook.state is WebhookState.ACTIVE
    page.goto(f"{console.url}/webhooks")
    expect(page.get_by_role("row", name=re.compile("Shop"))).to_contain_text("Given up")
    console.looks_right(page, "webhooks")
    page.get_by_role("link", name="Shop").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("Shop is deleted")
    page.goto(f"{console.url}/deleted")
    page.get_by_role("button", name="Restore Shop").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Shop")
    assert not SECRET.search(page.content())
    office.delete_webhook(boss, "Shop").result(60)


def test_without_script_and_by_who_may_only_look(console: ConsoleRig) -> None:
    """A tenant's own: the address of another server brings another secret, and who may not change sees no way to."""
    office, boss = console.api.engine.office, console.api._actor
    number = office.create_tenant(boss, "Hooks").result(60).id
    at = f"/in/{encode('t', number)}"
    page = console.open(f"{at}/webhooks/new", script=False, language="de")
    page.get_by_label("Adresse, an die Ereignisse gehen").fill("https://shop.example.com/hook")
    page.get_by_label("Alle Ereignisse").check()
    page.get_by_role("button", name="Speichern").click()
    assert SECRET.search(page.content())
    (view,) = office.webhooks(boss, number).result(60)
    assert (view.webhook.name, view.webhook.types) == ("shop.example.com", ())
    ref = encode("h", view.webhook.id)
    page.goto(f"{console.url}{at}/webhooks/{ref}/edit")
    page.get_by_label("Adresse, an die Ereignisse gehen").fill("https://other.example.com/hook")
    page.get_by_role("button", name="Speichern").click()
    expect(page.get_by_text("anderen Server")).to_be_visible()
    assert SECRET.search(page.content())
    page = console.open(f"/webhooks/{ref}", as_="auditor", tenant_id=number)
    expect(page.get_by_role("heading", level=1)).to_have_text("shop.example.com")
    for name in ("Send a test", "Pause"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    for path in ("/webhooks/new", f"/webhooks/{ref}/secret", f"/webhooks/{ref}/replay", f"/webhooks/{ref}/delete"):
        page.goto(f"{console.url}{path}")
        expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")
