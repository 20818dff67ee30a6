"""The settings check and the DKIM keys in the console: what is wrong and how to mend it, and records to paste."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from postroom.ids import encode
from tests.browser.rig import ConsoleRig


def test_what_is_wrong_is_told_with_its_mend_checked_again_and_marked_in_the_navigation(console: ConsoleRig) -> None:
    office, boss = console.api.engine.office, console.api._actor
    number = office.create_tenant(boss, "Checked").result(60).id
    at = f"/in/{encode('t', number)}"
    page = console.open(f"{at}/checks")
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings check")
    values = {"name": "Bare", "host": "nowhere.invalid", "encryption": "none", "user": "me", "login": "password"}
    account = office.create_account(boss, values, tenant_id=number).result(60).account
    office.create_sender(boss, {"address": "me@example.invalid", "account_id": "Bare"}, number).result(60)
    page.reload()
    finding = page.get_by_role("listitem").filter(has_text="needs its password")
    expect(finding).to_contain_text("Who can help: Whoever keeps the mailbox's password.")
    expect(finding).to_contain_text("postroom account edit Bare --password")
    expect(finding).to_contain_text("stops mail")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#checks")).to_contain_text("All of it was asked", timeout=60_000)
    console.looks_right(page, "checks")
    mark = page.get_by_role("navigation", name="Pages").get_by_role("link", name=re.compile("Settings check"))
    expect(mark).to_contain_text("something is wrong")
    finding.get_by_role("link", name="Mend it").click()
    assert encode("a", account.id) in page.url
    office.change_tenant(boss, {"alarm_to": ["ops@example.org"]}, number).result(60)
    page = console.open("/checks", as_="auditor", tenant_id=number, language="de")
    expect(page.get_by_role("button", name="Jetzt prüfen")).to_have_count(0)
    expect(page.get_by_text("ops@example.org")).to_be_visible()
    expect(page.locator(".findings")).to_contain_text("Kennwort")
    page = console.open("/checks?everywhere=true")
    expect(page.locator(".findings")).to_contain_text("Tenant Checked")


def test_a_key_is_made_its_record_is_shown_looked_for_replaced_retired_and_deleted(console: ConsoleRig) -> None:
    """Without script; nothing of the private key is in any page."""
    office, boss = console.api.engine.office, console.api._actor
    number = office.create_tenant(boss, "Signed").result(60).id
    at = f"/in/{encode('t', number)}"
    office.create_sender(boss, {"address": "me@signed.example"}, number).result(60)
    page = console.open(f"{at}/dkim", script=False)
    expect(page.get_by_text("Postroom signs nothing.")).to_be_visible()
    page.get_by_role("link", name="New key").first.click()
    expect(page.get_by_label("Domain")).to_have_value("signed.example")
    page.get_by_label("Domain").fill("not a domain")
    page.get_by_label("Ed25519").check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert")).to_contain_text("Domain")
    expect(page.get_by_label("Ed25519")).to_be_checked()
    page.get_by_label("Domain").fill("signed.example")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("status")).to_contain_text("It signs once its record is in the DNS")
    (view,) = office.dkim_keys(boss, number).result(60)
    expect(page.get_by_text(view.record.value)).to_be_visible()
    expect(page.get_by_text(view.record.name).first).to_be_visible()
    page.get_by_role("button", name="Look for the record now").click()
    expect(page.get_by_role("status")).to_contain_text("The DNS was asked.")
    page.get_by_role("button", name="Make its successor").click()
    expect(page.get_by_role("status")).to_contain_text("This is the successor")
    page.get_by_role("link", name="Retire").click()
    expect(page.get_by_text("Leave its record in the DNS for a week")).to_be_visible()
    page.get_by_role("button", name="Retire").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("is deleted")
    assert [one.key.id for one in office.dkim_keys(boss, number).result(60)] == [view.key.id]
    page = console.open(f"{at}/dkim", language="de")
    expect(page.get_by_role("heading", level=1)).to_have_text("DKIM-Schlüssel")
    for path, name in (
        ("/dkim", "dkim"),
        ("/dkim/new", "dkim-new"),
        (f"/dkim/{encode('y', view.key.id)}", "dkim-show"),
    ):
        page.goto(f"{console.url}{at}{path}")
        console.looks_right(page, name)
        assert "PRIVATE KEY" not in page.content()
