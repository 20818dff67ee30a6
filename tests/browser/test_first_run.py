"""From the link that `serve` prints to a first message sent and a key: what somebody does who has read no manual."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from postroom.settings import Role
from tests.browser.rig import PASSWORD, ConsoleRig
from tests.doors.api_rig import open_api
from tests.rigs.sink import Sink


@pytest.fixture
def empty(console: ConsoleRig, tmp_path: Path) -> Iterator[ConsoleRig]:
    """A Postroom that nobody has signed in to."""
    (tmp_path / "data").mkdir()
    with open_api(tmp_path / "data", Role.ALL, discovery_seconds=2.0, dns_servers="127.0.0.1") as api:
        rig = ConsoleRig(api, console.browser)
        yield rig
        rig.fresh()


def begin(rig: ConsoleRig, *, script: bool = True) -> Page:
    token = rig.api.engine.office.first_run_token().result(60)
    return rig.open(f"/welcome?token={token}", as_="", script=script)


def heading(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def test_a_newcomer_sends_a_first_message_and_gets_a_key(empty: ConsoleRig, tmp_path: Path) -> None:
    page = begin(empty)
    empty.looks_right(page, "welcome-1-owner")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("Your e-mail address").fill("ann@example.com")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("alert")).to_contain_text("12 characters")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Organisation").fill("Acme")
    page.get_by_role("button", name="Begin").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("How does your mail leave?")
    expect(page.get_by_label("E-mail address")).to_have_value("ann@example.com")
    empty.looks_right(page, "welcome-2-address")
    page.get_by_role("link", name="Fill in the server by hand").click()
    with Sink.start(tmp_path / "sink", keep=True) as sink:
        page.get_by_label("Server", exact=True).fill("127.0.0.1")
        page.get_by_label("Encryption").select_option("none")
        page.get_by_label("Port").fill("99999")
        page.get_by_label("User name").fill("")
        page.get_by_role("button", name="Save, and test").click()
        expect(page.get_by_role("alert")).to_contain_text("Port")
        empty.looks_right(page, "welcome-2-server-refused")
        page.get_by_label("Port").fill(str(sink.port))
        page.get_by_role("button", name="Save, and test").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("Send a first message")
        expect(page.get_by_label("To", exact=True)).to_have_value("ann@example.com")
        empty.looks_right(page, "welcome-3-test")
        page.get_by_role("button", name="Send it").click()
        expect(page.get_by_role("status")).to_contain_text("127.0.0.1 has taken it")
        empty.looks_right(page, "welcome-3-sent")
    page.get_by_role("button", name="Let mail leave from now on").click()

    expect(page.get_by_role("status")).to_contain_text("Mail leaves from now on")
    page.get_by_label("Its name").fill("Web <b>shop</b>")
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All is set")
    empty.looks_right(page, "welcome-5-done")
    key = re.search(r"pr_[0-9a-z]{8}_[\w-]{43}", page.content())
    assert key is not None
    body = {"to": ["bob@example.com"], "subject": "Hello", "text": "It works."}
    sent = httpx2.post(
        f"{empty.api.server.url}/v1/messages", json=body, headers={"Authorization": f"Bearer {key[0]}"}, trust_env=False
    )
    assert sent.status_code == 202, sent.text


def test_all_of_it_works_without_script_and_a_refusal_is_explained(empty: ConsoleRig) -> None:
    page = begin(empty, script=False)
    page.get_by_label("Your e-mail address").fill("ann@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("E-mail address").fill("ann@nowhere.invalid")
    page.get_by_role("button", name="Find my server").click()
    expect(page.get_by_role("alert")).to_contain_text("No server was found for nowhere.invalid")
    page.get_by_role("link", name="Fill in the server by hand").click()
    page.get_by_label("Server", exact=True).fill("127.0.0.1")
    page.get_by_label("Encryption").select_option("none")
    page.get_by_label("Port").fill("1")
    page.get_by_label("User name").fill("")
    page.get_by_role("button", name="Save, and test").click()
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_role("alert")).to_contain_text("127.0.0.1")
    page.get_by_role("link", name="Change the server's settings").click()
    expect(page.get_by_label("Port")).to_have_value("1")
    page.get_by_role("link", name="Not now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your first application")
    assert empty.api.engine.office.snapshot.settings(1).mode.value == "silent"


def test_the_link_is_good_once(empty: ConsoleRig) -> None:
    office = empty.api.engine.office
    token = office.first_run_token().result(60)
    office.first_run(token, {"login": "ann@example.com"}, PASSWORD).result(60)
    page = empty.open(f"/welcome?token={token}", as_="")
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is not good any more")
    empty.looks_right(page, "welcome-over")
