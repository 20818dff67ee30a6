"""From the console to real servers: what *Discover* finds fills the form, *Apply* mends, a certificate is trusted, an
account is connected at an identity provider, also in the first run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from playwright.sync_api import expect

from postroom.ids import encode
from postroom.model.account import Encryption
from postroom.settings import Role
from tests.browser.rig import PASSWORD, ConsoleRig
from tests.doors.api_rig import open_api
from tests.journeys.stranger import Stranger
from tests.journeys.test_discovery import Street, speaks
from tests.rigs.certificate_set import Authority
from tests.rigs.names import NameServerRig
from tests.rigs.provider import Provider
from tests.rigs.sink import Sink


@pytest.fixture
def town(console: ConsoleRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ConsoleRig, Stranger]]:
    """A Postroom that nobody has signed in to, in a world with a name server and a mail server of its own."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ca.issue_cert("smtp.firm.test").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "names.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    (tmp_path / "data").mkdir()
    with Stranger(speaks(Street(tmp_path / "names.pem"))) as server:
        zone = {
            "_submission._tcp.firm.test": {"SRV": [f"0 1 {server.port} smtp.firm.test."]},
            "smtp.firm.test": {"A": ["127.0.0.1"]},
        }
        with NameServerRig(zone) as names:
            wanted = {"dns_servers": f"{names.host}:{names.port}", "dns_seconds": 20.0}
            with open_api(tmp_path / "data", Role.ALL, **wanted) as api:
                rig = ConsoleRig(api, console.browser)
                yield rig, server
                rig.fresh()


def test_what_discover_finds_fills_the_form(town: tuple[ConsoleRig, Stranger]) -> None:
    """In the first run, and on the page of accounts."""
    rig, server = town
    token = rig.api.engine.office.first_run_token().result(60)
    page = rig.open(f"/welcome?token={token}", as_="")
    page.get_by_label("Your e-mail address").fill("ann@firm.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Find my server").click()
    expect(page.get_by_text("smtp.firm.test answers and takes mail.")).to_be_visible()
    expect(page.get_by_label("Server", exact=True)).to_have_value("smtp.firm.test")
    expect(page.get_by_label("Port")).to_have_value(str(server.port))
    page.goto(f"{rig.url}/accounts/discover")
    page.get_by_label("E-mail address").fill("ann@firm.test")
    page.get_by_role("button", name="Find it").click()
    rig.looks_right(page, "discovered")
    page.get_by_role("link", name="Use this one").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New account")
    expect(page.get_by_label("Server", exact=True)).to_have_value("smtp.firm.test")
    expect(page.get_by_role("textbox", name="Port")).to_have_value(str(server.port))
    expect(page.get_by_label("Sender e-mail")).to_have_value("ann@firm.test")
    expect(page.get_by_label("User name", exact=True)).to_have_value("ann@firm.test")


def test_apply_sets_what_the_diagnosis_names_and_tests_again(console: ConsoleRig, tmp_path: Path) -> None:
    """A server that talks only encrypted, and an account that does not: one button mends it."""
    office, boss = console.api.engine.office, console.api._actor
    number = office.create_tenant(boss, "Mended").result(60).id
    at = f"/in/{encode('t', number)}"
    certificate = Authority("127.0.0.1")
    issued = certificate.issue("127.0.0.1", common_name="127.0.0.1", key=certificate.key)
    with Sink.start(tmp_path / "sink", tls="starttls", certificate=issued.bundle(tmp_path), require_auth=True) as sink:
        values = {
            "name": "Bare", "host": "127.0.0.1", "port": sink.port, "encryption": "none", "user": "me",
            "sender_address": "me@example.com",
        }  # fmt: skip
        ref = encode("a", office.create_account(boss, values, "hush", number).result(60).account.id)
        page = console.open(f"{at}/test?account={ref}")
        page.get_by_label("Recipient").fill("ann@example.org")
        page.get_by_role("button", name="Send the test").click()
        apply = page.get_by_role("button", name="Apply, and test again")
        expect(apply).to_be_visible()
        console.looks_right(page, "test-apply")
        page.locator(".mend").get_by_label("Password").fill("hush")
        apply.click()
        expect(page.get_by_role("status")).to_contain_text("It is set, and tested again.")
        expect(page.locator("#staged")).not_to_contain_text("The test runs")
        assert office.account(boss, ref, number).result(60).account.encryption is not Encryption.NONE


def test_a_certificate_is_looked_at_and_trusted_and_no_other(console: ConsoleRig, tmp_path: Path) -> None:
    """SG9: issuer, names and dates before the decision; pinned by it; another one later is told."""
    office, boss = console.api.engine.office, console.api._actor
    number = office.create_tenant(boss, "Pinned").result(60).id
    at = f"/in/{encode('t', number)}"
    own = Authority("Cellar")
    issued = own.issue("cellar.test", common_name="cellar.test", key=own.key)
    with Sink.start(tmp_path / "sink", tls="starttls", certificate=issued.bundle(tmp_path)) as sink:
        values = {"name": "Cellar", "host": "127.0.0.1", "port": sink.port}
        ref = encode("a", office.create_account(boss, values, None, number).result(60).account.id)
        page = console.open(f"{at}/accounts/{ref}", script=False)
        page.get_by_role("button", name="Look at the certificate").click()
        expect(page.get_by_text("It is not believed by itself.")).to_be_visible()
        expect(page.get_by_text("cellar.test").first).to_be_visible()
        page.get_by_role("button", name="Trust this certificate").click()
        expect(page.get_by_role("status")).to_contain_text("This certificate is trusted now, and no other.")
        page.get_by_role("button", name="Look at the certificate").click()
        expect(page.get_by_text("It is the one that you trust.")).to_be_visible()
        expect(page.get_by_role("button", name="Trust this certificate")).to_have_count(0)
        pinned = office.account(boss, ref, number).result(60).account
        assert pinned.certificate_check.value == "pinned"
        page = console.open(f"{at}/accounts/{ref}")
        page.get_by_role("button", name="Look at the certificate").click()
        console.looks_right(page, "certificate")


@pytest.fixture
def provider(console: ConsoleRig) -> Iterator[Provider]:
    """It sends people back to where this console really listens, as a reverse proxy would lead them there."""
    with Provider() as running:
        sent = running.authorize

        def authorize(asked: object) -> str:
            back = urlsplit(sent(asked))  # type: ignore[arg-type]
            return f"{console.api.server.url}{back.path}?{back.query}"

        running.authorize = authorize  # type: ignore[method-assign]
        yield running


def test_an_account_is_connected_at_the_provider_and_the_first_run_goes_on(
    console: ConsoleRig, provider: Provider
) -> None:
    office, boss = console.api.engine.office, console.api._actor
    values = {"name": "Cloud", "host": "127.0.0.1", "port": 2525, **provider.account()}
    ref = encode("a", office.create_account(boss, values).result(60).account.id)
    try:
        page = console.open(f"/accounts/{ref}")
        page.get_by_role("link", name="Connect with the provider").click()
        provider.fails = ("access_denied", "no <b>thanks</b>")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("The account is not connected")
        expect(page.get_by_role("alert")).to_contain_text("Consent was not given.")
        provider.fails = ""
        page.goto(f"{console.url}/welcome/connect?account={ref}")
        console.looks_right(page, "welcome-2-connect")
        page.get_by_role("button", name="Connect with the provider").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Connected")
        for token in provider.issued:
            assert token not in page.content()
        page.get_by_role("link", name="Go on, and send a first message").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Send a first message")
        assert office.grant(boss, ref).result(60).state == "connected"
        page.goto(f"{console.url}/accounts/{ref}")
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_role("status")).to_contain_text("Disconnected.")
    finally:
        office.delete_account(boss, ref).result(60)


def test_the_first_run_offers_a_consent_where_the_provider_wants_one(console: ConsoleRig) -> None:
    """Without script: its form asks for what a consent needs, or for a password where somebody wants that."""
    office, boss = console.api.engine.office, console.api._actor
    page = console.open("/welcome/server", script=False)
    page.get_by_label("Provider").select_option(value="microsoft365:worldwide")
    page.get_by_role("button", name="Take it").click()
    page.get_by_label("Mail comes from").fill("alerts@contoso.example")
    page.get_by_role("button", name="With a password instead").click()
    expect(page.get_by_label("Password")).to_be_visible()
    expect(page.get_by_label("Mail comes from")).to_have_value("alerts@contoso.example")
    page.get_by_role("button", name="Connect with Microsoft instead").click()
    page.get_by_label("User name").fill("alerts@contoso.example")
    page.get_by_label("Client id").fill("11111111-2222-3333-4444-555555555555")
    page.get_by_label("Directory (tenant) at Microsoft").fill("contoso.example")
    page.get_by_label("Client secret").fill("hush")
    page.get_by_role("button", name="Save, and connect with Microsoft").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connect with Microsoft")
    ref = parse_qs(urlsplit(page.url).query)["account"][0]
    try:
        assert "hush" not in page.content()
        made = office.account(boss, ref).result(60)
        assert (made.account.host, made.account.login.value, made.has_secret) == ("smtp.office365.com", "oauth2", True)
        page.get_by_role("button", name="Connect with Microsoft").click()
        link = page.get_by_role("link", name="Go on").get_attribute("href") or ""
        assert link.startswith("https://login.microsoftonline.com/contoso.example/")
        assert parse_qs(urlsplit(link).query)["client_id"] == ["11111111-2222-3333-4444-555555555555"]
    finally:
        office.delete_account(boss, ref).result(60)
        sender = office.sender(boss, "alerts@contoso.example").result(60).sender
        office.delete_sender(boss, sender.id).result(60)
