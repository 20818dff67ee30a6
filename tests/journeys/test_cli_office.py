"""The office on the command line: tenants, people, versions, settings as a file, backups; each as it is used."""

from __future__ import annotations

import re
from pathlib import Path

from tests.rigs.postroom import Postroom
from tests.rigs.shell import Shell


def test_a_tenant_comes_is_suspended_and_goes(shell: Shell, postroom: Postroom) -> None:
    shell.run("tenant", "add", "Acme").expect()
    shell.run("sender", "add", "shop@acme.example", "--tenant", "Acme").expect()
    assert "Its mail is kept." in shell.run("tenant", "suspend", "Acme").expect().out
    assert "suspended" in shell.run("tenant", "list").expect().out
    mail = ("send", "--tenant", "Acme", "--to", "a@example.org", "--text", "x")
    assert "goes on" in shell.run("tenant", "resume", "Acme").expect().out
    shell.run(*mail)
    refused = shell.run("tenant", "delete", "Acme").expect(1)
    assert "Confirm it by its name" in refused.err
    gone = shell.run("tenant", "delete", "Acme", "--confirm", "Acme", "--waiting", "cancel", "--content", "delete")
    assert "Acme is deleted" in gone.expect().out
    assert "Acme" not in shell.run("tenant", "list").expect().out
    told = shell.run("audit", "--verb", "tenant").expect().out
    for verb in ("tenant.created", "tenant.changed", "tenant.deleted"):
        assert verb in told


def test_a_user_from_invitation_to_farewell(shell: Shell, postroom: Postroom) -> None:
    rights = ("--scope", "messages:read", "--scope", "messages:content")
    assert "Clerk" in shell.run("role", "add", "Clerk", *rights).expect().out
    link = shell.run("user", "add", "ann", "--role", "Clerk", "--show-link").expect().out
    assert re.search(r"token=pl_[\w-]{43}", link)
    shell.run("user", "invite", "ann", "--password-stdin", given="four words in a row\n").expect()
    signed_in = {"login": "ann", "password": "four words in a row"}
    postroom.api.post("/v1/sessions", signed_in).expect(201)
    shown = shell.run("user", "show", "ann").expect().out
    assert re.search(r"Roles +Clerk", shown)
    assert "Signed in" in shown
    assert "1 sessions have ended" in shell.run("user", "sign-out", "ann").expect().out
    refused = shell.run("role", "delete", "Clerk").expect(1)
    assert "ann" in refused.err
    assert "reader" in shell.run("user", "edit", "ann", "--role", "reader").expect().out
    shell.run("role", "delete", "Clerk").expect()
    assert "deactivated" in shell.run("user", "deactivate", "ann").expect().out
    postroom.api.post("/v1/sessions", signed_in).expect(401)
    shell.run("user", "reactivate", "ann").expect()
    postroom.api.post("/v1/sessions", signed_in).expect(201)
    shell.run("user", "delete", "ann").expect()
    assert "ann" not in shell.run("user", "list").expect().out


def test_a_password_that_can_not_be_one_is_told_and_can_be_given_again(shell: Shell) -> None:
    """The user is there then, and what is said leads on."""
    refused = shell.run("user", "add", "ann", "--role", "reader", "--password-stdin", given="short\n").expect(1)
    assert "postroom user invite ann" in refused.err
    shell.run("user", "invite", "ann", "--password-stdin", given="four words in a row\n").expect()


def test_settings_go_back_to_what_they_were(shell: Shell) -> None:
    shell.run("account", "add", "--name", "Relay", "--host", "one.example.com", "--encryption", "none").expect()
    shell.run("account", "edit", "Relay", "--host", "two.example.com").expect()
    compared = shell.run("history", "compare", "account", "Relay").expect().out
    assert re.search(r"host +one\.example\.com +two\.example\.com", compared)
    versions = shell.run("history", "list", "account", "Relay").expect().out.splitlines()[1:]
    earlier = versions[1].split()[0]
    shell.run("history", "return", "account", "Relay").expect(2)
    returned = shell.run("history", "return", "account", "Relay", "--to", earlier).expect().out
    assert f"It is as in version {earlier}" in returned
    assert "one.example.com" in shell.run("account", "show", "Relay").expect().out


def test_settings_as_a_file_are_planned_then_taken_over(shell: Shell, tmp_path: Path) -> None:
    shell.run("account", "add", "--name", "Relay", "--host", "one.example.com", "--encryption", "none").expect()
    file = tmp_path / "settings.toml"
    shell.run("export", "--to", str(file)).expect()
    assert shell.run("plan", str(file)).expect().out == "Nothing would change.\n"
    file.write_text(file.read_text().replace("one.example.com", "two.example.com"))
    planned = shell.run("plan", str(file)).expect().out
    assert "two.example.com" in planned
    assert "one.example.com" in shell.run("account", "show", "Relay").expect().out
    shell.run("import", str(file)).expect()
    assert "two.example.com" in shell.run("account", "show", "Relay").expect().out


def test_a_backup_restored_elsewhere_is_a_copy_until_somebody_says_otherwise(
    shell: Shell, postroom: Postroom, tmp_path: Path
) -> None:
    shell.run("send", "--to", "a@example.org", "--text", "Kept.").expect()
    made = shell.run("backup").expect().out
    found = re.search(r"/\S+\.backup", made)
    assert found, made
    other = Shell(postroom.environment() | {"POSTROOM_DATA": str(tmp_path / "other")}, tmp_path)
    other.environment.pop("POSTROOM_DATABASE", None)
    told = other.run("restore", found[0]).expect().out
    assert "1 messages are restored" in told
    assert other.run("restore", found[0]).code == 1
    assert "a@example.org" in other.run("log").expect().out
    assert "may be a copy" in other.run("confirm").expect().out
    other.run("confirm", "--original", "--copy").expect(2)
    assert other.run("confirm", "--copy").expect().out
    assert "nothing to confirm" in other.run("confirm").expect().out
