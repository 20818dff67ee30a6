"""Every page of the set-up in a real browser: it is there, axe finds nothing, nothing is wider than a telephone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from postroom.ids import encode
from postroom.model.version import NOUNS
from postroom.web.console.history import LETTERS, NOUN_WORDS, PATHS
from tests.browser.rig import ConsoleRig

RELAY = {
    "name": "Main relay",
    "host": "smtp.example.com",
    "user": "news@example.com",
    "secret": "hush",
    "sender_address": "news@example.com",
    "sender_name": "Example",
    "reply_to": "help@example.com",
    "certificate_check": "ignore",
}
CLOUD = {
    "name": "Cloud",
    "preset": "microsoft365:worldwide",
    "user": "alerts@example.com",
    "oauth2_client_id": "postroom",
    "oauth2_tenant": "example.com",
}


class World:
    """One of everything, in a tenant of its own: path → heading of its page."""

    def __init__(self, rig: ConsoleRig) -> None:
        office, boss = rig.api.engine.office, rig.api._actor
        self.tenant = office.create_tenant(boss, "Acme").result(60).id
        at: dict[str, Any] = {"tenant_id": self.tenant}
        account = office.create_account(boss, RELAY, **at).result(60).account
        office.change_account(boss, account.id, {"host": "smtp2.example.com", "secret": "hush"}, **at).result(60)
        cloud = office.create_account(boss, CLOUD, **at).result(60).account
        office.create_account(boss, {"name": "Old", "host": "mail.example.net", "encryption": "none", "enabled": False},
                              **at).result(60)  # fmt: skip
        sender = office.create_sender(boss, {"address": "news@example.com", "account_id": "Main relay"}, **at).result(
            60
        )
        office.create_connector(
            boss, {"name": "Office proxy", "kind": "socks5", "host": "proxy.example.com"}, **at
        ).result(60)
        cellar = office.create_connector(boss, {"name": "Cellar", "kind": "agent"}, **at).result(60).connector
        office.create_agent(boss, cellar.id, "box", **at).result(60)
        shop = office.create_application(boss, "Shop", self.tenant, {"senders": ["news@example.com"]}).result(60)
        office.create_key(boss, shop.id, ["messages:send"], None, self.tenant).result(60)
        office.create_role(boss, {"name": "Night shift", "scopes": ["messages:read"]}, self.tenant).result(60)
        user = (
            office.create_user(boss, {"login": "ann", "name": "Ann", "roles": ["support"]}, self.tenant).result(60).user
        )
        provider = office.create_provider(
            boss, {"name": "Acme login", "issuer": "https://login.example.com", "client_id": "postroom"}, self.tenant
        ).result(60)
        gone = office.create_sender(boss, {"address": "old@example.com"}, self.tenant).result(60).sender
        office.delete_sender(boss, gone.id, self.tenant).result(60)
        a, c, s, x = (
            encode("a", account.id),
            encode("a", cloud.id),
            encode("s", sender.sender.id),
            encode("x", cellar.id),
        )
        p, u, i = (encode("p", shop.id), encode("u", user.id), encode("i", provider.id))
        t = encode("t", self.tenant)
        self.inside = {
            "/accounts": "Accounts",
            "/accounts/new": "New account",
            f"/accounts/{a}": "Main relay",
            f"/accounts/{a}/delete": "Delete Main relay?",
            f"/accounts/{c}": "Cloud",
            f"/accounts/{c}/edit?group=login": "Cloud",
            f"/history/account/{a}": "Versions of Main relay",
            "/deleted": "Deleted, and what can be restored",
            "/senders": "Senders",
            f"/senders/{s}": "news@example.com",
            "/connectors": "Connectors",
            "/connectors/new": "New connector",
            f"/connectors/{x}": "Cellar",
            "/applications": "Applications",
            f"/applications/{p}": "Shop",
            "/users": "Users",
            f"/users/{u}": "Ann",
            "/roles": "Roles",
            f"/providers/{i}": "Acme login",
            "/audit": "Audit trail",
        }
        self.outside = {"/tenants": "Tenants", f"/tenants/{t}": "Acme", f"/tenants/{t}/delete": "Delete Acme?"}
        self.prefix = f"/in/{t}"


@pytest.fixture(scope="module")
def world(console_rig: ConsoleRig) -> World:
    return World(console_rig)


def test_every_page_is_there_and_looks_right(console: ConsoleRig, world: World) -> None:
    every = {world.prefix + path: title for path, title in world.inside.items()} | world.outside
    page = console.open("/accounts")
    for path, title in every.items():
        page.goto(f"{console.url}{path}")
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        name = path.removeprefix(world.prefix).partition("?")[0].strip("/").replace("/", "-")
        console.looks_right(page, name)


def test_pages_are_told_in_german(console: ConsoleRig, world: World) -> None:
    page = console.open("/accounts", language="de")
    for path, title in ((world.prefix + "/accounts/new", "Neues Konto"), ("/tenants", "Mandanten")):
        page.goto(f"{console.url}{path}")
        expect(page.get_by_role("heading", level=1)).to_have_text(title)


def test_whatever_has_versions_has_its_place_in_the_console() -> None:
    """What was deleted is listed, whatever it was."""
    assert set(LETTERS) == set(PATHS) == set(NOUN_WORDS) == set(NOUNS)
