"""The search for a mail server in the console: what is found is shown while it goes on, and it can be stopped. And
what is wrong with a form is told in the reader's language, to the last word."""

from __future__ import annotations

from playwright.sync_api import expect

from postroom.settings import NameServer
from tests.browser.rig import ConsoleRig
from tests.journeys.stranger import Stranger
from tests.rigs.names import NameServerRig


def test_servers_are_shown_as_they_are_found_and_the_search_can_be_stopped(console: ConsoleRig) -> None:
    """The server named by the domain never greets, so the search lasts until somebody stops it."""
    settings = console.api.engine.office._settings
    before = settings.dns_servers
    with Stranger(lambda visit: visit.wait_for_the_end()) as silent:
        zone = {
            "firm.test": {"MX": ["10 mx.firm.test."]},
            "_submission._tcp.firm.test": {"SRV": [f"0 1 {silent.port} smtp.firm.test."]},
            "smtp.firm.test": {"A": ["127.0.0.1"]},
        }
        with NameServerRig(zone) as names:
            object.__setattr__(settings, "dns_servers", (NameServer(names.host, names.port),))
            try:
                page = console.open("/accounts/discover")
                page.get_by_label("E-mail address").fill("ann@firm.test")
                page.get_by_role("button", name="Find it").click()
                found = page.locator("#found")
                expect(found).to_contain_text("1 server is still being tried")
                found.get_by_text("What was asked and tried").click()
                expect(found).to_contain_text("The domain's mail goes to mx.firm.test.")
                console.looks_right(page, "discovery")
                found.get_by_role("button", name="Stop").click()
                expect(found.get_by_role("button", name="Stop")).to_have_count(0)
                expect(page.get_by_role("button", name="Find it")).to_be_enabled()
                page.get_by_label("E-mail address").fill("nobody")
                page.get_by_label("E-mail address").evaluate("input => { input.type = 'text'; }")
                page.get_by_role("button", name="Find it").click()
                expect(page.get_by_role("alert")).to_contain_text("There is no @ in it.")
            finally:
                object.__setattr__(settings, "dns_servers", before)


def test_what_is_wrong_with_an_account_is_told_in_german(console: ConsoleRig) -> None:
    page = console.open("/accounts/new", language="de")
    page.locator("#f-host").fill("https://smtp.example.com/")
    page.locator("#f-port").fill("99999")
    page.locator("#f-sender_address").fill("anna @example.com")
    page.get_by_role("button", name="Speichern").last.click()
    told = page.get_by_role("alert")
    for words in (
        "3 Angaben müssen verbessert werden",
        "ist eine Webadresse oder ein Pfad, nicht der Name eines Servers.",
        "ist keine ganze Zahl von 1 bis 65.535. Berichtigen Sie die Zahl.",
        "ist keine Adresse. Vor dem @ steht ein Leerzeichen.",
    ):
        expect(told).to_contain_text(words)
