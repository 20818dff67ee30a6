"""Passwords kept elsewhere, from the vault to the server: rotation, trouble, and nobody who gets to see one."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.stranger import Stranger
from tests.journeys.test_secrets_stay import takes_everything
from tests.rigs.certificates import Certificates
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink
from tests.rigs.vault import TOKEN, FakeVault

CANARY = "canary-of-the-vault-0815"
ROTATED = "canary-after-rotation-4711"
WHERE = "vault:kv/mail/relay#password"
LOGIN: dict[str, Any] = {"login": "plain", "user": "anna", "allow_clear_login": True}


@pytest.fixture
def vault(certificates: Certificates) -> Iterator[FakeVault]:
    with FakeVault(certificates.good) as running:
        running.secrets["kv", "mail/relay"] = {"password": CANARY}
        yield running


@pytest.fixture
def postroom(fork_postroom: Callable[..., Postroom], vault: FakeVault, certificates: Certificates) -> Postroom:
    found = fork_postroom(
        poll_seconds=0.1, vault_address=vault.url, vault_ca=certificates.ca, vault_token=TOKEN,
        secret_cache_seconds=3_600,
    )  # fmt: skip
    return found.start()


def given(sink: Sink) -> list[str]:
    """The passwords that the server was offered, in order."""
    octets = [base64.b64decode(entry["given"][-1].split()[-1]) for entry in sink.entries("auth")]
    return [one.rsplit(b"\0", 1)[-1].decode() for one in octets]


def account(postroom: Postroom, ref: str = "relay") -> dict[str, Any]:
    return dict(postroom.api.get(f"/v1/accounts/{ref}").expect(200))


def everything_shown(postroom: Postroom, *messages: str) -> str:
    """Whatever people, programs and log files get to see."""
    paths = ["accounts", "audit", "queue", "messages", "settings", "settings/export", "accounts/relay/versions"]
    paths += [f"messages/{message}{tail}" for message in messages for tail in ("", "/timeline")]
    shown = [str(postroom.api.get(f"/v1/{path}").body) for path in paths]
    files = [path.read_bytes().decode("latin-1") for path in postroom.data.rglob("*") if path.is_file()]
    return "\n".join([*shown, *files, postroom.log_text()])


def test_a_password_from_the_vault_is_used_remembered_and_seen_nowhere(
    postroom: Postroom, vault: FakeVault, sink: Sink
) -> None:
    postroom.deliver_to(sink.port, name="relay", **LOGIN, secret_reference=WHERE)
    messages = [postroom.api.send(f"ok+{n}@sink.test") for n in range(3)]
    for message in messages:
        postroom.api.wait_for_state(message, "sent")
    assert set(given(sink)) == {CANARY}
    assert len(vault.asked) == 1, "it is remembered for a while"
    shown = everything_shown(postroom, *messages)
    assert WHERE in shown
    for secret in (CANARY, base64.b64encode(CANARY.encode()).decode(), TOKEN):
        assert secret not in shown


def test_a_rotated_password_is_noticed_without_a_restart_and_before_any_verdict(
    postroom: Postroom, vault: FakeVault, make_sink: Callable[..., Sink]
) -> None:
    """The server refuses what is remembered: it is looked up once more, and nobody is paused for it."""
    sink = make_sink()
    vault.secrets["kv", "mail/relay"] = {"password": "wrong"}
    postroom.deliver_to(sink.port, name="relay", **LOGIN, secret_reference=WHERE)
    first = postroom.api.send("ok+1@sink.test")
    wait_until(lambda: account(postroom)["state"] == "paused", 30, lambda: str(account(postroom)))
    assert given(sink) == ["wrong"], "just looked up and refused: tried once, then it is a person's turn"
    vault.secrets["kv", "mail/relay"] = {"password": ROTATED}
    postroom.api.post("/v1/accounts/relay/resume").expect(200)
    postroom.api.wait_for_state(first, "sent")
    assert given(sink) == ["wrong", "wrong", ROTATED], "the remembered one, then a fresh one in the same breath"
    assert account(postroom)["state"] == "ready"
    assert ROTATED not in everything_shown(postroom, first)


@pytest.mark.parametrize(
    ("trouble", "says", "paused"),
    [
        (lambda vault: setattr(vault, "mode", "sealed"), "Unseal it", False),
        (lambda vault: vault.tokens.clear(), "vault_token", True),
        (lambda vault: vault.secrets.clear(), "nothing at mail/relay", True),
    ],
)
def test_a_vault_in_trouble_keeps_the_mail_and_says_why(
    postroom: Postroom, vault: FakeVault, sink: Sink, trouble: Callable[[FakeVault], None], says: str, paused: bool
) -> None:
    """Nothing is lost, nothing bounces, nothing is offered to the server; once it is mended, the mail leaves."""
    trouble(vault)
    postroom.deliver_to(sink.port, name="relay", **LOGIN, secret_reference=WHERE)
    message = postroom.api.send("ok@sink.test")

    def told() -> str:
        return str(postroom.api.get(f"/v1/messages/{message}/timeline").body)

    wait_until(lambda: says in told(), 30, told)
    assert (account(postroom)["state"] == "paused") is paused
    assert set(postroom.api.states(message).values()) <= {"held", "queued", "deferred"}
    assert sink.entries("auth") == []
    vault.mode, vault.tokens = "", {TOKEN: True}
    vault.secrets["kv", "mail/relay"] = {"password": CANARY}
    if paused:
        postroom.api.post("/v1/accounts/relay/resume").expect(200)
    assert postroom.settle([message])[message] == {"ok@sink.test": "sent"}
    assert given(sink) == [CANARY]


def test_a_server_that_somebody_else_names_gets_nothing(postroom: Postroom, vault: FakeVault, sink: Sink) -> None:
    """Pass-back (A11): by a clerk, who may change settings and use no references; by file and version as well."""
    with Stranger(takes_everything) as thief:
        postroom.deliver_to(sink.port, name="relay", **LOGIN, secret_reference=WHERE)
        postroom.api.post("/v1/applications", {"name": "clerk"}).expect(201)
        scopes = {"scopes": ["settings:read", "settings:write"]}
        key = postroom.api.post("/v1/applications/clerk/keys", scopes).expect(201)["key"]
        clerk = type(postroom.api)(postroom.url, key)
        clerk.call("PATCH", "/v1/accounts/relay", {"port": thief.port}).expect(200)
        clerk.call("PATCH", "/v1/accounts/relay", {"secret_reference": WHERE}).expect(200)
        text = clerk.get("/v1/settings/export").body.decode()
        table = text[text.index("[accounts.relay]") :].partition("\n\n")[0]
        clerk.post("/v1/settings/import", {"toml": table}).expect(200)
        message = postroom.api.send("ok@sink.test")
        wait_until(lambda: account(postroom)["state"] == "paused", 30, lambda: str(account(postroom)))
        assert thief.heard.upper().count(b"AUTH ") == 0
        assert vault.asked == []
        assert any("given once more" in sentence for sentence in account(postroom)["needs"])
        refused = clerk.call("PATCH", "/v1/accounts/relay", {"secret_reference": "env:HOME"}).expect(422)
        assert refused["faults"][0]["field"] == "secret_reference"
        clerk.close()
    changed = {"port": sink.port, "secret_reference": WHERE}
    postroom.api.call("PATCH", "/v1/accounts/relay", changed).expect(200)
    postroom.api.wait_for_state(message, "sent")
    assert given(sink) == [CANARY]


def test_a_file_and_a_variable_work_as_well(
    fork_postroom: Callable[..., Postroom],
    make_sink: Callable[..., Sink],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "from-the-environment")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    file = tmp_path / "relay"
    file.write_text("from-a-file\n")
    file.chmod(0o600)
    postroom = fork_postroom(poll_seconds=0.1).start()
    for reference, secret in {
        "env:RELAY_PASSWORD": "from-the-environment", f"file:{file}": "from-a-file", "systemd:relay": "from-a-file",
    }.items():  # fmt: skip
        sink = make_sink()
        name = reference.partition(":")[0]
        postroom.deliver_to(sink.port, name=name, **LOGIN, secret_reference=reference)
        postroom.api.wait_for_state(postroom.api.send("ok@sink.test", account=name), "sent")
        assert given(sink) == [secret]
