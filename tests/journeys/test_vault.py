"""Asking a vault over real HTTPS: by token and AppRole, and every way in which it can say no, each told apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom.secrets import Secret
from postroom.secrets.local import Missing
from postroom.secrets.reference import parse_reference
from postroom.settings import Settings, load
from postroom.wire.vault import Vault
from tests.rigs.certificates import Certificates
from tests.rigs.ports import free_port
from tests.rigs.vault import ROLE, TOKEN, FakeVault

CANARY = "canary-in-the-vault-4711"
WHERE = "vault:kv/mail/relay#password"


@pytest.fixture
def fake(certificates: Certificates) -> Iterator[FakeVault]:
    with FakeVault(certificates.good) as running:
        running.secrets["kv", "mail/relay"] = {"password": CANARY, "user": "anna", "port": 587, "list": [1]}
        running.secrets["team/kv", "relay"] = {"password": "nested"}
        running.secrets["kv", "gone"] = None
        yield running


def settings(folder: Path, **given: object) -> Settings:
    environ = {"POSTROOM_DATA": str(folder)}
    environ |= {f"POSTROOM_{name.upper()}": str(value) for name, value in given.items()}
    return load(environ, cwd=folder)


@pytest.fixture
def vault(fake: FakeVault, certificates: Certificates, tmp_path: Path) -> Vault:
    return Vault(settings(tmp_path, vault_address=fake.url, vault_ca=certificates.ca, vault_token=TOKEN))


def read(vault: Vault, reference: str = WHERE) -> Secret | Missing:
    return asyncio.run(vault.read(parse_reference(reference)))


def missing(vault: Vault, reference: str = WHERE) -> Missing:
    found = read(vault, reference)
    assert isinstance(found, Missing)
    assert CANARY not in found.text
    assert TOKEN not in found.text
    return found


def with_role(vault: Vault, folder: Path, **more: object) -> Vault:
    was = vault.settings
    given: dict[str, Any] = {"vault_address": was.vault_address, "vault_ca": was.vault_ca, "vault_role_id": ROLE}
    return Vault(settings(folder, **{**given, "vault_secret_id": "sid-1", **more}))


def test_a_field_is_read_by_a_token(vault: Vault, fake: FakeVault) -> None:
    assert read(vault) == Secret(CANARY)
    assert read(vault, "vault:kv/mail/relay#port") == Secret("587")
    assert read(vault, "vault:team/kv//relay#password") == Secret("nested")
    assert fake.asked[0] == ("/v1/kv/data/mail/relay", TOKEN)
    assert CANARY not in repr(vault)
    assert TOKEN not in repr(vault)


def test_a_token_in_a_file_is_read_anew_each_time(vault: Vault, fake: FakeVault, tmp_path: Path) -> None:
    """As Vault Agent renews it."""
    file = tmp_path / "token"
    file.write_text("stale\n")
    ours = vault.settings
    by_file = Vault(settings(tmp_path, vault_address=ours.vault_address, vault_ca=ours.vault_ca, vault_token_file=file))
    assert "403" in missing(by_file).text
    file.write_text(f"{TOKEN}\n")
    assert read(by_file) == Secret(CANARY)


def test_an_approle_logs_in_once_and_again_when_its_token_ends(vault: Vault, fake: FakeVault, tmp_path: Path) -> None:
    moment = [0.0]
    ours = with_role(vault, tmp_path)
    ours.monotonic = lambda: moment[0]
    for _ in range(3):
        assert read(ours) == Secret(CANARY)
    assert [path for path, _ in fake.asked].count("/v1/auth/approle/login") == 1
    moment[0] = 3_600.0
    assert read(ours) == Secret(CANARY)
    assert [path for path, _ in fake.asked].count("/v1/auth/approle/login") == 2
    fake.tokens.clear()  # revoked before its time
    assert read(ours) == Secret(CANARY)
    assert [path for path, _ in fake.asked].count("/v1/auth/approle/login") == 3


def test_an_expired_secret_id_is_told_with_the_setting_to_change(vault: Vault, fake: FakeVault, tmp_path: Path) -> None:
    fake.secret_ids.clear()
    found = missing(with_role(vault, tmp_path))
    assert "vault_secret_id" in found.text
    assert not found.passing
    file = tmp_path / "secret-id"
    file.write_text("sid-2")
    fake.secret_ids.add("sid-2")
    assert read(with_role(vault, tmp_path, vault_secret_id_file=file)) == Secret(CANARY)
    assert "vault_approle_mount" in missing(with_role(vault, tmp_path, vault_approle_mount="elsewhere")).text


def test_a_namespace_is_said(vault: Vault, fake: FakeVault, tmp_path: Path) -> None:
    fake.namespace = "acme"
    assert "403" in missing(vault).text
    ours = vault.settings
    given = {"vault_address": ours.vault_address, "vault_ca": ours.vault_ca, "vault_token": TOKEN}
    assert read(Vault(settings(tmp_path, **given, vault_namespace="acme"))) == Secret(CANARY)


def test_a_right_that_is_missing_is_told_apart_from_a_wrong_token(vault: Vault, fake: FakeVault) -> None:
    fake.tokens[TOKEN] = False
    found = missing(vault)
    assert "permission denied" in found.text
    assert "kv/data/mail/relay" in found.text
    assert not found.passing
    fake.tokens.clear()
    assert "vault_token" in missing(vault).text


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("vault:kv/mail/relay#pasword", "has no field pasword. It has: list, password, port, user."),
        ("vault:kv/mail/rely#password", "nothing at mail/rely in kv"),
        ("vault:kv/gone#password", "deleted"),
        ("vault:old/mail/relay#password", "KV version 1"),
        ("vault:nosuch/mail#password", "neither the mount nosuch"),
        ("vault:team/kv/relay#password", "vault:mount//path#field"),
        ("vault:kv/mail/relay#list", "no text"),
    ],
)
def test_what_is_not_there_names_what_to_change(vault: Vault, reference: str, says: str) -> None:
    found = missing(vault, reference)
    assert says in found.text
    assert found.text.startswith("secret_reference: ")
    assert not found.passing


@pytest.mark.parametrize(("mode", "says"), [("sealed", "Unseal it"), ("busy", "429"), ("slow", "within")])
def test_what_may_pass_is_asked_again(vault: Vault, fake: FakeVault, mode: str, says: str) -> None:
    fake.mode = mode
    vault.seconds = 0.5 if mode == "slow" else 15.0
    found = missing(vault)
    assert says in found.text
    assert found.passing


def test_a_vault_that_is_down_may_come_back(vault: Vault, tmp_path: Path) -> None:
    found = missing(Vault(settings(tmp_path, vault_address=f"http://127.0.0.1:{free_port()}", vault_token=TOKEN)))
    assert found.passing
    assert "127.0.0.1" in found.text


def test_what_is_no_vault_is_told_as_such(vault: Vault, fake: FakeVault) -> None:
    fake.mode = "odd"
    assert "no field password" in missing(vault).text


def test_a_certificate_nobody_vouches_for_gets_no_token(fake: FakeVault, tmp_path: Path) -> None:
    """A8: without the operator's CA nothing is asked at all."""
    found = missing(Vault(settings(tmp_path, vault_address=fake.url, vault_token=TOKEN)))
    assert "certificate" in found.text.lower()
    assert fake.asked == []


def test_without_a_way_in_the_settings_are_named(tmp_path: Path, fake: FakeVault) -> None:
    assert "vault_address" in missing(Vault(settings(tmp_path))).text
    assert "vault_role_id" in missing(Vault(settings(tmp_path, vault_address=fake.url))).text
    gone = settings(tmp_path, vault_address=fake.url, vault_token=TOKEN, vault_ca=tmp_path / "nothing.pem")
    assert "vault_ca" in missing(Vault(gone)).text
