"""Servers that a tenant names (threats A9, A10): what may be typed, what is connected to, what of an answer is told.

The installation's own accounts are the operator's. Everybody else reaches public mail servers only, and what answers
somewhere else tells him nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from postroom.settings import Role
from tests.doors.api_rig import Api, open_api, problem
from tests.journeys.stranger import Stranger, Visit
from tests.rigs.sink import Sink

CANARY = "internal-b4nner-7"
EHLO = b"250-stranger.test\r\n250 8BITMIME\r\n"


@contextmanager
def house_with(folder: Path, tenant_hosts: str) -> Iterator[Api]:
    opened = open_api(folder, Role.ALL, poll_seconds=0.1, smtp_timeout_scale=0.05, tenant_hosts=tenant_hosts)
    with opened as house:
        house.boss.patch("/v1/settings", json={"mode": "smtp"}).raise_for_status()
        yield house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Api]:
    with house_with(tmp_path / "house", "127.0.0.0/8:*") as opened:
        yield opened


@pytest.fixture
def closed_house(tmp_path: Path) -> Iterator[Api]:
    """Nothing inside is allowed."""
    with house_with(tmp_path / "closed", "") as opened:
        yield opened


def account(client: httpx2.Client, host: str, port: int, **more: Any) -> httpx2.Response:
    values = {"name": "Own", "host": host, "port": port, "encryption": "none", "sender_address": "a@acme.example"}
    return client.post("/v1/accounts", json=values | more)


def tried(client: httpx2.Client) -> str:
    """Everything that the tenant gets to see of a test message through its account."""
    receipt = client.post("/v1/accounts/Own/test", json={"to": "me@acme.example"})
    assert receipt.is_success, receipt.text
    path = f"/v1/messages/{receipt.json()['id']}"
    parts = [receipt.text, client.get(path).text, client.get(f"{path}/timeline").text]
    return "\n".join([*parts, client.get("/v1/accounts/Own").text])


LITERALS = ["127.0.0.1", "::1", "[::1]", "0.0.0.0", "169.254.169.254", "10.0.0.1", "192.168.7.7", "172.20.0.1",
            "100.64.1.1", "fd12::1", "fe80::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a::1",
            "127.1", "2130706433", "0x7f000001", "0177.0.0.1"]  # fmt: skip


@pytest.mark.parametrize("host", LITERALS)
def test_an_internal_address_is_refused_where_it_is_typed(closed_house: Api, host: str) -> None:
    found = problem(account(closed_house.tenant(), host, 25), 422)["faults"]
    assert [fault["field"] for fault in found] == ["host"]


def test_ports_are_those_of_mail(closed_house: Api) -> None:
    client = closed_house.tenant()
    for port in (22, 80, 143, 389, 3306, 6379, 8025):
        found = problem(account(client, "smtp.example.com", port), 422)["faults"]
        assert [fault["field"] for fault in found] == ["port"]
        assert "587" in found[0]["mend"]
    for port in (25, 465, 587, 2465, 2525, 2587):
        assert account(client, "smtp.example.com", port, name=f"port {port}").status_code == 201
    problem(client.patch("/v1/accounts/port 25", json={"port": 6379}), 422)
    code = '[accounts.Own]\nhost = "10.0.0.1"\nport = 6379\n'
    found = problem(client.post("/v1/settings/import", json={"toml": code}), 422)["faults"]
    assert len(found) == 1, "a file is no way around it"
    assert closed_house.boss.post("/v1/accounts", json={"host": "10.0.0.1", "port": 6379}).status_code == 201


def test_a_name_that_leads_inside_is_answered_like_one_that_is_not_there(tmp_path: Path) -> None:
    """A9: neither words nor kinds nor a connection tell a tenant what is inside."""
    with Stranger(lambda visit: visit.say(b"220 hello\r\n")) as inside:
        elsewhere = f"10.99.0.0/16:{inside.port}"  # so that the port alone is no reason
        with house_with(tmp_path / "house", elsewhere) as house:
            seen = []
            for host in ("localhost", "no-such-host.invalid"):
                client = house.tenant()
                account(client, host, inside.port).raise_for_status()
                receipt = client.post("/v1/accounts/Own/test", json={"to": "me@acme.example"}).json()["recipients"][0]
                seen.append((receipt["state"], receipt["diagnosis"], receipt["reply"].replace(host, "HOST")))
                assert receipt["diagnosis"] == "name-not-public"
                looked = client.post("/v1/accounts/Own/certificate")
                assert looked.status_code == 409
            assert seen[0] == seen[1]
            assert inside.visits == []


def greets(words: bytes, replies: dict[bytes, bytes]) -> Callable[[Visit], None]:
    def script(visit: Visit) -> None:
        visit.say(words)
        visit.answer(replies)

    return script


NO_MAIL_SERVERS: dict[str, Callable[[Visit], None]] = {
    "refuses with its name": greets(f"554 {CANARY}\r\n".encode(), {}),
    "refuses for now": greets(f"421 {CANARY} busy\r\n".encode(), {}),
    "another service": greets(f"220 {CANARY} FTP ready\r\n".encode(), {b"EHLO": f"500 {CANARY}\r\n".encode()}),
    "another service, HELO too": greets(
        f"220 {CANARY}\r\n".encode(),
        {b"EHLO": f"500 {CANARY}\r\n".encode(), b"HELO": f"500 {CANARY}\r\n".encode()},
    ),
    "a web server": greets(f"HTTP/1.1 400 {CANARY}\r\n\r\n".encode(), {}),
    "Redis": greets(f"-ERR {CANARY}\r\n".encode(), {}),
    "greets, then rambles": greets(b"220 hello\r\n", {b"EHLO": f"{CANARY} is no reply\r\n".encode()}),
    "asks for more": greets(f"354 {CANARY}\r\n".encode(), {}),
}


@pytest.mark.parametrize("name", NO_MAIL_SERVERS)
def test_what_is_no_mail_server_is_not_repeated_to_a_tenant(house: Api, name: str) -> None:
    """A10: an account is no window into other services."""
    client = house.tenant()
    with Stranger(NO_MAIL_SERVERS[name]) as stranger:
        account(client, "127.0.0.1", stranger.port).raise_for_status()
        seen = tried(client)
        assert stranger.visits
    assert CANARY not in seen
    assert '"state":"sent"' not in seen


def test_what_a_mail_server_says_is_told(house: Api) -> None:
    """Once it greeted and took our name, its words are what the administrator needs; greeting included."""
    replies = {
        b"EHLO": EHLO,
        b"MAIL": f"550 5.7.1 {CANARY}\r\n".encode(),
        b"QUIT": b"221 bye\r\n",
        b"RSET": b"250 ok\r\n",
    }
    client = house.tenant()
    with Stranger(greets(b"220 stranger.test says hello\r\n", replies)) as stranger:
        account(client, "127.0.0.1", stranger.port).raise_for_status()
        assert CANARY in tried(client)


def test_the_operator_sees_what_answers(house: Api) -> None:
    with Stranger(NO_MAIL_SERVERS["refuses with its name"]) as stranger:
        account(house.boss, "127.0.0.1", stranger.port).raise_for_status()
        assert CANARY in tried(house.boss)


def test_a_password_in_the_open_needs_the_operator_s_word_for_just_this_server(
    house: Api, make_sink: Callable[..., Sink]
) -> None:
    client, sink = house.tenant(), make_sink(require_auth=True)
    login = {"login": "plain", "user": "u", "secret": "hush"}
    refused = account(client, "127.0.0.1", sink.port, **login, allow_clear_login=True)
    assert [fault["field"] for fault in problem(refused, 422)["faults"]] == ["allow_clear_login"]
    account(client, "127.0.0.1", sink.port, **login).raise_for_status()
    problem(client.patch("/v1/accounts/Own", json={"allow_clear_login": True, "secret": "hush"}), 422)
    tried(client)
    assert sink.entries("auth") == []

    whose = {"tenant": client.get("/v1/settings").json()["name"]}
    allowed = {"allow_clear_login": True, "secret": "hush"}
    house.boss.patch("/v1/accounts/Own", params=whose, json=allowed).raise_for_status()
    tried(client)
    assert b"hush" in sink.auth_bytes()
    moved = problem(client.patch("/v1/accounts/Own", json={"port": sink.port + 1, "secret": "hush"}), 422)
    assert [fault["field"] for fault in moved["faults"]] == ["allow_clear_login"]
    assert client.patch("/v1/accounts/Own", json={"footer_text": "x"}).is_success, "the rest stays his own business"
    code = client.get("/v1/settings/export").text.replace(str(sink.port), str(sink.port + 1))
    problem(client.post("/v1/settings/import", json={"toml": code}), 422)
