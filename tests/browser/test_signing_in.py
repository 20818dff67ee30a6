"""Signing in and out in a real browser: with and without script, with what is wrong, and nowhere else afterwards."""

from __future__ import annotations

import httpx2
from playwright.sync_api import expect

from tests.browser.rig import PASSWORD, ConsoleRig


def test_a_password_signs_in_and_out_without_script(console: ConsoleRig) -> None:
    login = console.user("support", login="without-script@example.com")
    page = console.open("/", as_="", script=False)
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill("something else")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    expect(page.get_by_label("Login")).to_have_value(login)
    expect(page.get_by_label("Password")).to_have_value("")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.get_by_text("Menu").or_(page.get_by_role("button", name="Sign out")).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(f"{console.url}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_pages_before_signing_in_look_right(console: ConsoleRig) -> None:
    for path in ("/sign-in", "/sign-in/forgotten"):
        console.looks_right(console.open(path, as_=""), path.strip("/").replace("/", "-"))


def test_the_first_page_looks_right_in_german_too(console: ConsoleRig) -> None:
    page = console.open("/", language="de")
    expect(page.get_by_role("heading", level=1)).to_have_text("Überblick")
    console.looks_right(page, "overview-de")


def test_a_page_that_is_not_there_is_a_kind_page(console: ConsoleRig) -> None:
    page = console.open("/nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    console.looks_right(page, "not-found")


def test_signing_in_leads_only_to_pages_of_ours(console: ConsoleRig) -> None:
    login = console.user("support", login="redirected@example.com")
    for wanted in ("https://evil.example/", "//evil.example/console/", "/console//evil.example", "/console/../docs"):
        with httpx2.Client(base_url=console.api.server.url, trust_env=False) as client:
            page = client.get("/console/sign-in", params={"next": wanted})
            token = page.text.partition('name="form-token" value="')[2].partition('"')[0]
            sent = {"login": login, "password": PASSWORD, "next": wanted, "form-token": token}
            answer = client.post("/console/sign-in", data=sent)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
