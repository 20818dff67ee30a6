"""One's own profile: what is chosen holds at once, secrets are shown once, and sessions end; without script as well."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import CDPSession, Page, expect

from postroom.clock import now_ms
from postroom.office.second_factor import STEP_SECONDS, code_at
from tests.browser.rig import PASSWORD, ConsoleRig


def sign_in(console: ConsoleRig, login: str, password: str = PASSWORD, *, script: bool = False) -> Page:
    page = console.open("/sign-in", as_="", script=script)
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    return page


def test_language_zone_and_look_hold_at_once(console: ConsoleRig) -> None:
    page = sign_in(console, console.user("reader", login="chooser@example.com"), script=True)
    page.goto(f"{console.url}/me")
    console.looks_right(page, "profile")
    page.get_by_label("Language").select_option("de")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_label("Look").select_option("dark")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Gespeichert.")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert "JST" in str(page.locator("td time").first.get_attribute("title"))


def test_a_password_is_changed_and_other_sessions_end(console: ConsoleRig) -> None:
    login = console.user("reader", login="changer@example.com")
    other, page = sign_in(console, login), sign_in(console, login)
    page.goto(f"{console.url}/me")
    page.get_by_label("Your password now").first.fill(PASSWORD)
    page.get_by_label("New password").fill("short")
    page.get_by_label("The same again").fill("other")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("alert")).to_contain_text("differs from the first")
    page.get_by_label("Your password now").first.fill(PASSWORD)
    page.get_by_label("New password").fill("four other words in a row")
    page.get_by_label("The same again").fill("four other words in a row")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("status")).to_contain_text("changed")
    other.reload()
    expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_an_authenticator_app_is_set_up_and_asked_for(console: ConsoleRig) -> None:
    login = console.user("reader", login="careful@example.com")
    page = sign_in(console, login, script=True)
    page.goto(f"{console.url}/me")
    page.get_by_role("region", name="Authenticator app").get_by_label("Your password now").fill(PASSWORD)
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    secret = page.locator("figure code").inner_text()
    console.looks_right(page, "profile-app")
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("not the right one")
    page.get_by_label("Code", exact=True).fill(code_at(secret, now_ms() // 1000 // STEP_SECONDS))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    code = re.split(r"\s+", page.locator("figure code").inner_text())[0]
    console.looks_right(page, "profile-codes")

    page = sign_in(console, login, script=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("One more step")
    console.looks_right(page, "second-step")
    page.goto(f"{console.url}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(f"{console.url}/sign-in/second-step")
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def virtual_key(page: Page) -> CDPSession:
    """Chromium's own authenticator, in place of a finger on a key."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {**options, "isUserVerified": True, "automaticPresenceSimulation": True}},
    )
    return session


def test_a_passkey_is_added_and_signs_in_alone(console: ConsoleRig, monkeypatch: pytest.MonkeyPatch) -> None:
    here = console.api.server.url.replace("127.0.0.1", "localhost")
    monkeypatch.setattr(console.api.engine.office, "_public_url", here)
    login = console.user("reader", login="keys@example.com")
    page = console.context(as_="").new_page()
    virtual_key(page)
    page.goto(f"{here}/console/sign-in?next=/console/me")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    passkeys = page.get_by_role("region", name="Passkeys")
    passkeys.get_by_label("Your password now").fill(PASSWORD)
    passkeys.get_by_role("button", name="Add a passkey").click()
    page.get_by_label("What to call it").fill("The <b>blue</b> key")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(passkeys).to_contain_text("The <b>blue</b> key")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
