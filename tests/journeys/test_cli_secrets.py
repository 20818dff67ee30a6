"""Passwords and keys on the command line go where they belong, and are shown nowhere (P7)."""

from __future__ import annotations

import http.server
import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.postroom import Postroom
from tests.rigs.shell import Shell

PASSWORD = "Zw3ölf-Boxkämpfer"


class _Thief(http.server.BaseHTTPRequestHandler):
    """Writes down every header it is given and answers like nothing in particular."""

    given: list[str]

    def do_GET(self) -> None:
        self.server.given.append(str(self.headers))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    do_POST = do_CONNECT = do_GET  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def thief() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Thief)
    server.given = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_local_key_goes_to_no_other_address(
    postroom: Postroom, shell: Shell, thief: http.server.ThreadingHTTPServer
) -> None:
    url = f"http://127.0.0.1:{thief.server_port}"
    told = shell.run("log", "--url", url).expect(2)
    assert "wants a key" in told.err
    assert shell.run("log", POSTROOM_API_URL=url).code == 2
    assert thief.given == []  # type: ignore[attr-defined]
    assert "is not Postroom" in shell.run("log", "--url", url, POSTROOM_API_KEY="pr_someother").expect(3).err
    assert "pr_someother" in thief.given[0]  # type: ignore[attr-defined]
    assert postroom.key not in thief.given[0]  # type: ignore[attr-defined]


def test_no_proxy_is_asked_on_the_way_to_this_machine(shell: Shell, thief: http.server.ThreadingHTTPServer) -> None:
    proxy = f"http://127.0.0.1:{thief.server_port}"
    shell.run("log", HTTP_PROXY=proxy, http_proxy=proxy, ALL_PROXY=proxy).expect()
    assert thief.given == []  # type: ignore[attr-defined]


def test_a_password_is_shown_nowhere(postroom: Postroom, shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    add = ["account", "add", "--name", "Relay", "--host", "mail.example.org", "--user", "me@example.org"]
    told = [
        shell.run(*add, "--password-stdin", "--json", given=f"{PASSWORD}\n").expect(),
        shell.run("account", "edit", "Relay", "--password-file", str(file)).expect(),
        shell.run("account", "show", "Relay").expect(),
        shell.run("account", "list", "--json").expect(),
        shell.run("account", "edit", "Relay", "--port", "70000", "--password-stdin", given=PASSWORD).expect(1),
        shell.run("config").expect(),
    ]
    assert all(PASSWORD not in each.out + each.err for each in told)
    assert PASSWORD not in postroom.log_text()
    for kept in postroom.data.iterdir():
        assert PASSWORD.encode() not in kept.read_bytes(), kept


def test_a_new_server_costs_the_old_password(shell: Shell) -> None:
    add = ["account", "add", "--name", "Relay", "--host", "mail.example.org", "--user", "me@example.org"]
    shell.run(*add, "--password-stdin", given=PASSWORD).expect()
    told = shell.run("account", "edit", "Relay", "--host", "thief.example").expect().out
    assert "Type it again" in told
    assert "account edit Relay --password" in told
    assert json.loads(shell.run("account", "show", "Relay", "--json").expect().out)["has_secret"] is False


def test_what_postroom_keeps_is_its_users_alone(postroom: Postroom, shell: Shell) -> None:
    shell.run("send", "--to", "a@example.org", "--text", "x").expect()
    assert stat.S_IMODE(postroom.data.stat().st_mode) == 0o700
    for file in postroom.data.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_rotating_the_key_keeps_every_password(postroom: Postroom, shell: Shell) -> None:
    add = ["account", "add", "--name", "Relay", "--host", "mail.example.org", "--user", "me@example.org"]
    shell.run(*add, "--password-stdin", given=PASSWORD).expect()
    assert "1 passwords" in shell.run("rotate-key").expect().out
    assert len(json.loads((postroom.data / "keyring.json").read_text())["keys"]) == 2
    postroom.stop()
    postroom.start()
    assert json.loads(shell.run("account", "show", "Relay", "--json").expect().out)["has_secret"] is True
