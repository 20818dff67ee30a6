"""The test of an account: every step is told, truly and live, and nothing counts that was not done."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from tests.journeys.stranger import Stranger, Visit
from tests.journeys.test_faults_explained import FAULTS, LOGIN, POSTFIX, Fault, played
from tests.journeys.test_real_delivery import USERS
from tests.journeys.test_real_delivery import server as server  # a fixture
from tests.rigs.certificates import Certificates
from tests.rigs.postroom import Postroom
from tests.rigs.sink import Sink
from tests.rigs.socks import Microsocks

SECRET = "correct horse"
ORDER = [
    "resolve", "connector", "connect", "tls", "greeting", "ehlo", "login", "sender", "recipient", "content",
    "accepted", "arrived",
]  # fmt: skip
STEP = {b"AUTH": "login", b"MAIL": "sender", b"RCPT": "recipient", b".": "accepted"}
GOOD = Fault(POSTFIX, b"NONE", "", "", "", "", "")
Steps = dict[str, dict[str, Any]]


@pytest.fixture
def postroom(
    fork_postroom: Callable[..., Postroom], certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> Postroom:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    return fork_postroom(poll_seconds=0.1, instant_seconds=20).start()


@pytest.fixture
def stranger() -> Iterator[Callable[[Callable[[Visit], None]], Stranger]]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(Stranger(script))


def walked(postroom: Postroom, account: str, **asked: Any) -> tuple[dict[str, Any], Steps]:
    """A test to its end: all of it, and what holds of each step."""
    body = {"to": "ok+test@sink.test", "wait": True, **asked}
    found = postroom.api.post(f"/v1/accounts/{account}/tests", body).expect(202)
    assert found["state"] != "running"
    latest = {step["step"]: step for step in found["steps"]}
    assert sorted(latest) == sorted(ORDER), "a word on every step"
    assert [step["n"] for step in found["steps"]] == list(range(1, len(found["steps"]) + 1))
    kept = postroom.api.get(f"/v1/tests/{found['id']}").expect(200)
    assert kept == found, "it is kept as it was told"
    return found, latest


def findings(latest: Steps) -> dict[str, str]:
    return {name: latest[name]["finding"] for name in ORDER}


def test_the_most_frequent_faults_are_found_at_their_step_and_explained_by_their_rule(
    postroom: Postroom, stranger: Callable[[Callable[[Visit], None]], Stranger]
) -> None:
    for number, fault in enumerate(FAULTS):
        name, sender = f"fault-{number}", f"app{number}@sink.test"
        account = {**fault.account, "sender_address": sender}
        postroom.deliver_to(stranger(played(fault)).port, name=name, **account)
        found, latest = walked(postroom, name, to="ann@sink.test")
        step = latest[STEP[fault.command]]
        told = (step["finding"], step["diagnosis"]["id"], step["diagnosis"]["scope"], step["diagnosis"]["field"])
        assert told == ("failed", fault.diagnosis, fault.scope, fault.setting), fault.reply
        assert fault.reply[:20] in step["said"]
        after = ORDER[ORDER.index(STEP[fault.command]) + 1 :]
        assert {latest[name]["finding"] for name in after} == {"not-tested"}, fault.reply
        assert found["state"] == "failed"
        assert SECRET not in json.dumps(found)
        kept = postroom.api.get(f"/v1/accounts/{name}").expect(200)
        assert (kept["state"] == "paused") is (fault.paused and fault.command == b"."), "a walk pauses no account"


@pytest.mark.parametrize("edited", [False, True], ids=["saved", "edited"])
def test_wherever_the_server_falls_silent_nothing_after_it_counts(
    postroom: Postroom, stranger: Callable[[Callable[[Visit], None]], Stranger], edited: bool
) -> None:
    """The property: `accepted` is passed if and only if the server said yes to the end of the message."""
    walk = ["greeting", "ehlo", "login", "sender", "recipient"]
    for answers in range(12):
        name, said_yes = f"cut-{answers}", threading.Event()
        account = {**LOGIN, "sender_address": f"cut{answers}@sink.test"}
        postroom.deliver_to(stranger(_cut_after(answers, said_yes)).port, name=name, **account)
        asked: dict[str, Any] = {"secret": SECRET} if edited else {}
        found, latest = walked(postroom, name, **asked)
        passed = [step for step in walk if latest[step]["finding"] == "passed"]
        failed = [step for step in ORDER if latest[step]["finding"] == "failed"]
        assert passed == [step for step in walk[:answers] if step not in failed], findings(latest)
        assert len(failed) <= 1, "one connection was cut, at one step"
        assert (latest["accepted"]["finding"] == "passed") is said_yes.is_set(), findings(latest)
        assert (found["state"] == "passed") is said_yes.is_set()
        assert latest["arrived"]["finding"] == "not-tested"
        assert found["edited"] is edited


def _cut_after(answers: int, said_yes: threading.Event) -> Callable[[Visit], None]:
    """A server that hangs up after so many answers on all its connections together, not counting RSET and QUIT."""
    left = [answers]

    def script(visit: Visit) -> None:
        yes = {b"EHLO": b"250-s.test\r\n250 AUTH PLAIN LOGIN\r\n", b"AUTH": b"235 in\r\n", b"DATA": b"354 go\r\n"}
        free, body, first = (b"RSET", b"QUIT"), False, True
        while first or (line := visit.line()):
            word = (
                b"" if first else b"." if line == b".\r\n" else line.split(None, 1)[0].upper() if line.strip() else b""
            )
            if body and word != b".":
                continue
            if word not in free:
                if left[0] <= 0:
                    return
                left[0] -= 1
            if word == b".":
                said_yes.set()
            visit.say(b"220 s.test ESMTP\r\n" if first else yes.get(word, b"250 ok\r\n"))
            body, first = word == b"DATA", False

    return script


def test_a_server_that_repeats_what_it_was_told_gets_no_secret_into_a_report(
    postroom: Postroom, stranger: Callable[[Callable[[Visit], None]], Stranger]
) -> None:
    token = base64.b64encode(f"\0bot@sink.test\0{SECRET}".encode()).decode()
    echo = f"you said {token} that is {SECRET}, {SECRET.encode().hex()}".encode()

    def parrot(visit: Visit) -> None:
        visit.say(b"220 parrot.test ESMTP\r\n")
        replies = {b"EHLO": b"250-parrot.test\r\n250 AUTH PLAIN\r\n", b"AUTH": b"235 " + echo + b"\r\n"}
        replies |= {b"MAIL": b"250 " + echo + b"\r\n", b"RCPT": b"550 5.1.1 " + echo + b"\r\n", b"QUIT": b"221 bye\r\n"}
        visit.answer(replies)

    postroom.deliver_to(stranger(parrot).port, name="parrot", **LOGIN)
    found, latest = walked(postroom, "parrot")
    assert findings(latest)["recipient"] == "failed"
    told = json.dumps(found)
    assert "you said" in told
    message = postroom.api.send("ann@sink.test", account="parrot")
    postroom.api.wait_for_state(message, "failed")
    path = f"/v1/messages/{message}"
    told += json.dumps([postroom.api.get(path).expect(200), postroom.api.get(f"{path}/timeline").expect(200)])
    assert told.count("you said") > 4
    for trace in (SECRET, token, SECRET.encode().hex()):
        assert trace not in told, "neither in a test's report nor in a message's timeline"


def test_values_that_are_not_saved_get_no_stored_password(
    postroom: Postroom, sink: Sink, stranger: Callable[[Callable[[Visit], None]], Stranger]
) -> None:
    """P7: a server that would gladly take it hears no AUTH, until a password is typed along; and then only that one."""
    thief = stranger(played(GOOD))
    postroom.deliver_to(sink.port, name="relay", **LOGIN)
    for values in ({"host": "127.0.0.1", "port": thief.port}, {"user": "bob"}, {"certificate_check": "ignore"}):
        body = {"to": "ok@sink.test", "values": {"port": thief.port, **values}, "wait": True}
        refused = postroom.api.post("/v1/accounts/relay/tests", body).expect(422)
        assert [fault["field"] for fault in refused["faults"]] == ["secret"]
    assert b"AUTH" not in thief.heard
    found, latest = walked(postroom, "relay", values={"port": thief.port}, secret="typed just now")
    assert (found["state"], found["edited"], found["message_id"]) == ("passed", True, None)
    assert "not saved" in latest["accepted"]["sentence"]
    assert base64.b64encode(b"\0bot@sink.test\0typed just now") in thief.heard
    assert b"Test message from Postroom" in thief.heard
    account = postroom.api.get("/v1/accounts/relay").expect(200)
    assert (account["port"], account["version"], account["tested_at"]) == (sink.port, 1, None), "nothing was changed"
    unchanged, _ = walked(postroom, "relay", values={"port": sink.port})
    assert unchanged["edited"] is False, "the very values that are saved"
    trail = postroom.api.get("/v1/audit").expect(200)["entries"]
    mine = [entry for entry in trail if entry["verb"] == "account.tested"]
    assert [entry["after"].get("edited", False) for entry in mine] == [False, True]
    assert "typed just now" not in json.dumps(trail)


def test_a_new_accounts_values_are_tested_before_it_is_made(postroom: Postroom, sink: Sink) -> None:
    values = {"host": "127.0.0.1", "port": sink.port, "encryption": "none", "sender_address": "me@sink.test"}
    body = {"to": "ok@sink.test", "values": values, "subject": "Früh", "text": "Schon da.", "wait": True}
    found = postroom.api.post("/v1/tests", body).expect(202)
    assert (found["state"], found["account_id"], found["subject"]) == ("passed", None, "Früh")
    assert sink.wait_for(1)[0].recipients == ("ok@sink.test",)
    assert postroom.api.get("/v1/accounts").expect(200)["accounts"] == []
    assert postroom.api.get("/v1/messages").expect(200)["messages"] == []


@pytest.mark.parametrize("server", ["postfix", "dovecot", "exim"], indirect=True)
def test_real_servers_are_walked_through_to_the_end(
    postroom: Postroom, sink: Sink, server: Callable[[int], int]
) -> None:
    account = {"encryption": "starttls", "login": "password", "user": "anna", "secret": USERS["anna"]}
    postroom.deliver_to(server(sink.port), name="real", host="localhost", **account)
    found, latest = walked(postroom, "real", subject="To the end")
    assert found["state"] == "passed", found
    assert findings(latest) | {"connector": "", "arrived": ""} == dict.fromkeys(ORDER, "passed") | {
        "connector": "",
        "arrived": "",
    }
    assert latest["greeting"]["seen"]["family"] in ("postfix", "dovecot", "exim")
    assert latest["tls"]["seen"]["protocol"].startswith("TLSv1.")
    assert "localhost" in latest["tls"]["seen"]["chain"][0]["names"]
    assert "PLAIN" in latest["login"]["seen"]["offered"]
    assert latest["accepted"]["said"].startswith("250")
    assert any("C: MAIL FROM:" in line for line in latest["content"]["lines"])
    assert USERS["anna"] not in json.dumps(found)
    assert sink.wait_for(1)[0].recipients == ("ok+test@sink.test",)
    assert postroom.api.get("/v1/accounts/real").expect(200)["tested_at"] is not None
    _, refused = walked(postroom, "real", values={"secret": "wrong"})
    assert (refused["login"]["finding"], refused["login"]["diagnosis"]["field"]) == ("failed", "secret")
    pinned = {"certificate_check": "pinned", "certificate_pin": "ab" * 32}
    _, stranger = walked(postroom, "real", values=pinned, secret=USERS["anna"])
    assert stranger["tls"]["finding"] == "failed"
    assert stranger["tls"]["seen"]["chain"], "a refused certificate is shown all the same"
    assert stranger["login"]["finding"] == "not-tested"


def test_what_becomes_of_it_is_told_truly_whatever_the_mode_and_the_account(postroom: Postroom, sink: Sink) -> None:
    postroom.deliver_to(sink.port, name="relay")
    for mode, words in (("silent", "kept here"), ("disabled", "no other mail")):
        postroom.api.call("PATCH", "/v1/settings", {"mode": mode}).expect(200)
        found, latest = walked(postroom, "relay")
        assert (found["state"], found["mode"]) == ("passed", mode)
        assert words in latest["accepted"]["sentence"]
    postroom.api.post("/v1/accounts/relay/pause", {}).expect(200)
    found, latest = walked(postroom, "relay")
    assert (found["state"], found["message_id"]) == ("incomplete", None)
    assert (latest["recipient"]["finding"], latest["content"]["finding"]) == ("passed", "not-tested")
    assert "paused" in latest["accepted"]["sentence"]
    assert len(sink.wait_for(2)) == 2, "nothing was handed over for the paused account"
    refused, latest = walked(postroom, "relay", values={"port": 1})
    assert (refused["state"], latest["connect"]["finding"]) == ("failed", "failed")
    assert latest["connect"]["diagnosis"]["id"] == "connection-refused"


def test_the_hosts_own_command_is_tested_as_the_way_of_all_mail(
    fork_postroom: Callable[..., Postroom], sink: Sink
) -> None:
    postroom = fork_postroom(poll_seconds=0.1, native_command="/bin/false", instant_seconds=20).start()
    postroom.deliver_to(sink.port, name="relay")
    asked = {"to": "ok@sink.test", "wait": True}
    assert "not native" in postroom.api.post("/v1/accounts/native/tests", asked).expect(409)["detail"]
    postroom.api.call("PATCH", "/v1/settings", {"mode": "native"}).expect(200)
    found, latest = walked(postroom, "native")
    assert (found["state"], found["account_id"]) == ("failed", None)
    assert {latest[name]["finding"] for name in ORDER[:9]} == {"not-needed"}
    assert latest["accepted"]["diagnosis"]["scope"]


def test_steps_are_heard_as_they_happen_and_a_listener_can_come_back(
    postroom: Postroom, stranger: Callable[[Callable[[Visit], None]], Stranger]
) -> None:
    """The server waits before it answers MAIL until the report about the login was heard."""
    go_on = threading.Event()

    def slow(visit: Visit) -> None:
        visit.say(b"220 slow.test ESMTP\r\n")
        yes = {b"EHLO": b"250-s\r\n250 AUTH PLAIN\r\n", b"AUTH": b"235 in\r\n", b"QUIT": b"221 bye\r\n"}
        while line := visit.line():
            word = line.split(None, 1)[0].upper()
            if word == b"MAIL":
                assert go_on.wait(60)
            visit.say(b"550 5.1.0 no\r\n" if word == b"MAIL" else yes.get(word, b"250 ok\r\n"))

    postroom.deliver_to(stranger(slow).port, name="slow", **LOGIN)
    headers = {"Authorization": f"Bearer {postroom.key}", "Accept": "text/event-stream", "Accept-Language": "de"}
    client = httpx2.Client(base_url=postroom.url, headers=headers, timeout=60, trust_env=False)
    heard: list[dict[str, Any]] = []
    with client.stream("POST", "/v1/accounts/slow/tests", json={"to": "ok@sink.test"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        first = _event(lines)
        assert first["event"] == "test"
        while not heard or heard[-1]["data"]["step"] != "login":
            heard.append(_event(lines))
        assert heard[-1]["data"]["finding"] == "passed"
        test_id = first["data"]["id"]
        assert postroom.api.get(f"/v1/tests/{test_id}").expect(200)["state"] == "running"
    with client.stream("GET", f"/v1/tests/{test_id}/events", headers={"Last-Event-ID": heard[-1]["id"]}) as answer:
        lines = answer.iter_lines()
        assert _event(lines)["event"] == "test"
        go_on.set()
        rest = []
        while not rest or rest[-1]["event"] != "end":
            rest.append(_event(lines))
    client.close()
    assert [one["data"]["step"] for one in rest[:-1]] == ["sender", "recipient", "content", "accepted", "arrived"]
    assert rest[-1]["data"]["state"] == "failed"
    assert rest[1]["data"]["sentence"] == "Nicht geprüft, weil es nicht so weit kam."


def _event(lines: Iterator[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in lines:
        if not line:
            if "event" in found:
                return found
            continue
        name, _, value = line.partition(":")
        if name:
            found[name] = json.loads(value) if name == "data" else value.strip()
    raise AssertionError("the stream ended")


def test_the_way_leads_through_a_connector_and_says_where_it_ends(
    postroom: Postroom, sink: Sink, tmp_path: Any
) -> None:
    with Microsocks(tmp_path, "me", "let me through") as proxy:
        made = {"name": "office", "kind": "socks5", "host": "127.0.0.1", "port": proxy.port, "user": "me"}
        postroom.api.post("/v1/connectors", made | {"secret": "let me through"}).expect(201)
        postroom.deliver_to(sink.port, name="relay", connector="office")
        found, latest = walked(postroom, "relay")
        assert found["state"] == "passed"
        assert (latest["resolve"]["finding"], latest["connector"]["finding"]) == ("not-needed", "passed")
        _, behind = walked(postroom, "relay", values={"port": 1})
        assert (behind["connector"]["finding"], behind["connect"]["finding"]) == ("passed", "failed")
    _, gone = walked(postroom, "relay")
    assert (gone["connector"]["finding"], gone["connect"]["finding"]) == ("failed", "not-tested")
    assert gone["connector"]["diagnosis"]["id"] == "connector-unreachable"


def test_a_worker_of_another_process_sends_the_message_and_any_process_reads_the_test(
    fork_postroom: Callable[..., Postroom], postgres_url: str, sink: Sink
) -> None:
    door = fork_postroom(database=postgres_url, role="http", poll_seconds=0.1, instant_seconds=1).start()
    door.deliver_to(sink.port, name="relay")
    waits, latest = walked(door, "relay")
    assert (waits["state"], latest["content"]["finding"], latest["accepted"]["finding"]) == (
        "incomplete", "waiting", "not-tested",
    )  # fmt: skip
    fork_postroom(database=postgres_url, role="worker", poll_seconds=0.1).start()
    door.api.wait_for_state(waits["message_id"], "sent")
    other = fork_postroom(database=postgres_url, role="http", poll_seconds=0.1).start()
    assert other.api.get(f"/v1/tests/{waits['id']}/events?wait=20").expect(200) == waits


def test_a_test_that_was_cut_off_with_its_process_is_told_as_stopped_at_once(
    postroom: Postroom, stranger: Callable[[Callable[[Visit], None]], Stranger]
) -> None:
    """And what failed on this side of the server is not told as its words."""
    postroom.deliver_to(stranger(lambda visit: visit.wait_for_the_end()).port, name="silent", **LOGIN)
    begun = postroom.api.post("/v1/accounts/silent/tests", {"to": "ok@sink.test"}).expect(202)
    assert begun["state"] == "running"
    postroom.kill9()
    postroom.start()
    found = postroom.api.get(f"/v1/tests/{begun['id']}").expect(200)
    assert found["state"] == "stopped"
    assert [one["state"] for one in postroom.api.get("/v1/accounts/silent/tests").expect(200)["tests"]] == ["stopped"]
    _, latest = walked(postroom, "silent", values={"port": 1}, secret=SECRET)
    failed = latest["connect"]
    assert (failed["finding"], failed["answered"]) == ("failed", False)
    assert failed["said"]
