"""The command line, as it is used: every command a process of its own, against a running Postroom and without one."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.rigs.ports import free_port
from tests.rigs.postroom import Postroom
from tests.rigs.process import Process, wait_until
from tests.rigs.shell import Finished, Shell
from tests.rigs.sink import Sink

PASSWORD = "Zw3ölf-Boxkämpfer"


@pytest.fixture
def alone(tmp_path: Path) -> Shell:
    """Commands where no Postroom runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
    return Shell(environment | {"POSTROOM_DATA": str(tmp_path / "data")}, tmp_path)


def _id(finished: Finished) -> str:
    found = re.search(r"m_[0-9a-z]{13}", finished.expect().out)
    assert found, finished.out
    return found[0]


def _account(sink: Sink) -> list[str]:
    return ["account", "add", "--name", "Relay", "--host", sink.host, "--port", str(sink.port), "--encryption", "none"]


# Providers


def test_a_provider_by_its_name_is_all_that_has_to_be_typed(alone: Shell) -> None:
    """`--preset` fills the rest, says what the user name is, and `show` tells what came from it."""
    assert "amazon-ses:eu-west-1" in alone.run("account", "presets").expect().out
    refused = alone.run("account", "add", "--preset", "postmark", "--password-stdin", given="x").expect(2)
    assert "Server API token" in refused.err
    unknown = alone.run("account", "add", "--preset", "postmarc", "--user", "u", "--password-stdin", given="x")
    assert "There are: microsoft365" in unknown.expect(1).err
    alone.run("account", "add", "--preset", "sendgrid", "--name", "Grid", "--password-stdin", given="x").expect()
    assert re.search(r"host +smtp\.sendgrid\.net  \(preset\)", alone.run("account", "show", "Grid").expect().out)
    way = alone.run("explain", "--to", "a@example.org", "--from", "b@example.org", "--account", "Grid").expect().out
    assert "4 connections" in way


# A newcomer's first minutes


def test_from_the_first_message_to_the_first_that_leaves(postroom: Postroom, shell: Shell, sink: Sink) -> None:
    first = _id(shell.run("send", "--to", "ok@example.org", "--subject", "Hello", "--text", "My first mail."))
    assert re.search(rf"{first} +silenced +ok@example\.org +Hello\n", shell.run("log").expect().out)
    shown = shell.run("show", first).expect().out
    assert "the mode is silent" in shown
    assert f"postroom release {first}" in shown
    assert "My first mail." in shell.run("show", first, "--source").expect().out

    shell.run(*_account(sink), "--sender", "news@example.org").expect()
    tried = shell.run("account", "test", "--to", "ok+test@example.org").expect().out
    assert "It works." in tried
    assert "C: RCPT TO:<ok+test@example.org>" in tried
    assert sink.wait_for(1)[0].recipients == ("ok+test@example.org",)

    assert shell.run("mode", "smtp").expect().out.startswith("smtp")
    shell.run("release", first).expect()
    assert sink.wait_for(2)[1].recipients == ("ok@example.org",)
    second = _id(shell.run("send", "--to", "ok@example.org", "--text", "Another one."))
    postroom.api.wait_for_state(second, "sent")
    assert "“250 2.0.0 taken as 3”" in shell.run("show", second).expect().out


def test_an_account_can_be_added_by_answering_questions(shell: Shell, sink: Sink) -> None:
    told = shell.converse(
        "account",
        "add",
        answers={
            "IP address): ": sink.host,
            "Number [1]: ": "3",
            "Port [25]: ": str(sink.port),
            "no login): ": "news@example.org",
            "Password (not shown): ": PASSWORD,
            "leaves from [news@example.org]: ": "",
            f"this account [{sink.host}]: ": "Relay",
        },
    ).expect()
    assert "STARTTLS" in told.words
    assert PASSWORD not in told.out
    account = json.loads(shell.run("account", "show", "Relay", "--json").expect().out)
    assert (account["host"], account["port"], account["encryption"]) == (sink.host, sink.port, "none")
    assert (account["user"], account["sender_address"], account["has_secret"]) == (
        "news@example.org",
        "news@example.org",
        True,
    )


def test_ending_the_questions_saves_nothing(shell: Shell) -> None:
    shell.converse("account", "add", answers={"IP address): ": "\x04"}).expect(2)
    assert json.loads(shell.run("account", "list", "--json").expect().out) == {"accounts": []}


def test_without_a_terminal_nothing_is_asked(shell: Shell) -> None:
    assert "--host" in shell.run("account", "add").expect(2).err
    assert "--password-stdin" in shell.run("account", "add", "--host", "a.example", "--user", "me").expect(2).err
    assert "--to" in shell.run(*["account", "test", "x"]).expect(2).err


# With and without a running Postroom


def test_the_same_commands_without_a_running_postroom(alone: Shell, tmp_path: Path) -> None:
    new = alone.run("log").expect()
    assert "made a new one" in new.err
    sent = alone.run("send", "--to", "a@example.org", "--subject", "Kept").expect()
    shown = alone.run("show", _id(sent)).expect().out
    assert "Kept" in shown
    account = ["--host", "127.0.0.1", "--encryption", "none", "--sender", "n@example.org"]
    alone.run("account", "add", "--name", "Relay", *account).expect()
    alone.run("mode", "smtp").expect()
    waiting = alone.run("send", "--to", "a@example.org", given="A text from standard input.")
    assert "It leaves when" in waiting.expect().err
    assert "serve" in waiting.err
    assert re.search(r"Relay +ready +1 +1", alone.run("queue").expect().out)
    assert "A text from standard input." in alone.run("show", _id(waiting), "--source").expect().out


def test_what_was_accepted_without_serve_leaves_with_it(tmp_path: Path, sink: Sink) -> None:
    postroom = Postroom(tmp_path / "postroom")
    shell = Shell(postroom.environment(), postroom.folder)
    shell.run(*_account(sink), "--sender", "news@example.org").expect()
    shell.run("mode", "smtp").expect()
    message = _id(shell.run("send", "--to", "ok@example.org", "--text", "Early."))
    with postroom:
        postroom.api.wait_for_state(message, "sent")


def test_an_account_can_be_tested_where_no_postroom_runs(alone: Shell, sink: Sink) -> None:
    alone.run(*_account(sink), "--sender", "news@example.org").expect()
    told = alone.run("account", "test", "--to", "ok@example.org").expect()
    assert "It works." in told.out
    assert "this command delivers" in told.err
    assert sink.wait_for(1)[0].recipients == ("ok@example.org",)


@pytest.mark.parametrize("role", ["http", "worker"])
def test_separate_roles_want_postgresql(alone: Shell, role: str) -> None:
    assert "needs PostgreSQL" in alone.run("serve", "--role", role).expect(2).err


def test_an_address_left_behind_by_a_killed_postroom_does_no_harm(postroom: Postroom, shell: Shell) -> None:
    message = _id(shell.run("send", "--to", "a@example.org", "--text", "x"))
    postroom.kill9()
    assert message in shell.run("log").expect().out
    postroom.start()
    assert message in shell.run("log").expect().out


def test_a_postroom_that_does_not_answer_is_told_apart_from_none(postroom: Postroom, shell: Shell) -> None:
    postroom.process.freeze()
    told = shell.run("log").expect(3)
    postroom.process.thaw()
    assert "Postroom runs, but does not answer" in told.err


def test_a_second_serve_is_told_who_is_first(postroom: Postroom, shell: Shell) -> None:
    told = shell.run("serve").expect(1)
    assert f"runs already: process {postroom.process.pid}" in told.err
    other = shell.run("serve", "--listen", f"127.0.0.1:{free_port()}").expect(1)
    assert f"process {postroom.process.pid}" in other.err


def test_an_address_in_use_is_told_with_the_way_out(alone: Shell, sink: Sink) -> None:
    told = alone.run("serve", "--listen", f"127.0.0.1:{sink.port}").expect(1)
    assert f"127.0.0.1:{sink.port} can't be listened on" in told.err
    assert "--listen" in told.err


def test_serve_ends_cleanly_and_leaves_no_address_behind(postroom: Postroom) -> None:
    key = postroom.key
    postroom.stop()
    assert json.loads((postroom.data / "local.json").read_text()) == {"key": key, "url": "", "pid": 0}


def test_the_first_key_is_shown_once_and_works(tmp_path: Path) -> None:
    with Postroom(tmp_path / "postroom") as postroom:
        keys = re.findall(r"pr_[0-9a-z]{8}_[A-Za-z0-9_-]{43}", postroom.log_text())
        assert len(keys) == 1
        shell = Shell(postroom.environment(), postroom.folder)
        shell.run("log", "--url", postroom.url, POSTROOM_API_KEY=keys[0]).expect()
        postroom.stop()
        postroom.start()
        assert re.findall(r"pr_[0-9a-z]{8}_[A-Za-z0-9_-]{43}", postroom.log_text()) == keys


# What people do to messages


def test_hold_release_cancel_resend(postroom: Postroom, shell: Shell, sink: Sink) -> None:
    shell.run(*_account(sink), "--sender", "news@example.org").expect()
    shell.run("mode", "smtp").expect()
    held = _id(shell.run("send", "--to", "ok@example.org", "--text", "x", "--hold"))
    later = _id(shell.run("send", "--to", "ok@example.org", "--text", "x", "--send-at", "2h"))
    assert re.search(r"held", shell.run("show", held).expect().out)
    assert shell.run("release", held).expect().out.startswith(held)
    postroom.api.wait_for_state(held, "sent")
    shell.run("hold", later).expect()
    assert "cancelled" in shell.run("cancel", later).expect().out
    refused = shell.run("cancel", later, "m_0000000000000", held).expect(1)
    assert len([line for line in refused.err.splitlines() if line.startswith("postroom: m_")]) == 3
    again = _id(shell.run("resend", held, "--to", "ok+other@example.org"))
    assert again != held
    postroom.api.wait_for_state(again, "sent")
    assert sink.taken()[-1].recipients == ("ok+other@example.org",)


def test_everything_silenced_can_be_released_to_another_address(shell: Shell, sink: Sink) -> None:
    shell.run(*_account(sink), "--sender", "news@example.org").expect()
    for number in range(3):
        shell.run("send", "--to", f"real+{number}@example.org", "--text", "x").expect()
    shell.run("mode", "smtp").expect()
    assert shell.run("release", "--all", "--to", "ok@example.org").expect().out == "3 released\n"
    assert {record.recipients for record in sink.wait_for(3)} == {("ok@example.org",)}


def test_the_same_key_makes_no_second_message(shell: Shell) -> None:
    send = ["send", "--to", "a@example.org", "--text", "x", "--idempotency-key", "order-1"]
    first, second = shell.run(*send), shell.run(*send)
    assert _id(first) == _id(second)
    assert "the same as before" in second.out
    assert shell.run("log").expect().out.count("\n") == 1


def test_a_refusal_is_explained(postroom: Postroom, shell: Shell, sink: Sink) -> None:
    shell.run(*_account(sink), "--sender", "news@example.org").expect()
    shell.run("mode", "smtp").expect()
    message = _id(shell.run("send", "--to", "ok@example.org", "--to", "fail@example.org", "--text", "x"))
    postroom.api.wait_for_state(message, "sent", "failed")
    shown = shell.run("show", message).expect().out
    assert "“550 5.1.1 no such mailbox”" in shown
    assert f"postroom resend {message}" in shown
    refused = shell.run("account", "test", "Relay", "--to", "fail@example.org").expect(1)
    assert "It did not go." in refused.out


def test_follow_shows_what_is_new(postroom: Postroom, shell: Shell, tmp_path: Path) -> None:
    log = tmp_path / "follow.log"
    with Process([*shell.program, "log", "--follow"], log, shell.environment):
        message = _id(shell.run("send", "--to", "a@example.org", "--subject", "News", "--text", "x"))
        wait_until(lambda: message in log.read_text(), 20, lambda: f"{message} in {log.read_text()}")
        shell.run("cancel", message).expect()
        wait_until(lambda: "cancelled" in log.read_text(), 20, lambda: f"cancelled in {log.read_text()}")


def test_attachments_headers_and_the_rest_arrive_in_the_message(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "Rechnung März.pdf").write_bytes(b"%PDF-1.7\x00\xff")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    message = _id(
        shell.run(
            *("send", "--to", "a@example.org", "--cc", "Ann <ann@example.org>", "--bcc", "secret@example.org"),
            *("--subject", "Grüße", "--html", '<p>Hi <img src="cid:logo.png"></p>', "--reply-to", "b@example.org"),
            *("--attach", str(tmp_path / "Rechnung März.pdf"), "--inline", str(tmp_path / "logo.png")),
            *("--header", "X-Order: 4711", "--header", "X-Order: 4712", "--kind", "invoice", "--tag", "one"),
            *("--tag", "two", "--meta", "order=4711", "--priority", "bulk", "--expires-at", "3d"),
        )
    )
    source = shell.run("show", message, "--source").expect().out
    assert source.count("X-Order: 471") == 2
    assert "Content-ID: <logo.png>" in source
    assert "secret@example.org" not in source
    found = json.loads(shell.run("show", message, "--json").expect().out)
    assert (found["kind"], found["tags"], found["metadata"]) == ("invoice", ["one", "two"], {"order": "4711"})
    assert {each["role"] for each in found["recipients"]} == {"to", "cc", "bcc"}
    assert found["priority"] == "bulk"


# Set-up


def test_settings_senders_tenants_and_keys(postroom: Postroom, shell: Shell) -> None:
    assert re.search(r"log_days +90 +installation", shell.run("settings", "log_days=90").expect().out)
    assert re.search(r"log_days +365 +default", shell.run("settings", "log_days=").expect().out)
    assert "instantly" in shell.run("sending", "instantly").expect().out
    shell.run("sender", "add", "News <news@example.org>", "--reply-to", "b@example.org").expect()
    assert re.search(r"news@example.org +News .*default", shell.run("sender", "list").expect().out)
    way = shell.run("explain", "--to", "a@example.org", "--from", "news@example.org").expect().out
    assert "news@example.org" in way
    shell.run("tenant", "add", "Acme").expect()
    edited = shell.run("tenant", "edit", "Acme", "--content-days", "7").expect().out
    assert re.search(r"content_days +7 +.*Acme", edited)
    assert re.search(r"mode +silent +installation", shell.run("tenant", "show", "Acme").expect().out)
    shell.run("app", "add", "shop", "--tenant", "Acme").expect()
    key = shell.run("key", "add", "shop", "--tenant", "Acme", "--expires", "90d").expect().out.strip()
    theirs = Shell(shell.environment | {"POSTROOM_API_URL": postroom.url, "POSTROOM_API_KEY": key}, shell.folder)
    message = _id(theirs.run("send", "--to", "a@example.org", "--text", "x"))
    assert message in theirs.run("log").expect().out
    assert message not in shell.run("log").expect().out
    assert "settings:write" in theirs.run("mode", "smtp").expect(1).err
    number = json.loads(shell.run("key", "list", "--tenant", "Acme", "--json").expect().out)["keys"][0]["id"]
    shell.run("key", "revoke", number, "--tenant", "Acme").expect()
    assert "POSTROOM_API_KEY" in theirs.run("log").expect(1).err


def test_every_fault_is_told_at_once(shell: Shell) -> None:
    told = shell.run("account", "add", "--host", "a b", "--port", "99999", "--encryption", "rot13", "--connector", "x")
    lines = told.expect(1).err.splitlines()
    assert {line.split(":")[0].strip() for line in lines[1:]} >= {"host", "port", "encryption"}
    assert "names no connector" in told.err


# Whatever is typed


HOSTILE = [
    "",
    " ",
    "\x1b[31m",
    "a\nb",
    "\u202e",
    "x" * 5000,
    "../..",
    "-",
    "m_",
    "m_" + "z" * 13,
    "%00",
    "'; DROP TABLE x",
    "🎉",
]


@pytest.mark.parametrize("word", HOSTILE)
def test_no_input_ends_in_a_traceback_or_reaches_the_terminal_raw(shell: Shell, word: str) -> None:
    commands = [
        ["show", "--", word],
        ["cancel", "--", word],
        ["account", "show", "--", word],
        ["account", "add", "--host", word, "--port", "1"],
        ["sender", "add", "--", word],
        ["mode", "--", word],
        ["settings", "--", f"{word}=1"],
        ["log", "--since", word],
        ["log", "--recipient", word, "--limit", "1"],
        ["send", "--to", word, "--subject", word, "--text", "x"],
        ["key", "add", "--", word],
    ]
    for command in commands[HOSTILE.index(word) % 3 :: 3]:
        told = shell.run(*command)
        assert told.code in (0, 1, 2), (command, told)
        shown = told.out + told.err
        assert "Traceback" not in shown
        assert "inside Postroom" not in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


def test_a_hostile_subject_is_shown_as_data(shell: Shell) -> None:
    message = _id(shell.run("send", "--to", "a@example.org", "--subject", "[red]\u200f{0}%s\\x1b", "--text", "\x1b[2J"))
    assert "[red]" in shell.run("log").expect().out
    told = shell.converse("show", message, "--source", answers={}).expect().out
    assert "\x1b[2J" not in told
    assert "\\x1b[2J" in told


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("POSTROOM_LISTEN", "nowhere"),
        ("POSTROOM_ROLE", "king"),
        ("POSTROOM_NONSENSE", "1"),
        ("POSTROOM_DATABASE", "mysql://x"),
        ("POSTROOM_CONFIG", "/nonexistent.toml"),
    ],
)
def test_wrong_settings_are_named_before_anything_happens(alone: Shell, variable: str, value: str) -> None:
    told = alone.run("log", **{variable: value}).expect(2)
    assert variable in told.err
    assert "Traceback" not in told.err
    assert not (alone.folder / "data").exists()


def test_all_wrong_settings_are_named_at_once(alone: Shell) -> None:
    told = alone.run("serve", POSTROOM_LISTEN="nowhere", POSTROOM_ROLE="king", POSTROOM_NONSENSE="1").expect(2)
    assert all(name in told.err for name in ("POSTROOM_LISTEN", "POSTROOM_ROLE", "POSTROOM_NONSENSE"))


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://", "http://u:p@127.0.0.1:1", "http://[::1", "127.0.0.1:8025", "\x00"]
)
def test_odd_addresses_are_refused_as_usage(alone: Shell, url: str) -> None:
    if url and "\x00" not in url:
        assert alone.run("log", "--url", url, POSTROOM_API_KEY="pr_12345678").expect(2).err.startswith("postroom: ")


def test_nobody_there_is_exit_code_3(alone: Shell) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert "No Postroom answers" in alone.run("log", "--url", url, POSTROOM_API_KEY="pr_12345678").expect(3).err


def test_a_reader_that_goes_away_is_no_error(shell: Shell) -> None:
    for _ in range(3):
        shell.run("send", "--to", "a@example.org", "--text", "x").expect()
    piped = Shell(shell.environment, shell.folder, ["sh", "-c", '"$0" openapi | head -n 1', shell.program[0]])
    assert "Traceback" not in piped.run().err


# Many messages at once


def test_what_a_search_finds_is_counted_written_kept_and_acted_upon(
    postroom: Postroom, shell: Shell, tmp_path: Path
) -> None:
    """The count before, the job, what it could not be done to; nobody is asked where nobody can answer."""
    for number in range(3):
        postroom.api.send("ok@example.org", subject=f"=Offer {number}")
    shell.run("filter", "add", "Offers", "--subject", "offer").expect()
    assert "subject offer" in shell.run("filter", "list").expect().out
    assert shell.run("log", "--saved", "offers", "--count").expect().out == "3\n"
    file = tmp_path / "log.csv"
    shell.run("log", "--subject", "offer", "--csv", str(file)).expect()
    assert file.read_text().count("'=Offer") == 3
    assert "Nobody can be asked" in shell.run("job", "start", "cancel", "--subject", "offer").expect(2).err
    assert "Say which messages" in shell.run("job", "start", "cancel", "--yes").expect(2).err
    done = shell.run("job", "start", "cancel", "--subject", "offer", "--yes", "--json").expect()
    job = json.loads(done.out)
    assert (job["state"], job["found"], job["done"]) == ("done", 3, 3)
    again = shell.run("job", "start", "cancel", "--subject", "offer", "--yes").expect().out
    assert again.count("its state is cancelled") == 3
    assert job["id"] in shell.run("job", "list").expect().out
    assert "can't be taken back" in shell.run("job", "undo", job["id"]).expect(1).err
