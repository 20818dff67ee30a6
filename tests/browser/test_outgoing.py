"""Outgoing mail: every value says where it comes from, can be set here and inherited again; without script as well."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from postroom.ids import encode
from postroom.model.tenant import INSTALLATION
from tests.browser.rig import ConsoleRig

PARTS = ("mode", "defaults", "footer", "retention")
"""One of each kind of field."""


def tenant(console: ConsoleRig) -> int:
    office = console.api.engine.office
    return office.create_tenant(console.api._actor, f"Tenant <i>{len(office.snapshot.tenants)}</i>").result(60).id


def card(page: Page, title: str) -> str:
    return page.get_by_role("region", name=title).inner_text()


def test_a_value_is_set_and_inherited_again(console: ConsoleRig) -> None:
    number = tenant(console)
    page = console.open("/outgoing", "mail-administrator", number, script=False)
    assert "30 days built-in default" in " ".join(card(page, "Retention").split())
    page.get_by_role("link", name="Change Retention").click()
    page.get_by_label("Contents").fill("-1")
    page.get_by_label("Log").fill("90")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("alert")).to_contain_text("Contents")
    expect(page.get_by_label("Log")).to_have_value("90")
    page.get_by_label("Contents").fill("30")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    told = " ".join(card(page, "Retention").split())
    assert "30 days built-in default" in told, "what was not changed stays inherited"
    assert "90 days set here" in told
    page.get_by_role("link", name="Change Retention").click()
    page.get_by_role("button", name="Inherit it again Log").click()
    page.get_by_role("link", name="Outgoing mail").last.click()
    assert "365 days built-in default" in " ".join(card(page, "Retention").split())


def test_every_part_looks_right(console: ConsoleRig) -> None:
    number = tenant(console)
    office = console.api.engine.office
    footer = {"footer_text": "Acme Inc.", "footer_html": '<p style="color:#a00">Acme</p><script>parent.x=1</script>'}
    office.change_tenant(console.api._actor, footer, number).result(60)
    page = console.open("/outgoing", "administrator", number)
    console.looks_right(page, "outgoing")
    assert page.evaluate("'x' in window") is False
    for part in PARTS:
        page.goto(f"{console.url}/outgoing/{part}")
        console.looks_right(page, f"outgoing-{part}")


def test_who_may_not_change_settings_sees_no_button_and_no_form(console: ConsoleRig) -> None:
    page = console.open("/outgoing", "auditor")
    expect(page.get_by_role("link", name="Change")).to_have_count(0)
    page.goto(f"{console.url}/outgoing/mode")
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")
    expect(page.locator("main")).to_contain_text("Manage mail settings")
    console.looks_right(page, "forbidden")
    page = console.open("/outgoing", "reader")
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")
    expect(page.get_by_role("link", name="Outgoing mail")).to_have_count(0)


def test_the_installations_people_look_into_a_tenant_and_stay_there(console: ConsoleRig) -> None:
    number = tenant(console)
    page = console.open("/in/" + encode("t", number) + "/outgoing")
    expect(page.locator(".tenant")).to_contain_text("Tenant <i>")
    page.get_by_role("link", name="Change Retries").click()
    page.get_by_label("Give up after").fill("3")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    assert console.api.engine.office.snapshot.settings(number).retry_days.value == 3
    assert console.api.engine.office.snapshot.settings(INSTALLATION).retry_days.value == 5
    console.looks_right(page, "outgoing-tenant")


def test_another_tenant_is_not_there(console: ConsoleRig) -> None:
    mine, other = tenant(console), tenant(console)
    page = console.open("/in/" + encode("t", other) + "/outgoing", "administrator", mine)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
