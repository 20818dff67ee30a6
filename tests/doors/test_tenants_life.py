"""A tenant from the first mail through the installation's mailbox to its own server, its suspension and its end.

EL2: the default mailbox rewrites From, keeps the wanted address as Reply-To and takes no bulk mail. EL3: a tenant's own
server takes over once a test message has left through it. P7: wherever settings go back to, no secret goes with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from postroom.settings import Role
from tests.doors.api_rig import Api, open_api, problem
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

SECRET = "c4nary-hunter2"
MAIL = {"to": "ann@example.org", "subject": "Hello", "text": "…"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path / "house", Role.ALL, poll_seconds=0.2, tenant_hosts="127.0.0.0/8:*") as opened:
        opened.boss.patch("/v1/settings", json={"mode": "smtp", "sending": "instantly"}).raise_for_status()
        yield opened


@pytest.fixture
def mailbox(house: Api, sink: Sink) -> Sink:
    """The installation's default mailbox, and where its mail arrives."""
    account = own(sink) | {"name": "Mailbox", "rewrite_from": True, "sender_address": "mailbox@host.example"}
    assert house.boss.post("/v1/accounts", json=account).status_code == 201
    return sink


def own(sink: Sink, **more: Any) -> dict[str, Any]:
    return {"name": "Own", "host": "127.0.0.1", "port": sink.port, "encryption": "none"} | more


def send(client: httpx2.Client, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/messages", json=MAIL | more)
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


def senders(sink: Sink) -> list[str]:
    return [record.sender for record in sink.records()]


def test_the_default_mailbox_works_without_any_set_up(house: Api, mailbox: Sink) -> None:
    client = house.tenant()
    told = send(client, **{"from": "Ann <ann@acme.example>"})
    assert told["state"] == "sent"
    assert senders(mailbox) == ["mailbox@host.example"]
    content = message_from_bytes(client.get(f"/v1/messages/{told['id']}/content").content)
    assert content["From"] == "Ann <mailbox@host.example>"
    assert content["Reply-To"] == "Ann <ann@acme.example>"
    wished = send(client, **{"from": "ann@acme.example", "reply_to": "desk@acme.example"})
    content = message_from_bytes(client.get(f"/v1/messages/{wished['id']}/content").content)
    assert (content["From"], content["Reply-To"]) == ("mailbox@host.example", "desk@acme.example")
    assert client.get("/v1/accounts").json() == {"accounts": []}


@pytest.mark.parametrize("more", [{}, {"account": "Mailbox"}], ids=["by default", "by name"])
def test_the_default_mailbox_takes_no_bulk_mail(house: Api, mailbox: Sink, more: dict[str, str]) -> None:
    client = house.tenant()
    values = MAIL | {"from": "ann@acme.example", "priority": "bulk"} | more
    told = problem(client.post("/v1/messages", json=values), 422)
    assert [fault["field"] for fault in told["faults"]] == ["priority"]
    assert mailbox.records() == []


def test_an_own_server_takes_over_once_a_test_has_left_through_it(
    house: Api, mailbox: Sink, make_sink: Callable[..., Sink]
) -> None:
    client, server = house.tenant(), make_sink()
    made = client.post("/v1/accounts", json=own(server, sender_address="shop@acme.example")).json()
    assert (made["default"], made["tested_at"]) == (False, None)
    assert "test" in problem(client.post("/v1/accounts/Own/default"), 409)["detail"]
    problem(client.patch("/v1/settings", json={"default_account_id": "Own"}), 409)
    send(client, **{"from": "ann@acme.example"})
    assert (len(mailbox.records()), len(server.records())) == (1, 0)

    assert client.post("/v1/accounts/Own/test", json={"to": "me@acme.example"}).json()["state"] == "sent"
    shown = client.get("/v1/accounts/Own").json()
    assert shown["default"]
    assert shown["tested_at"]
    send(client, **{"from": "shop@acme.example"})
    assert senders(server) == ["shop@acme.example", "shop@acme.example"]
    assert len(mailbox.records()) == 1
    assert client.patch("/v1/accounts/Own", json={"footer_text": "x"}).json()["tested_at"]
    assert client.patch("/v1/accounts/Own", json={"port": 2525}).json()["tested_at"] is None


def test_a_test_that_failed_lets_nothing_take_over(house: Api, mailbox: Sink, make_sink: Callable[..., Sink]) -> None:
    client, server = house.tenant(), make_sink(require_auth=True)
    client.post("/v1/accounts", json=own(server, sender_address="shop@acme.example"))
    assert client.post("/v1/accounts/Own/test", json={"to": "me@acme.example"}).json()["state"] != "sent"
    shown = client.get("/v1/accounts/Own").json()
    assert (shown["default"], shown["tested_at"]) == (False, None)


def test_who_insists_takes_over_untested(house: Api, mailbox: Sink, make_sink: Callable[..., Sink]) -> None:
    client = house.tenant()
    client.post("/v1/accounts", json=own(make_sink()))
    problem(client.post("/v1/accounts/Own/default", json={"force": "yes"}), 422)
    assert client.post("/v1/accounts/Own/default", json={"force": True}).json()["default"]


def test_a_file_lets_an_untested_server_take_over_only_when_told_so(
    house: Api, mailbox: Sink, make_sink: Callable[..., Sink]
) -> None:
    client, server = house.tenant(), make_sink()
    code = f'[accounts.Own]\nhost = "127.0.0.1"\nport = {server.port}\nencryption = "none"\n'
    done = client.post("/v1/settings/import", json={"toml": code}).json()
    assert any("test message" in warning for warning in done["warnings"])
    assert not client.get("/v1/accounts/Own").json()["default"]
    code += '[settings]\ndefault_account = "Own"\n'
    client.post("/v1/settings/import", json={"toml": code, "force": True}).raise_for_status()
    assert client.get("/v1/accounts/Own").json()["default"]


def test_a_suspended_tenant_s_mail_is_held_until_that_ends(house: Api, make_sink: Callable[..., Sink]) -> None:
    client, server = house.tenant(), make_sink()
    client.post("/v1/accounts", json=own(server, sender_address="shop@acme.example"))
    name = client.get("/v1/settings").json()["name"]
    client.post("/v1/accounts/Own/pause")
    client.patch("/v1/settings", json={"sending": "background"})
    number = send(client)["id"]
    house.boss.patch(f"/v1/tenants/{name}", json={"suspended": True}).raise_for_status()
    problem(client.post("/v1/messages", json=MAIL), 403)
    house.boss.post("/v1/accounts/Own/resume", params={"tenant": name}).raise_for_status()
    tenant_id = next(one.id for one in house.engine.office.snapshot.tenants.values() if one.name == name)
    wait_until(lambda: reason_of(house, tenant_id) == "tenant-suspended", 20, lambda: "the mail to be held")
    assert server.records() == []
    house.boss.patch(f"/v1/tenants/{name}", json={"suspended": False}).raise_for_status()
    wait_until(lambda: client.get(f"/v1/messages/{number}").json()["state"] == "sent", 20, lambda: "the mail to leave")
    assert senders(server) == ["shop@acme.example"]


def reason_of(house: Api, tenant_id: int) -> str:
    found = house.engine.store.read(
        lambda c: c.execute(text("SELECT reason FROM recipient WHERE tenant_id = :t"), {"t": tenant_id}).scalar()
    ).result()
    return str(found)


def test_a_tenant_is_deleted_by_name_and_says_what_waits(house: Api, mailbox: Sink) -> None:
    client = house.tenant()
    name = client.get("/v1/settings").json()["name"]
    send(client, **{"from": "ann@acme.example", "hold": True})
    path = f"/v1/tenants/{name}"
    told = problem(house.boss.delete(path), 409)["detail"]
    assert "Confirm it by its name" in told
    assert "1 " in told
    problem(house.boss.delete(path, params={"confirm": name}), 409)
    problem(house.boss.delete(path, params={"confirm": name, "waiting": "burn"}), 422)
    first = house.boss.delete(path, params={"confirm": name, "waiting": "send-first"}).json()
    assert first["done"] is False
    done = house.boss.delete(path, params={"confirm": name, "waiting": "cancel", "content": "delete"}).json()
    assert (done["done"], done["cancelled"], done["messages"]) == (True, 1, 1)
    problem(client.get("/v1/settings"), 401)
    problem(house.boss.get(path), 404)


def test_a_return_and_an_import_send_no_secret_to_another_server(house: Api, make_sink: Callable[..., Sink]) -> None:
    client, first, second = house.boss, make_sink(require_auth=True), make_sink(require_auth=True)
    login = {"login": "plain", "user": "u", "allow_clear_login": True, "sender_address": "shop@acme.example"}
    client.post("/v1/accounts", json=own(first, **login, secret=SECRET))
    assert try_it(client) == "sent"
    assert SECRET.encode() in first.auth_bytes()
    client.patch("/v1/accounts/Own", json={"port": second.port, "secret": "fresh-one"})
    assert try_it(client) == "sent"
    assert b"fresh-one" in second.auth_bytes()

    assert client.post("/v1/accounts/Own/return", json={"version": 1}).json()["secret_dropped"]
    assert try_it(client) != "sent"
    assert b"fresh-one" not in first.auth_bytes()

    client.patch("/v1/accounts/Own", json={"secret": SECRET})
    code = client.get("/v1/settings/export").text.replace(f"port = {first.port}", f"port = {second.port}")
    assert SECRET not in code
    told = client.post("/v1/settings/import", json={"toml": code}).json()
    assert any("typed for another server" in warning for warning in told["warnings"])
    assert try_it(client) != "sent"
    assert SECRET.encode() not in second.auth_bytes()


def try_it(client: httpx2.Client) -> str:
    answer = client.post("/v1/accounts/Own/test", json={"to": "me@acme.example"})
    return str(answer.json()["state"]) if answer.is_success else "refused"
