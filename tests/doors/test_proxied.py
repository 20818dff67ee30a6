"""Behind a proxy: the client's own address at both doors, from proxies that the settings name and from nobody else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.doors.api_rig import Api, open_api
from tests.doors.smtp_rig import Letterbox, open_letterbox
from tests.doors.test_api_people import Person
from tests.unit.listener.test_proxied import second

_SPOOFED = {"x-forwarded-for": "6.6.6.6, 192.0.2.7", "forwarded": "for=6.6.6.6"}


def test_sessions_and_the_trail_know_the_client_behind_a_proxy(tmp_path: Path) -> None:
    with open_api(tmp_path, trusted_proxies="127.0.0.0/8") as api:
        boss = api.tenant()
        person = Person(api, boss)
        body = {"login": person.login, "password": "four words in a row"}
        token = api.nobody.post("/v1/sessions", json=body, headers=_SPOOFED).json()["token"]
        sessions = api.with_key(token).get("/v1/sessions").json()["sessions"]
        assert [one["address"] for one in sessions] == ["192.0.2.7", "127.0.0.1"]
        boss.post("/v1/senders", json={"address": "news@example.com"}, headers={"x-forwarded-for": "2001:db8::7"})
        entries = boss.get("/v1/audit").json()["entries"]
        where = {one["verb"]: one["address"] for one in reversed(entries)}
        assert (where["sender.created"], where["user.signed-in"]) == ("2001:db8::7", "192.0.2.7")
        for number in range(40):
            guess = {"login": f"guess {number}", "password": "x"}
            api.nobody.post("/v1/sessions", json=guess, headers={"x-forwarded-for": f"192.0.2.{100 + number}"})
        wrong = {"login": "somebody else", "password": "x"}
        assert api.nobody.post("/v1/sessions", json=wrong, headers=_SPOOFED).status_code == 401, "each for himself"


def test_from_anybody_else_such_a_header_is_ignored(api: Api) -> None:
    person = Person(api, api.tenant())
    body = {"login": person.login, "password": "four words in a row"}
    token = api.nobody.post("/v1/sessions", json=body, headers=_SPOOFED).json()["token"]
    assert {one["address"] for one in api.with_key(token).get("/v1/sessions").json()["sessions"]} == {"127.0.0.1"}


@contextmanager
def _greeted(port: int, first: bytes) -> Iterator[tuple[socket.socket, bytes]]:
    """A connection that begins so, and what it is told; nothing where it is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        link.sendall(first)
        try:
            said = link.recv(1000)
        except ConnectionResetError:
            said = b""
        yield link, said


def _addresses(letterbox: Letterbox) -> set[str]:
    return {connection._address for connection in list(letterbox.door.connections)}


def test_a_load_balancer_before_the_smtp_door_says_whose_connection_it_is(tmp_path: Path) -> None:
    with open_letterbox(tmp_path, smtp_proxies="127.0.0.0/8", smtp_timeout_scale=0.02) as letterbox:
        headers = {
            b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 25\r\n": "192.0.2.7",
            second("2001:db8::7"): "2001:db8::7",
            b"PROXY UNKNOWN\r\n": "127.0.0.1",
        }
        for header, address in headers.items():
            with _greeted(letterbox.port, header) as (_, said):
                assert said.startswith(b"220 ")
                assert address in _addresses(letterbox)
        for wrong in (b"EHLO shop.example.com\r\n", b"PROXY TCP4 nonsense\r\n", b""):
            with _greeted(letterbox.port, wrong) as (_, said):
                assert said == b"", "no header, no conversation; neither for one that sends nothing"


def test_a_header_from_anybody_else_is_a_command_that_nobody_knows(letterbox: Letterbox) -> None:
    with _greeted(letterbox.port, b"") as (link, said):
        assert said.startswith(b"220 ")
        link.sendall(b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 25\r\n")
        assert link.recv(1000).startswith(b"50")
        assert "192.0.2.7" not in _addresses(letterbox)
