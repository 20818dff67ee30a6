"""The recipients' page in a browser: without script, by keyboard, on a phone and at a desk, light and dark.

What it does with links that are forged or followed by machines is shown in `tests/doors/test_recipients.py`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from postroom.clock import now_ms
from tests.browser.rig import ConsoleRig
from tests.doors.api_rig import Api

KINDS = (
    {"name": "news", "title": "News", "title_de": "Neues", "description": "Once a week.", "bulk": True},
    {"name": "tasks", "title": "Tasks", "title_de": "Aufgaben", "way": "daily"},
    {"name": "security", "title": "Security", "title_de": "Sicherheit", "mandatory": True},
)


class Ann:
    """A recipient of a tenant of her own, with a link from a mail about news."""

    def __init__(self, api: Api) -> None:
        self.client = api.tenant()
        self.client.patch("/v1/settings", json={"recipients_choose": True}).raise_for_status()
        for kind in KINDS:
            self.client.post("/v1/kinds", json=kind).raise_for_status()
        number = next(one.tenant_id for one in reversed(api.engine.office.snapshot.kinds.values()))
        token = api.engine.office._token(number, "ann@example.org", ("news",), now_ms())
        self.url = f"{api.server.url}/preferences/{token}"

    def ways(self) -> dict[str, str]:
        found = self.client.get("/v1/preferences/ann@example.org").json()
        return {one["name"]: one["way"] for one in found["kinds"]}


@pytest.fixture
def ann(console: ConsoleRig) -> Ann:
    return Ann(console.api)


def page_of(console: ConsoleRig, url: str, language: str = "en", width: int = 1280, look: str = "light") -> Page:
    page = console.context("", script=False, language=language, width=width, look=look).new_page()  # type: ignore[arg-type]
    page.goto(url)
    return page


def test_it_is_used_with_a_keyboard_and_without_script(console: ConsoleRig, ann: Ann) -> None:
    page = page_of(console, ann.url)
    news = page.get_by_role("group", name="News")
    expect(news.get_by_role("radio", name="At once")).to_be_checked()
    news.get_by_role("radio", name="At once").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(news.get_by_role("radio", name="Together, once a day")).to_be_checked()
    page.get_by_label("At this hour").select_option("07:00")
    page.get_by_label("Where you are").select_option("Europe/Prague")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("status")).to_have_text("Saved.")
    assert ann.ways() == {"news": "daily", "tasks": "daily", "security": "at-once"}
    expect(page.get_by_label("At this hour")).to_have_value("7")
    expect(page.get_by_role("group", name="Security").get_by_role("radio")).to_have_count(0)
    page.get_by_role("button", name="Stop this mail").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("no more mail about “News”")
    assert ann.ways()["news"] == "none"
    page.reload()
    assert ann.ways() == {"news": "none", "tasks": "daily", "security": "at-once"}
    assert urlsplit(page.url).path == urlsplit(ann.url).path


def test_it_speaks_german(console: ConsoleRig, ann: Ann) -> None:
    page = page_of(console, ann.url, language="de-DE")
    expect(page).to_have_title("Ihre E-Mails")
    expect(page.get_by_role("group", name="Aufgaben")).to_be_visible()
    expect(page.get_by_role("button", name="Speichern")).to_be_visible()


def test_it_looks_right_for_everybody(console: ConsoleRig, ann: Ann) -> None:
    """WCAG 2.2 AA as axe finds it, in both themes; nothing wider than a phone."""
    page = console.context("").new_page()
    page.goto(ann.url)
    console.looks_right(page, "preferences")
    for width in (320, 1440):
        narrow = page_of(console, ann.url, width=width)
        box = narrow.locator("body").bounding_box()
        assert box is not None
        assert narrow.locator("main").evaluate("main => main.scrollWidth <= document.documentElement.clientWidth")


def test_a_link_that_is_over_says_so_in_the_readers_language(console: ConsoleRig, ann: Ann) -> None:
    page = page_of(console, f"{ann.url}x", language="de-DE")
    expect(page.get_by_role("heading", name="Dieser Link ist nicht gültig")).to_be_visible()
