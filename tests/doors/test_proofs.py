"""Senders are proven over accounts by a real server: by probes after changes, by mail, on demand; never by guesses."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from postroom.cli.program import build
from postroom.maillog import MailLog
from postroom.model.application import Scope
from postroom.settings import Role, load
from postroom.work.service import Engine
from tests.doors.api_rig import Api, open_api, problem
from tests.doors.api_schema import misfits
from tests.doors.test_api_document import DOCUMENT
from tests.journeys.stranger import Stranger, Visit
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

READER = "proofs@reader.test"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Postroom that delivers, and does not wait before it probes. Every test has a tenant of its own."""
    folder = tmp_path_factory.mktemp("proofs")
    with open_api(folder, Role.ALL, poll_seconds=0.1, smtp_timeout_scale=0.2) as api:
        soon(api.engine)
        yield api


@pytest.fixture
def boss(house: Api) -> httpx2.Client:
    """The administrator of a tenant whose mail leaves."""
    client = house.tenant()
    client.patch("/v1/settings", json={"mode": "smtp"}).raise_for_status()
    return client


@pytest.fixture
def quiet(house: Api) -> httpx2.Client:
    """The same in mode silent: what is asked for is probed, nothing by itself."""
    return house.tenant()


def soon(engine: Engine, settle_ms: int = 0) -> None:
    assert engine.worker is not None
    engine.worker.proving.settle_ms = settle_ms


def turns(house: Api, times: int = 3) -> None:
    """As if the clock had come round so often."""
    assert house.engine.worker is not None
    for _ in range(times):
        house.on_loop(house.engine.worker.proving.run_once())


@contextmanager
def working(folder: Path, url: str) -> Iterator[Engine]:
    """A process that only delivers, in a thread."""
    loop, ready, done = asyncio.new_event_loop(), Future[Engine](), asyncio.Event()

    async def run() -> None:
        wanted = {"database": url, "poll_seconds": 0.1, "smtp_timeout_scale": 0.2}
        settings = load({"POSTROOM_DATA": str(folder)}, cwd=folder, overrides=wanted)
        async with Engine(settings, Role.WORKER, MailLog(None)) as engine:
            ready.set_result(engine)
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        yield ready.result(60)
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(60)
        loop.close()


def account(client: httpx2.Client, port: int, **more: Any) -> dict[str, Any]:
    values = {"name": "Main", "host": "127.0.0.1", "port": port, "encryption": "none", "probe_address": READER, **more}
    made = client.post("/v1/accounts", json=values)
    assert made.status_code == 201, made.text
    return dict(made.json())


def sender(client: httpx2.Client, address: str, **more: Any) -> None:
    client.post("/v1/senders", json={"address": address, **more}).raise_for_status()


def matrix(client: httpx2.Client) -> dict[tuple[str, str], dict[str, Any]]:
    found = client.get("/v1/proofs")
    assert found.status_code == 200, found.text
    shape = DOCUMENT["paths"]["/v1/proofs"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert misfits(DOCUMENT, shape, found.json()) == []
    return {(one["sender"], one["account"]): one for one in found.json()["proofs"]}


def known(client: httpx2.Client, address: str, account: str = "Main", unless: str = "untested") -> dict[str, Any]:
    """The proof, once it is another than `unless`."""
    found: dict[str, Any] = {}

    def told() -> bool:
        found.update(matrix(client).get((address, account), {"state": unless}))
        return bool(found["state"] != unless)

    wait_until(told, 60, lambda: f"what becomes of {address}")
    return found


def prove(client: httpx2.Client, **which: str) -> list[dict[str, Any]]:
    """Asks, and waits for what comes of it."""
    asked = client.post("/v1/proofs", json=which)
    assert asked.status_code == 202, asked.text
    keys = {(one["sender"], one["account"]) for one in asked.json()["proofs"]}
    found: list[dict[str, Any]] = []

    def over() -> bool:
        answer = client.get("/v1/proofs", params={"wait": "true"}).json()["proofs"]
        found[:] = [one for one in answer if (one["sender"], one["account"]) in keys]
        return not any(one["pending"] for one in found)

    wait_until(over, 60, lambda: "the proofs asked for")
    return found


def like_microsoft(visit: Visit, granted: Callable[[], bool] = lambda: False) -> None:
    """Takes the envelope of whoever says it, and refuses after the final dot all but its own mailbox, unless Send As
    is `granted`.
    """
    visit.say(b"220 AM0PR01CA0001.outlook.office365.com Microsoft ESMTP MAIL Service ready\r\n")
    sender = b""
    while line := visit.line():
        verb = line.split(None, 1)[0].upper()
        if verb == b"EHLO":
            visit.say(b"250-outlook.office365.com\r\n250 SIZE 157286400\r\n")
        elif verb == b"DATA":
            visit.say(b"354 Start mail input\r\n")
            while (text := visit.line()) and text != b".\r\n":
                sender = text if text.lower().startswith(b"from:") else sender
            if b"own@firm.test" in sender or granted():
                visit.say(b"250 2.0.0 OK\r\n")
            else:
                visit.say(b"554 5.2.252 SendAsDenied; own@firm.test not allowed to send as other@firm.test\r\n")
        elif verb == b"QUIT":
            return
        else:
            visit.say(b"250 2.1.0 ok\r\n")


def test_after_a_change_a_sender_is_proven_by_one_message_of_its_own(
    house: Api, boss: httpx2.Client, make_sink: Callable[..., Sink]
) -> None:
    sink = make_sink(keep=True)
    sender(boss, "shop@firm.test")
    account(boss, sink.port)
    proof = known(boss, "shop@firm.test")
    assert (proof["state"], proof["told_by"], proof["used"], proof["pending"]) == ("proven", "probe", True, False)
    assert proof["words"].startswith("250")
    records = sink.records()
    assert [(one.sender, one.recipients) for one in records] == [("shop@firm.test", (READER,))]
    source = sink.source(records[0])
    assert b"From: shop@firm.test" in source
    assert b"Auto-Submitted: auto-generated" in source
    boss.patch("/v1/accounts/Main", json={"footer_text": "Bye"}).raise_for_status()
    assert matrix(boss)[("shop@firm.test", "Main")]["state"] == "proven", "that changed nothing of it"
    soon(house.engine, 10**9)
    boss.patch("/v1/accounts/Main", json={"host": "localhost"}).raise_for_status()
    assert matrix(boss)[("shop@firm.test", "Main")]["state"] == "untested"
    turns(house)
    assert len(sink.records()) == 1, "not before the form is filled in"
    soon(house.engine)
    boss.patch("/v1/accounts/Main", json={"host": "127.0.0.1"}).raise_for_status()
    assert known(boss, "shop@firm.test")["state"] == "proven"
    assert len(sink.records()) == 2
    assert boss.get("/v1/messages").json()["messages"] == [], "a probe is nobody's mail"


def test_who_is_refused_only_after_the_dot_is_found_and_told_how_to_get_the_right(boss: httpx2.Client) -> None:
    with Stranger(like_microsoft) as server:
        sender(boss, "own@firm.test")
        sender(boss, "other@firm.test")
        account(boss, server.port, user="own@firm.test", login="none")
        refused, proven = known(boss, "other@firm.test"), known(boss, "own@firm.test")
    assert (refused["state"], proven["state"]) == ("refused", "proven")
    assert "SendAsDenied" in refused["words"]
    assert refused["diagnosis"].startswith("m365")
    assert "Add-RecipientPermission other@firm.test" in refused["remedy"]
    state = {one["address"]: one["paused_reason"] for one in boss.get("/v1/senders").json()["senders"]}
    assert state == {"own@firm.test": "", "other@firm.test": ""}, "a probe only finds out"
    assert boss.get("/v1/accounts/Main").json()["state"] == "ready"
    offered = boss.get("/v1/offered-senders").json()["senders"]
    assert [(one["address"], one["state"]) for one in offered] == [
        ("own@firm.test", "proven"), ("other@firm.test", "refused"),
    ]  # fmt: skip
    assert offered[1]["why"]


def test_a_sender_that_is_proven_again_is_let_go_and_his_mail_leaves(house: Api, boss: httpx2.Client) -> None:
    granted = threading.Event()

    def server_of(visit: Visit) -> None:
        like_microsoft(visit, granted.is_set)

    with Stranger(server_of) as server:
        soon(house.engine, 10**9)
        sender(boss, "other@firm.test")
        account(boss, server.port, user="own@firm.test", login="none")
        body = {"to": "ok@sink.test", "from": "other@firm.test", "subject": "S", "text": "T"}
        message = boss.post("/v1/messages", json=body).raise_for_status().json()["id"]
        await_state(boss, message, "held")
        assert boss.get("/v1/senders/other@firm.test").json()["paused_reason"]
        prove(boss, sender="other@firm.test")
        assert boss.get("/v1/senders/other@firm.test").json()["paused_reason"], "he is still refused"
        granted.set()
        prove(boss, sender="other@firm.test")
        await_state(boss, message, "sent")
        assert boss.get("/v1/senders/other@firm.test").json()["paused_reason"] == ""
        events = [one["kind"] for one in boss.get(f"/v1/messages/{message}/timeline").json()["events"]]
        assert "released" in events
    soon(house.engine)


def await_state(client: httpx2.Client, message: str, state: str) -> None:
    def told() -> list[str]:
        return [one["state"] for one in client.get(f"/v1/messages/{message}").json()["recipients"]]

    wait_until(lambda: told() == [state], 60, lambda: f"{state}, not {told()}")


def test_an_envelope_alone_refuses_but_never_proves(boss: httpx2.Client, sink: Sink) -> None:
    """Without a probe address nothing is sent: MAIL, RCPT, RSET."""
    sender(boss, "shop@firm.test")
    sender(boss, "notallowed@firm.test")
    account(boss, sink.port, probe_address="")
    assert known(boss, "notallowed@firm.test")["state"] == "refused"
    wait_until(lambda: bool(matrix(boss)[("shop@firm.test", "Main")]["trouble"]), 60, lambda: "the answer")
    proof = matrix(boss)[("shop@firm.test", "Main")]
    assert proof["state"] == "untested"
    assert "probe address" in proof["trouble"]
    assert sink.records() == []


def test_mail_that_leaves_proves_its_sender_without_a_probe(house: Api, boss: httpx2.Client, sink: Sink) -> None:
    soon(house.engine, 10**9)
    sender(boss, "shop@firm.test")
    sender(boss, "notallowed@firm.test")
    account(boss, sink.port)
    turns(house)
    soon(house.engine)
    for address in ("shop@firm.test", "notallowed@firm.test"):
        body = {"to": "ok@sink.test", "from": address, "subject": "S", "text": "T"}
        boss.post("/v1/messages", json=body).raise_for_status()
    proven, refused = known(boss, "shop@firm.test"), known(boss, "notallowed@firm.test")
    assert (proven["state"], proven["told_by"]) == ("proven", "mail")
    assert (refused["state"], refused["told_by"]) == ("refused", "mail")
    assert refused["title"]
    assert [one.recipients for one in sink.records()] == [("ok@sink.test",)]


def test_postfix_that_ties_senders_to_logins_is_understood(
    quiet: httpx2.Client, sink: Sink, make_postfix: Callable[..., Any]
) -> None:
    """A real server; without a probe address the refusal is certain, with one the rest is."""
    maps = {
        "smtpd_sender_login_maps": "inline:{ {shop@firm.test = anna}, {ceo@firm.test = boss} }",
        "smtpd_sender_restrictions": "reject_sender_login_mismatch",
    }
    postfix = make_postfix(sink.port, users={"anna": "correct horse"}, settings=maps)
    sender(quiet, "shop@firm.test")
    sender(quiet, "ceo@firm.test")
    login = {"login": "password", "user": "anna", "secret": "correct horse"}
    account(quiet, postfix.port, probe_address="", **login)
    states = {one["sender"]: one for one in prove(quiet)}
    assert (states["ceo@firm.test"]["state"], states["shop@firm.test"]["state"]) == ("refused", "untested")
    assert "not owned by user anna" in states["ceo@firm.test"]["words"]
    assert states["ceo@firm.test"]["remedy"]
    assert sink.records() == []
    quiet.patch("/v1/accounts/Main", json={"probe_address": READER}).raise_for_status()
    assert {one["sender"]: one["state"] for one in prove(quiet)} == {
        "ceo@firm.test": "refused", "shop@firm.test": "proven",
    }  # fmt: skip
    assert [one.recipients for one in sink.wait_for(1)] == [(READER,)]


def test_a_server_that_is_away_takes_no_proof_back(quiet: httpx2.Client, make_sink: Callable[..., Sink]) -> None:
    sink = make_sink()
    sender(quiet, "shop@firm.test")
    account(quiet, sink.port)
    assert [one["state"] for one in prove(quiet)] == ["proven"]
    sink.stop()
    found = prove(quiet)
    assert [one["state"] for one in found] == ["proven"]
    assert found[0]["trouble"]


def test_nothing_is_probed_by_itself_where_mail_does_not_leave(house: Api, quiet: httpx2.Client, sink: Sink) -> None:
    sender(quiet, "shop@firm.test")
    account(quiet, sink.port)
    turns(house)
    assert sink.entries("connect") == []
    quiet.patch("/v1/settings", json={"mode": "smtp"}).raise_for_status()
    known(quiet, "shop@firm.test")
    quiet.post("/v1/accounts/Main/pause").raise_for_status()
    problem(quiet.post("/v1/proofs", json={}), 409)
    assert len(sink.records()) == 1


def test_a_probe_keeps_to_the_account_s_limits(house: Api, quiet: httpx2.Client, sink: Sink) -> None:
    for name in ("a", "b", "c"):
        sender(quiet, f"{name}@firm.test")
    account(quiet, sink.port, limits={"per_day": 2, "connections": 1})
    quiet.post("/v1/proofs").raise_for_status()
    wait_until(lambda: len(sink.records()) == 2, 60, lambda: "two probes")
    turns(house, 5)
    states = sorted(one["state"] for one in matrix(quiet).values())
    assert states.count("untested") >= 1
    assert len(sink.records()) == 2


def test_the_non_production_guard_keeps_the_message_here(quiet: httpx2.Client, sink: Sink) -> None:
    quiet.patch("/v1/settings", json={"guard_allow": ["@tests.test"]}).raise_for_status()
    sender(quiet, "shop@firm.test")
    account(quiet, sink.port)
    assert [one["state"] for one in prove(quiet)] == ["untested"]
    assert sink.records() == []


def test_what_is_asked_for_has_to_be_there_and_one_s_own(house: Api, quiet: httpx2.Client, sink: Sink) -> None:
    sender(quiet, "shop@firm.test")
    account(quiet, sink.port)
    account(quiet, sink.port, name="Second", probe_address="")
    for which in ({"sender": "nobody@firm.test"}, {"sender": "x"}, {"account": "Third"}, {"sender": 7}):
        assert problem(quiet.post("/v1/proofs", json=which), 422)["faults"]
    other = house.tenant()
    assert other.get("/v1/proofs").json() == {"proofs": []}
    problem(other.post("/v1/proofs", json={"account": "Main"}), 422)
    found = prove(quiet, sender="shop@firm.test", account="Second")
    assert [(one["account"], one["state"]) for one in found] == [("Second", "untested")]
    reader = house.tenant(Scope.SETTINGS_READ)
    problem(reader.post("/v1/proofs", json={}), 403)
    problem(reader.get("/v1/offered-senders"), 403)


def test_an_application_is_offered_only_what_it_may_use(house: Api, quiet: httpx2.Client, sink: Sink) -> None:
    for name in ("shop", "news", "ceo"):
        sender(quiet, f"{name}@firm.test")
    account(quiet, sink.port)
    prove(quiet, sender="news@firm.test")
    values = {"name": "Till", "senders": ["shop@firm.test", "news@firm.test"]}
    quiet.post("/v1/applications", json=values).raise_for_status()
    made = quiet.post("/v1/applications/Till/keys", json={"scopes": ["messages:send"]}).json()
    client = house.with_key(made["key"])
    offered = client.get("/v1/offered-senders").json()["senders"]
    assert [(one["address"], one["state"]) for one in offered] == [
        ("news@firm.test", "proven"), ("shop@firm.test", "untested"),
    ]  # fmt: skip


def test_one_process_takes_the_wish_and_another_probes_and_two_probe_once(
    tmp_path: Path, postgres_url: str, make_sink: Callable[..., Sink]
) -> None:
    """Roles apart, and two workers side by side on one database."""
    sink, folder = make_sink(), tmp_path / "data"
    with open_api(folder, Role.HTTP, database=postgres_url) as door:
        for n in range(5):
            sender(door.boss, f"s{n}@firm.test")
        account(door.boss, sink.port, limits={"connections": 2})
        with working(folder, postgres_url) as one, working(folder, postgres_url) as two:
            soon(one)
            soon(two)
            assert {proof["state"] for proof in prove(door.boss)} == {"proven"}
        assert sorted(record.sender or "" for record in sink.records()) == sorted(f"s{n}@firm.test" for n in range(5))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """The command line with no Postroom running: it does everything in its own process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSTROOM_DATA", str(tmp_path / "own"))
    monkeypatch.delenv("POSTROOM_API_URL", raising=False)

    def call(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            build()(args=list(words), prog_name="postroom")
        shown = capsys.readouterr()
        return int(str(ended.value.code or 0)), shown.out + shown.err

    return call


def test_the_command_line_proves_without_a_running_postroom(run: Any, sink: Sink) -> None:
    run("sender", "add", "shop@firm.test")
    way = ("--host", "127.0.0.1", "--port", str(sink.port), "--encryption", "none")
    code, shown = run("account", "add", "--name", "Main", *way, "--probe-address", READER)
    assert code == 0, shown
    code, shown = run("proof", "run")
    assert (code, "proven" in shown) == (0, True), shown


def test_the_command_line_shows_the_matrix_and_explains(
    run: Any, house: Api, quiet: httpx2.Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTROOM_API_URL", house.server.url)
    monkeypatch.setenv("POSTROOM_API_KEY", str(quiet.headers["authorization"]).removeprefix("Bearer "))
    assert "no sender" in run("proof", "show")[1]
    sender(quiet, "shop@firm.test")
    sender(quiet, "notallowed@firm.test")
    account(quiet, sink.port)
    assert "untested" in run("proof", "show")[1]
    code, shown = run("proof", "run")
    assert code == 1
    assert "refused" in shown
    assert "The server said: 550 5.7.60" in shown
    code, shown = run("proof", "show", "--json")
    assert {one["state"] for one in json.loads(shown)["proofs"]} == {"proven", "refused"}
    code, shown = run("proof", "offered")
    assert code == 0, shown
    assert shown.index("shop@firm.test") < shown.index("notallowed@firm.test"), "the proven one first"
    assert "refused" in shown
