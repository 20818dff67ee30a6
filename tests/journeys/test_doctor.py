"""`postroom doctor` in every state a machine can be in, and problems told to people by an account that works."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from postroom.cli.program import make_app
from postroom.embedded import Postroom as Embedded
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.shell import Shell
from tests.rigs.sink import Sink

QUICK = {"poll_seconds": 0.1, "check_seconds": 0.2}


def doctor(data: Path, **more: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The command in this process: its exit code, and what it found."""
    done = CliRunner().invoke(make_app(), ["doctor", "--json"], env={"POSTROOM_DATA": str(data), **more})
    return done.exit_code, {one["check"]: one for one in json.loads(done.stdout)["problems"]}


def test_the_exit_code_is_for_monitoring(fork_postroom: Callable[..., Postroom], sink: Sink) -> None:
    postroom = fork_postroom(**QUICK).start()
    shell = Shell(postroom.environment(), postroom.folder)
    told = shell.run("doctor").expect(1).out
    assert "The mode is silent" in told
    assert "postroom mode smtp" in told
    postroom.api.call("PATCH", "/v1/settings", {"mode": "smtp", "alarm_to": "ops@sink.test"}).expect(200)
    code, found = doctor(postroom.data)
    assert (code, "no-default-account" in found, "worker-missing" in found) == (2, True, False)
    postroom.deliver_to(sink.port)
    code, found = doctor(postroom.data, POSTROOM_LANGUAGE="de")
    assert code == 1
    assert "Mails gehen unverschlüsselt hinaus" in found["account-unencrypted"]["what"]
    there = {"POSTROOM_API_URL": "http://127.0.0.1:9", "POSTROOM_API_KEY": "pr_nothing_nothing"}
    assert CliRunner().invoke(make_app(), ["doctor"], env=there).exit_code == 3


def test_it_works_without_a_postroom_makes_none_and_says_why_one_can_not_start(tmp_path: Path) -> None:
    """No installation, wrong settings, a damaged key ring, a newer database, no database: each by its name."""
    data = tmp_path / "data"
    with Embedded(data=data, worker=False) as postroom:
        values = {"name": "Main", "host": "smtp.example.com", "user": "u", "secret": "x"}
        postroom.office.create_account(postroom.actor, values).result()
    code, found = doctor(data)
    assert (code, "worker-missing" in found) == (2, True)
    code, found = doctor(tmp_path / "nowhere")
    assert (code, list(found)) == (2, ["no-installation"])
    assert not (tmp_path / "nowhere").exists()
    code, found = doctor(data, POSTROOM_LISTEN="here and there")
    assert (code, "POSTROOM_LISTEN" in found["settings-wrong"]["what"]) == (2, True)
    ring, file = data / "keyring.json", data / "postroom.db"
    kept = ring.read_bytes()
    ring.write_text("{}")
    code, found = doctor(data)
    assert (code, "key ring" in found["can-not-start"]["what"], ring.read_text()) == (2, True, "{}")
    ring.write_bytes(kept)
    with sqlite3.connect(file) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    code, found = doctor(data)
    assert (code, "newer Postroom" in found["can-not-start"]["what"]) == (2, True)
    file.write_bytes(b"no database at all" * 1_000)
    code, found = doctor(data)
    assert (code, "can-not-start" in found) == (2, True)


def test_new_problems_leave_as_a_letter_by_an_account_that_works_and_not_by_the_broken_one(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink]
) -> None:
    """The default account's login is refused; the letter about that comes through the other one, once."""
    refusing, working = make_sink(), make_sink(keep=True)
    postroom = fork_postroom(**QUICK).start()
    postroom.deliver_to(working.port, name="second", sender_address="second@sink.test")
    postroom.deliver_to(
        refusing.port, name="first", sender_address="first@sink.test",
        login="plain", user="anna", secret="wrong", allow_clear_login=True,
    )  # fmt: skip
    postroom.api.post("/v1/accounts/first/default", {"force": True}).expect(200)
    postroom.api.send("ok+someone@sink.test")

    def found() -> set[str]:
        return {one["check"] for one in postroom.api.get("/v1/checks").expect(200)["problems"]}

    wait_until(lambda: "account-paused" in found(), 60, lambda: "the refused login to be found")
    postroom.api.call("PATCH", "/v1/settings", {"alarm_to": ["ok+ops@sink.test"]}).expect(200)
    wait_until(lambda: any("ok+ops@sink.test" in one.recipients for one in working.taken()), 60, lambda: "the letter")
    assert not refusing.taken()
    assert "problem-began" in postroom.log_text()
