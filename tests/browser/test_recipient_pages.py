"""Kinds of mail, what recipients chose, the suppression list: by people with the right to, with script and without."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from postroom.ids import encode
from postroom.model.kind import Way
from postroom.model.preference import Why
from tests.browser.rig import ConsoleRig

_names = itertools.count(1)


def tenant(console: ConsoleRig) -> tuple[int, str]:
    """A new tenant's number, and the beginning of its pages' addresses."""
    office, boss = console.api.engine.office, console.api._actor
    number = office.create_tenant(boss, f"Recipients {next(_names)}").result(60).id
    return number, f"/in/{encode('t', number)}"


def heading(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def test_a_kind_lives_from_its_first_word_to_its_end(console: ConsoleRig) -> None:
    """Also without script: faults stand at the fields with the input kept, and what deleting means is said before."""
    number, at = tenant(console)
    office, boss = console.api.engine.office, console.api._actor
    page = console.open(f"{at}/kinds", script=False)
    expect(page.get_by_text("No kind of mail yet")).to_be_visible()
    page.get_by_role("link", name="New kind").first.click()
    page.get_by_label("The word that applications use").fill("news, old")
    page.get_by_label("What recipients are told it is").fill("News from us")
    page.get_by_label("Who has chosen nothing gets it").select_option("daily")
    page.get_by_label("Mandatory: always, and at once").check()
    page.get_by_role("button", name="Save").click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("The word that applications use holds a comma")
    page.get_by_label("The word that applications use").fill("news")
    page.get_by_role("button", name="Save").click()
    expect(told).to_contain_text("Who has chosen nothing gets it does not go with mandatory")
    expect(page.get_by_label("What recipients are told it is")).to_have_value("News from us")
    expect(page.get_by_label("Mandatory: always, and at once")).to_be_checked()
    page.get_by_label("Mandatory: always, and at once").uncheck()
    page.get_by_label("Bulk: mail to many").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("news is there")
    made = office.kind(boss, "news", number).result(60)
    assert (made.way, made.bulk, made.mandatory, made.title) == (Way.DAILY, True, False, "News from us")
    page.get_by_label("Bulk: mail to many").uncheck()
    page.get_by_role("button", name="Save").click()
    assert not office.kind(boss, "news", number).result(60).bulk
    page.get_by_role("link", name="Versions").click()
    expect(page.get_by_text("Bulk: mail to many").first).to_be_visible()
    page.goto(f"{console.url}{at}/kinds/{encode('d', made.id)}/delete")
    expect(page.get_by_text("leaves at once from then on")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("news is deleted")
    page.goto(f"{console.url}{at}/deleted")
    page.get_by_role("button", name="Restore news").click()
    assert heading(page) == "news"


def test_what_a_recipient_chose_is_looked_up_and_changed_and_the_link_leads_to_his_page(console: ConsoleRig) -> None:
    number, at = tenant(console)
    office, boss = console.api.engine.office, console.api._actor
    for kind in (
        {"name": "news", "title": "News", "description": "Once a week."},
        {"name": "login", "mandatory": True},
    ):
        office.create_kind(boss, kind, number).result(60)
    office.change_tenant(boss, {"recipients_choose": True}, number).result(60)
    page = console.open(f"{at}/recipients")
    console.looks_right(page, "recipients-look")
    page.get_by_label("E-mail address").fill("nobody at all")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("alert")).to_contain_text("E-mail address is no address")
    expect(page.get_by_label("E-mail address")).to_have_value("nobody at all")
    page.get_by_label("E-mail address").fill("ann@example.org")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_text("Has never chosen anything")).to_be_visible()
    expect(page.get_by_label("login")).to_have_count(0)
    page.get_by_label("News", exact=True).select_option("weekly")
    page.get_by_text("Language, and when digests come").click()
    page.get_by_label("Hour of daily and weekly digests").select_option("7")
    page.get_by_role("button", name="Choose so for this person").click()
    expect(page.get_by_role("status")).to_contain_text("It is chosen for ann@example.org")
    chosen = office.preference(boss, "ann@example.org", number).result(60)
    assert (chosen.preference.ways, chosen.preference.hour) == ({"news": Way.WEEKLY}, 7)
    page.get_by_label("News", exact=True).select_option("")
    page.get_by_role("button", name="Choose so for this person").click()
    assert office.preference(boss, "ann@example.org", number).result(60).preference.ways == {}
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("figure.code code").inner_text()
    console.looks_right(page, "recipients-show")
    assert office.reader(link.rpartition("/")[2]).mailbox == "ann@example.org"


def test_the_suppression_list_is_searched_added_to_released_imported_and_exported(
    console: ConsoleRig, tmp_path: Path
) -> None:
    number, at = tenant(console)
    office, boss = console.api.engine.office, console.api._actor
    page = console.open(f"{at}/suppressions")
    console.looks_right(page, "suppressions-empty")
    page.get_by_role("link", name="Add an address").click()
    page.get_by_label("E-mail address").fill("no address")
    page.get_by_label("Note").fill("said so <b>himself</b>")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("E-mail address is no address")
    page.get_by_label("E-mail address").fill("gone@example.org")
    page.get_by_label("Reason").select_option("complaint")
    page.get_by_label("Until the end of").fill("2090-05-31")
    console.looks_right(page, "suppressions-new")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status")).to_contain_text("gone@example.org gets nothing but security mail")
    (one,) = office.suppressions(boss, tenant_id=number).result(60)
    assert (one.why, one.note) == (Why.COMPLAINT, "said so <b>himself</b>")
    page.get_by_role("link", name="Import").click()
    file = tmp_path / "list.csv"
    file.write_text("address,why\nold@example.com,no-mailbox\nnobody,by-hand\n")
    page.get_by_label("A file").set_input_files(file)
    expect(page.get_by_label("Addresses, or a table")).to_have_value(re.compile("old@example.com"))
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("alert")).to_contain_text("line 3")
    page.get_by_label("Addresses, or a table").fill("address,why\nold@example.com,no-mailbox\n")
    console.looks_right(page, "suppressions-import")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status")).to_contain_text("One address is new on the list")
    console.looks_right(page, "suppressions")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    text = Path(download.value.path()).read_text()
    assert text.splitlines()[0] == "address,why,note,source,created_at,expires_at"
    assert "gone@example.org,complaint" in text
    page.get_by_label("Part of the address").fill("GONE")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="Release gone@example.org").click()
    expect(page.get_by_text("reported your mail as unwanted")).to_be_visible()
    page.get_by_role("button", name="Take off the list").click()
    expect(page.get_by_role("status")).to_contain_text("gone@example.org gets mail again")
    page.goto(f"{console.url}{at}/recipients?address=old@example.com")
    expect(page.get_by_text("Nothing but security mail goes to this address.")).to_be_visible()
    console.looks_right(page, "recipients-suppressed")
    assert [one.address for one in office.suppressions(boss, tenant_id=number).result(60)] == ["old@example.com"]


def test_who_may_not_sees_no_way_to_it_and_all_of_it_is_told_in_german(console: ConsoleRig) -> None:
    number, at = tenant(console)
    office, boss = console.api.engine.office, console.api._actor
    office.create_kind(boss, {"name": "news", "title_de": "Neues"}, number).result(60)
    page = console.open(f"{at}/kinds", language="de")
    assert heading(page) == "Mailarten"
    page.goto(f"{console.url}{at}/suppressions")
    assert heading(page) == "Sperrliste"
    page = console.open("/kinds", as_="auditor", tenant_id=number)
    expect(page.get_by_role("link", name="New kind")).to_have_count(0)
    console.looks_right(page, "kinds")
    page.get_by_role("link", name="news").click()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    console.looks_right(page, "kinds-form")
    for path in ("/recipients", "/suppressions", "/kinds/new"):
        page.goto(f"{console.url}{path}")
        assert heading(page) == "You may not do this", path
    page = console.open("/recipients", as_="support", tenant_id=number)
    assert heading(page) == "Recipients"
    expect(page.get_by_role("link", name="Kinds of mail")).to_have_count(0)
