"""EL3: who is locked out gets his link, though his tenant's own mail server is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from postroom.ids import decode
from postroom.store import paces
from tests.doors.api_rig import Api, open_api
from tests.doors.test_api_people import Person, fits

ACCOUNT = {"host": "smtp.example.com", "login": "none"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An installation with a default mailbox, that nothing leaves."""
    with open_api(tmp_path_factory.mktemp("fallback")) as opened:
        opened.boss.patch("/v1/settings", json={"mode": "smtp"}).raise_for_status()
        body = {"name": "Default", "sender_address": "house@example.com", "rewrite_from": True, **ACCOUNT}
        opened.boss.post("/v1/accounts", json=body).raise_for_status()
        opened.boss.post("/v1/accounts/Default/default", json={"force": True}).raise_for_status()
        yield opened


class Tenant:
    """A tenant with a server of its own and a user who forgot his password."""

    def __init__(self, api: Api, **settings: Any) -> None:
        self.api = api
        self.boss = api.tenant()
        self.boss.post("/v1/accounts", json={"name": "Own", "sender_address": "own@acme.example", **ACCOUNT})
        self.boss.post("/v1/accounts/Own/default", json={"force": True}).raise_for_status()
        self.boss.patch("/v1/settings", json=settings).raise_for_status()
        self.person = Person(api, self.boss, email="ann@acme.example")

    def invite(self) -> Any:
        return fits(self.boss.post(f"/v1/users/{self.person.login}/invite", json={}), "/v1/users/{user}/invite")

    def last(self) -> Any:
        found = self.boss.get("/v1/messages").json()["messages"][0]
        return self.boss.get(f"/v1/messages/{found['id']}").json()

    def verbs(self) -> list[str]:
        return [entry["verb"] for entry in self.boss.get("/v1/audit").json()["entries"]]


def _pause(tenant: Tenant) -> httpx2.Response:
    return tenant.boss.post("/v1/accounts/Own/pause", json={"reason": "Moving house."})


def _switch_off(tenant: Tenant) -> httpx2.Response:
    return tenant.boss.patch("/v1/accounts/Own", json={"enabled": False})


def _lose_password(tenant: Tenant) -> httpx2.Response:
    return tenant.boss.patch("/v1/accounts/Own", json={"login": "password", "user": "own"})


def _lose_contact(tenant: Tenant) -> httpx2.Response:
    """As a worker notes it that finds nobody there."""
    number = decode("a", tenant.boss.get("/v1/accounts/Own").json()["id"])
    store, office = tenant.api.engine.store, tenant.api.engine.office
    account = office.snapshot.accounts[number or 0]
    store.write(lambda c: paces.troubled(c, account, "Nobody listens there.", 1)).result()
    return tenant.boss.get("/v1/accounts/Own")


@pytest.mark.parametrize(
    ("trouble", "told"),
    [(_pause, "paused"), (_switch_off, "switched off"), (_lose_password, "password"), (_lose_contact, "reached")],
)
def test_a_link_leaves_by_the_default_mailbox_while_the_own_account_can_not_send(
    house: Api, trouble: Any, told: str
) -> None:
    tenant = Tenant(house, reset_fallback=True)
    usual = tenant.invite()
    assert (usual["mailed"], usual["fallback"]) == (True, None)
    assert tenant.last()["from"] == "own@acme.example"
    trouble(tenant).raise_for_status()
    sent = tenant.invite()
    assert (sent["mailed"], sent["link"]) == (True, None)
    assert told in sent["fallback"]
    message = tenant.last()
    assert message["from"] == "house@example.com"
    assert message["tags"] == ["default-mailbox"]
    assert tenant.verbs()[0] == "user.link-by-default-mailbox"
    assert house.nobody.post("/v1/password-resets", json={"login": tenant.person.login}).status_code == 202
    other = tenant.boss.post("/v1/messages", json={"to": "b@example.org", "subject": "S", "text": "T"}).json()
    found = tenant.boss.get(f"/v1/messages/{other['id']}").json()
    assert found["from"] == "own@acme.example", "all other mail waits for its own account"


@pytest.mark.parametrize("settings", [{}, {"reset_fallback": False}, {"reset_fallback": None}])
def test_without_the_tenants_leave_it_waits_like_all_mail(house: Api, settings: dict[str, Any]) -> None:
    tenant = Tenant(house, **settings)
    _pause(tenant).raise_for_status()
    assert tenant.invite()["fallback"] is None
    assert tenant.last()["from"] == "own@acme.example"
    assert "user.link-by-default-mailbox" not in tenant.verbs()


def test_a_default_mailbox_that_can_not_send_either_is_no_way_out(house: Api) -> None:
    tenant = Tenant(house, reset_fallback=True)
    _pause(tenant).raise_for_status()
    house.boss.patch("/v1/accounts/Default", json={"enabled": False}).raise_for_status()
    try:
        assert tenant.invite()["fallback"] is None
    finally:
        house.boss.patch("/v1/accounts/Default", json={"enabled": True}).raise_for_status()


def test_what_stays_here_by_the_mode_stays_here(house: Api) -> None:
    tenant = Tenant(house, reset_fallback=True, mode="silent")
    _pause(tenant).raise_for_status()
    shown = tenant.invite()
    assert (shown["mailed"], shown["fallback"]) == (False, None)
    assert shown["link"]
