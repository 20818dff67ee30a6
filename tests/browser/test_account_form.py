"""The account's form as people use it: with and without script, with what is wrong, and never with a secret in it."""

from __future__ import annotations

import itertools
import re

import httpx2
import pytest
from playwright.sync_api import expect

from postroom.ids import encode
from postroom.model.account import CertificateCheck, Login
from postroom.office.account_values import _READERS
from postroom.web.console.account_fields import GROUPS, LABELS, SECRETS
from tests.browser.rig import ConsoleRig

_numbers = itertools.count()
_HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def tenant(rig: ConsoleRig) -> tuple[int, str]:
    """A tenant of one's own, and the beginning of its addresses."""
    office, boss = rig.api.engine.office, rig.api._actor
    number = office.create_tenant(boss, f"Form {next(_numbers)}").result(60).id
    return number, f"/in/{encode('t', number)}"


def account(rig: ConsoleRig, number: int, **values: object) -> str:
    made = {"name": "Relay", "host": "smtp.example.com", "user": "u", "secret": "hush-hush", **values}
    view = rig.api.engine.office.create_account(rig.api._actor, made, tenant_id=number).result(60)
    return encode("a", view.account.id)


def test_every_field_of_an_account_is_on_its_form() -> None:
    """SG1 to SG13, AL1 to AL5: what the API takes can be typed. A pin is set by looking at the certificate."""
    typed = {one.name for group in GROUPS for one in group.inputs()} | {"preset"}
    assert typed - set(SECRETS) == set(_READERS) - {"certificate_trusted"}
    assert set(LABELS) == typed
    logins = next(one for group in GROUPS for one in group.inputs() if one.name == "login")
    checks = next(one for group in GROUPS for one in group.inputs() if one.name == "certificate_check")
    assert {choice.value for choice in logins.choices} == set(Login)
    assert {choice.value for choice in checks.choices} == set(CertificateCheck)
    assert checks.choices[-1].value == CertificateCheck.IGNORE, "what is unwise is offered last (SG9)"


def test_an_account_is_made_without_script_after_everything_wrong_was_told_at_once(console: ConsoleRig) -> None:
    number, at = tenant(console)
    page = console.open(f"{at}/accounts/new", script=False)
    expect(page.get_by_label("User name", exact=True)).to_be_hidden()
    page.get_by_label("Way of logging in").select_option("password")
    page.get_by_role("button", name="Show the fields of this choice").first.click()
    page.get_by_label("Server", exact=True).fill("https://smtp.example.com/")
    page.get_by_role("textbox", name="Port").fill("99999")
    page.get_by_label("Sender e-mail").fill("nobody")
    page.get_by_label("Password", exact=True).fill("typed-once")
    page.get_by_role("button", name="Save").last.click()
    told = page.get_by_role("alert")
    for words in (
        "4 things have to be mended",
        "Server is a web address",
        "Port is not a whole number",
        "Sender e-mail",
    ):
        expect(told).to_contain_text(words)
    expect(page.get_by_label("Server", exact=True)).to_have_value("https://smtp.example.com/")
    expect(page.get_by_label("Sender e-mail")).to_have_value("nobody")
    assert "typed-once" not in page.content()
    page.get_by_label("Server", exact=True).fill("smtp.example.com")
    page.get_by_role("textbox", name="Port").fill("587")
    page.get_by_label("Sender e-mail").fill("me@example.com")
    page.get_by_label("User name", exact=True).fill("me")
    page.get_by_label("Password", exact=True).fill("typed-twice")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("status")).to_contain_text("smtp.example.com is there.")
    expect(page.get_by_text(re.compile("Set on .* by ")).first).to_be_visible()
    assert "typed" not in page.content()
    made = console.api.engine.office.accounts(console.api._actor, number).result(60)[0]
    assert (made.account.login, made.account.user, made.has_secret) == (Login.PASSWORD, "me", True)


def test_with_script_the_port_follows_and_only_the_chosen_logins_fields_are_there(console: ConsoleRig) -> None:
    _, at = tenant(console)
    page = console.open(f"{at}/accounts/new")
    port, host = page.get_by_role("textbox", name="Port"), page.get_by_label("Server", exact=True)
    expect(port).to_have_value("587")
    page.get_by_label("TLS from the start").check()
    expect(port).to_have_value("465")
    page.get_by_label("Not encrypted").check()
    expect(port).to_have_value("25")
    port.fill("2525")
    page.get_by_label("STARTTLS", exact=False).first.check()
    expect(port).to_have_value("2525")
    secret, client = page.get_by_label("Password", exact=True), page.get_by_label("Client id")
    for login, shown, hidden in (("password", secret, client), ("oauth2", client, secret)):
        page.get_by_label("Way of logging in").select_option(login)
        expect(shown).to_be_visible()
        expect(hidden).to_be_hidden()
        expect(hidden).to_be_disabled()
    page.get_by_label("Way of logging in").select_option("none")
    expect(page.get_by_label("User name", exact=True)).to_be_hidden()
    page.get_by_label("Provider", exact=True).select_option("google-workspace")
    expect(host).to_have_value("smtp.gmail.com")
    expect(page.get_by_label("Who gives the access tokens")).to_have_value("google")
    expect(client).to_be_visible()


def test_a_secret_stays_when_nothing_is_typed_and_is_asked_for_before_it_would_be_lost(console: ConsoleRig) -> None:
    """EL5, P7: blank is unchanged; another server never gets it."""
    number, at = tenant(console)
    office, boss = console.api.engine.office, console.api._actor
    ref = account(console, number)
    page = console.open(f"{at}/accounts/{ref}/edit")
    page.get_by_label("Name of the account").fill("Renamed")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("status")).to_contain_text("Renamed is changed.")
    assert office.account(boss, ref, number).result(60).has_secret
    page.goto(f"{console.url}{at}/accounts/{ref}/edit")
    page.get_by_label("Server", exact=True).fill("evil.example.net")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("alert")).to_contain_text("was typed for another server")
    kept = office.account(boss, ref, number).result(60)
    assert (kept.account.host, kept.has_secret) == ("smtp.example.com", True), "nothing is changed before he answers"
    expect(page.get_by_label("Server", exact=True)).to_have_value("evil.example.net")
    page.get_by_label("Save without it").check()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("status")).to_contain_text("has to be typed again")
    lost = office.account(boss, ref, number).result(60)
    assert (lost.account.host, lost.has_secret) == ("evil.example.net", False)


def test_an_account_lives_through_all_that_its_page_offers(console: ConsoleRig) -> None:
    """SG4, SG12: copy, default, pause, versions and return, deletion with an heir, restoring."""
    number, at = tenant(console)
    office, boss = console.api.engine.office, console.api._actor
    ref = account(console, number)
    office.create_sender(boss, {"address": "s@example.com", "account_id": "Relay"}, number).result(60)
    page = console.open(f"{at}/accounts/{ref}")
    said = page.get_by_role("status")
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Relay (2)")
    expect(page.get_by_text("Set on")).to_have_count(0)
    copy = re.search(r"a_[0-9a-z]+", page.url)
    assert copy is not None
    page.goto(f"{console.url}{at}/accounts/{copy[0]}")
    page.get_by_role("button", name="Make it the default").click()
    expect(said).to_contain_text("Relay (2) is the default account now")
    page.get_by_text("Pause", exact=True).first.click()
    page.get_by_label("Why").fill("Being moved")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Being moved").first).to_be_visible()
    page.get_by_role("button", name="Let it go on").click()
    expect(said).to_contain_text("It goes on.")
    page.get_by_role("button", name="Switch off").click()
    expect(said).to_contain_text("Its mail waits")
    page.get_by_role("link", name="Versions").click()
    expect(page.locator("ins")).to_have_text("no")
    page.get_by_role("button", name="Return to it").first.click()
    expect(page.get_by_text("Enabled: no → yes")).to_be_visible()
    page.get_by_role("button", name="Return to it").click()
    expect(said).to_contain_text("It is as in version 1")
    page.goto(f"{console.url}{at}/accounts/{ref}/delete")
    expect(page.get_by_text("1 sender uses it: s@example.com")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("alert")).to_contain_text("It can't be deleted yet")
    page.get_by_label("Which account takes over?").select_option("Relay (2)")
    page.get_by_role("button", name="Delete").click()
    expect(said).to_contain_text("Relay is deleted")
    page.goto(f"{console.url}{at}/deleted")
    page.get_by_role("button", name="Restore Relay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Relay")


def test_what_others_called_things_runs_nowhere(console: ConsoleRig) -> None:
    """P9: names are data, on every page that shows them."""
    number, at = tenant(console)
    ref = account(console, number, name=_HOSTILE, sender_name=_HOSTILE, footer_html=_HOSTILE)
    office, boss = console.api.engine.office, console.api._actor
    office.create_application(boss, _HOSTILE, number).result(60)
    office.create_connector(boss, {"name": _HOSTILE, "kind": "agent"}, number).result(60)
    office.change_account(boss, ref, {"user": _HOSTILE[:60]}, tenant_id=number).result(60)
    page = console.open("/accounts")
    heard: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on(
        "console", lambda message: heard.append(message.text) if "Content Security Policy" in message.text else None
    )
    for path in ("/accounts", f"/accounts/{ref}", f"/accounts/{ref}/edit", f"/accounts/{ref}/delete", "/connectors",
                 f"/history/account/{ref}", "/applications", "/audit", f"/accounts?text={_HOSTILE}"):  # fmt: skip
        page.goto(f"{console.url}{at}{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.locator("img").count() == 0, path
    assert heard == []


@pytest.mark.parametrize("role", ["reader", "support", "auditor"])
def test_who_may_not_change_settings_sees_no_way_to_and_finds_none(console: ConsoleRig, role: str) -> None:
    number, at = tenant(console)
    ref = account(console, number)
    with _client(console, role, number) as client:
        may_look = role == "auditor"
        for path in ("/accounts", f"/accounts/{ref}"):
            answer = client.get(path)
            assert answer.status_code == (200 if may_look else 403), path
            assert "/edit" not in answer.text
            assert "/accounts/new" not in answer.text
        token = _token(client.get("/").text)
        before = console.api.engine.office.account(console.api._actor, ref, number).result(60)
        for path in ("/accounts/new", f"/accounts/{ref}/edit", f"/accounts/{ref}/delete"):
            assert client.get(path).status_code == 403, path
        for path in ("/accounts/new", *(f"/accounts/{ref}/{act}" for act in (
            "edit", "delete", "pause", "default", "duplicate", "enabled", "certificate", "certificate/trust", "connect",
        )), "/senders/new", "/connectors/new", "/applications/new", "/users/new", "/roles/new",
            "/tenants/new"):  # fmt: skip
            sent = {"form-token": token, "host": "evil.example.net", "name": "x"}
            assert client.post(path, data=sent).status_code == 403, path
        assert console.api.engine.office.account(console.api._actor, ref, number).result(60) == before
    assert at


def test_a_form_from_elsewhere_or_about_somebody_elses_account_changes_nothing(console: ConsoleRig) -> None:
    number, _ = tenant(console)
    other, _ = tenant(console)
    mine, theirs = account(console, number), account(console, other)
    with _client(console, "administrator", number) as client:
        token = _token(client.get(f"/accounts/{mine}").text)
        assert client.post(f"/accounts/{mine}/duplicate", data={}).status_code == 403
        assert client.post(f"/accounts/{mine}/duplicate", data={"form-token": "x" * 40}).status_code == 403
        foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
        assert (
            client.post(f"/accounts/{mine}/duplicate", data={"form-token": token}, headers=foreign).status_code == 403
        )
        for act in ("edit", "delete", "duplicate", "pause"):
            assert client.post(f"/accounts/{theirs}/{act}", data={"form-token": token}).status_code == 404, act
        for path in (
            f"/accounts/{theirs}",
            f"/history/account/{theirs}",
            f"/in/{encode('t', other)}/accounts",
            "/tenants",
        ):
            assert client.get(path).status_code in (403, 404), path
    assert len(console.api.engine.office.accounts(console.api._actor, number).result(60)) == 1


def _client(console: ConsoleRig, role: str, number: int) -> httpx2.Client:
    cookies = {"postroom-session": console.token(role, number)}
    return httpx2.Client(base_url=console.url, cookies=cookies, trust_env=False, timeout=60)


def _token(page: str) -> str:
    return page.partition('name="form-token" value="')[2].partition('"')[0]
