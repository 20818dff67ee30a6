"""What becomes of mail by what was set: modes, also when they change while mail waits; times; acts; a clean stop."""

from __future__ import annotations

import asyncio
import datetime
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft
from postroom.model.tenant import INSTALLATION
from postroom.settings import load
from postroom.work.service import Engine
from tests.journeys.aftermath import query
from tests.rigs.ledger import LedgerClient
from tests.rigs.oracle import account_of, judge
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

ADA = Actor(INSTALLATION, frozenset({Scope.ADMIN}), name="ada")


@pytest.fixture
def postroom(fork_postroom: Callable[..., Postroom]) -> Postroom:
    return fork_postroom(poll_seconds=0.1).start()


def mode(postroom: Postroom, word: str) -> None:
    postroom.api.call("PATCH", "/v1/settings", {"mode": word}).expect(200)


def states(postroom: Postroom, message: str) -> set[str]:
    return set(postroom.api.states(message).values())


def in_seconds(seconds: float) -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).isoformat()


# -- modes ------------------------------------------------------------------------------------------------------------


def test_disabled_takes_mail_without_an_error_and_keeps_no_content(postroom: Postroom, sink: Sink) -> None:
    postroom.deliver_to(sink.port)
    mode(postroom, "disabled")
    message = postroom.api.send("ok@sink.test")
    assert states(postroom, message) == {"disabled"}
    assert postroom.api.get(f"/v1/messages/{message}/content").status == 404
    assert postroom.api.post(f"/v1/messages/{message}/resend").status == 409
    assert sink.entries() == []


def test_silent_keeps_mail_and_releases_one_all_or_to_another(postroom: Postroom, sink: Sink) -> None:
    postroom.deliver_to(sink.port)
    mode(postroom, "silent")
    one, other, *rest = [postroom.api.send(f"ok+{n}@sink.test") for n in range(6)]
    assert states(postroom, one) == {"silenced"}
    assert b"A test." in postroom.api.get(f"/v1/messages/{one}/content").body
    assert sink.entries() == []
    postroom.api.post(f"/v1/messages/{one}/release").expect(200)
    postroom.api.wait_for_state(one, "sent")
    copy = postroom.api.post(f"/v1/messages/{other}/release", {"to": ["tester@sink.test"]}).expect(200, 202)
    postroom.api.wait_for_state(copy["id"], "sent")
    assert states(postroom, other) == {"silenced"}, "its own recipient got nothing"
    released = postroom.api.post("/v1/messages/release").expect(200)
    assert released["released"] == 5
    for message in (other, *rest):
        postroom.api.wait_for_state(message, "sent")
    first, to_tester, *_ = sink.taken()
    assert (first.recipients, to_tester.recipients) == (("ok+0@sink.test",), ("tester@sink.test",))
    assert sorted(address for _, address in sink.deliveries()) == sorted(
        ["tester@sink.test", *(f"ok+{n}@sink.test" for n in range(6))]
    )


def test_what_can_not_be_released_keeps_nothing_else_back(
    fork_postroom: Callable[..., Postroom], sink: Sink, sqlite_url: str
) -> None:
    postroom = fork_postroom(database=sqlite_url, poll_seconds=0.1).start()
    postroom.deliver_to(sink.port)
    mode(postroom, "silent")
    gone, *others = [postroom.api.send(f"ok+{n}@sink.test") for n in range(3)]
    postroom.stop()
    query(sqlite_url, "DELETE FROM content WHERE message_id = (SELECT min(message_id) FROM content)")
    postroom.start()
    assert postroom.api.post("/v1/messages/release").expect(200)["released"] == 2
    for message in others:
        postroom.api.wait_for_state(message, "sent")
    assert states(postroom, gone) == {"silenced"}
    refused = postroom.api.post("/v1/messages/release")
    assert refused.status == 409
    assert "content" in str(refused.body)


NATIVE = """
import pathlib, sys
taken = pathlib.Path(__file__).with_name("taken")
taken.mkdir(exist_ok=True)
name = str(len(list(taken.iterdir())))
body = sys.stdin.buffer.read()
(taken / name).write_bytes("\\n".join(sys.argv[1:]).encode() + b"\\n\\n" + body)
"""


def test_native_hands_mail_to_the_operators_command(fork_postroom: Callable[..., Postroom], tmp_path: Path) -> None:
    """The envelope as arguments, which no shell ever reads."""
    command = tmp_path / "command.py"
    command.write_text(NATIVE)
    postroom = fork_postroom(native_command=f"{sys.executable} {command}", poll_seconds=0.1).start()
    postroom.api.post("/v1/senders", {"address": "shop@sender.test"}).expect(201)
    mode(postroom, "native")
    odd = "o'neil+$HOME`id`|&@sink.test"
    message = postroom.api.send("ok@sink.test", odd)
    postroom.api.wait_for_state(message, "sent")
    (taken,) = (tmp_path / "taken").iterdir()
    arguments, _, body = taken.read_bytes().partition(b"\n\n")
    words = arguments.decode().split("\n")
    assert words[-2:] == ["ok@sink.test", odd]
    assert "shop@sender.test" in " ".join(words)
    assert b"Subject: Test" in body


def test_a_native_command_that_fails_for_a_while_keeps_the_mail(
    fork_postroom: Callable[..., Postroom], tmp_path: Path
) -> None:
    """EX_TEMPFAIL: it waits for its next try."""
    command = tmp_path / "command.py"
    command.write_text(f"import os, sys\nif not os.path.exists({str(tmp_path / 'up')!r}): sys.exit(75)\n{NATIVE}")
    postroom = fork_postroom(native_command=f"{sys.executable} {command}", poll_seconds=0.1).start()
    postroom.api.post("/v1/senders", {"address": "shop@sender.test"}).expect(201)
    mode(postroom, "native")
    message = postroom.api.send("ok@sink.test")
    postroom.api.wait_for_state(message, "deferred")
    (tmp_path / "up").touch()
    postroom.settle([message])
    assert states(postroom, message) == {"sent"}


@pytest.mark.parametrize(("word", "state"), [("silent", "silenced"), ("disabled", "disabled")])
def test_mail_that_waits_follows_a_mode_that_changes(postroom: Postroom, sink: Sink, word: str, state: str) -> None:
    """What was accepted to be sent is looked at again before it leaves."""
    account = postroom.deliver_to(sink.port)
    postroom.api.post(f"/v1/accounts/{account}/pause", {"reason": "for the test"}).expect(200)
    waiting = [postroom.api.send(f"ok+{n}@sink.test") for n in range(3)]
    mode(postroom, word)
    postroom.api.post(f"/v1/accounts/{account}/resume").expect(200)
    for message in waiting:
        postroom.api.wait_for_state(message, state)
    assert sink.entries() == []


def test_mail_that_waits_for_smtp_leaves_by_the_native_command_when_that_is_the_mode(
    fork_postroom: Callable[..., Postroom], sink: Sink, tmp_path: Path
) -> None:
    command = tmp_path / "command.py"
    command.write_text(NATIVE)
    postroom = fork_postroom(native_command=f"{sys.executable} {command}", poll_seconds=0.1).start()
    account = postroom.deliver_to(sink.port)
    postroom.api.post(f"/v1/accounts/{account}/pause", {"reason": "for the test"}).expect(200)
    message = postroom.api.send("ok@sink.test")
    mode(postroom, "native")
    postroom.api.post(f"/v1/accounts/{account}/resume").expect(200)
    postroom.api.wait_for_state(message, "sent")
    assert sink.entries() == []
    assert len(list((tmp_path / "taken").iterdir())) == 1


def test_a_worker_that_has_not_heard_of_a_new_mode_does_not_keep_mail_back(
    fork_postroom: Callable[..., Postroom], sink: Sink, postgres_url: str
) -> None:
    """It reads the settings only now and then; mail that was accepted under newer ones is judged by those."""
    door = fork_postroom(database=postgres_url, role="http").start()
    door.deliver_to(sink.port)
    mode(door, "silent")
    fork_postroom(database=postgres_url, role="worker", poll_seconds=1.5).start()
    for n in range(6):
        mode(door, "smtp" if n % 2 == 0 else "silent")
        message = door.api.send(f"ok+{n}@sink.test")
        door.api.wait_for_state(message, "sent", "silenced")
        assert states(door, message) == ({"sent"} if n % 2 == 0 else {"silenced"}), n


def test_mail_that_waits_follows_a_default_that_moves(postroom: Postroom, make_sink: Callable[..., Sink]) -> None:
    old, new = make_sink(), make_sink()
    first = postroom.deliver_to(old.port, name="old")
    second = postroom.deliver_to(new.port, name="new")
    postroom.api.post(f"/v1/accounts/{first}/pause", {"reason": "for the test"}).expect(200)
    follows = postroom.api.send("ok+follows@sink.test")
    stays = postroom.api.send("ok+stays@sink.test", account="old")
    postroom.api.post(f"/v1/accounts/{second}/default").expect(200)
    postroom.api.wait_for_state(follows, "sent")
    assert states(postroom, stays) == {"held"}
    postroom.api.post(f"/v1/accounts/{first}/resume").expect(200)
    postroom.api.wait_for_state(stays, "sent")
    assert [len(sink.taken()) for sink in (old, new)] == [1, 1]


def test_without_an_account_mail_is_held_until_there_is_one(postroom: Postroom, sink: Sink) -> None:
    """Nothing is lost for want of a setting."""
    postroom.api.post("/v1/senders", {"address": "shop@sender.test"}).expect(201)
    mode(postroom, "smtp")
    message = postroom.api.send("ok@sink.test")
    assert states(postroom, message) == {"held"}
    postroom.deliver_to(sink.port)
    postroom.api.wait_for_state(message, "sent")


def test_a_paused_account_sends_nothing_from_the_moment_that_was_answered(postroom: Postroom, sink: Sink) -> None:
    """Not even over a connection that is open, and neither what is new nor what waits."""
    account = postroom.deliver_to(sink.port)
    for n in range(5):
        postroom.api.wait_for_state(postroom.api.send(f"ok+before{n}@sink.test"), "sent")
        postroom.api.post(f"/v1/accounts/{account}/pause", {"reason": "for the test"}).expect(200)
        messages = [postroom.api.send(f"ok+{n}-{k}@sink.test") for k in range(3)]
        for message in messages:
            postroom.api.wait_for_state(message, "held")
        assert not [address for _, address in sink.deliveries() if address.startswith(f"ok+{n}-")]
        postroom.api.post(f"/v1/accounts/{account}/resume").expect(200)
        for message in messages:
            postroom.api.wait_for_state(message, "sent")


# -- times ------------------------------------------------------------------------------------------------------------


def test_mail_for_later_waits_for_its_time(postroom: Postroom, sink: Sink) -> None:
    postroom.deliver_to(sink.port)
    moment = in_seconds(1.5)
    later = postroom.api.send("ok+later@sink.test", send_at=moment)
    now = postroom.api.send("ok+now@sink.test")
    postroom.api.wait_for_state(now, "sent")
    assert states(postroom, later) == {"queued"}
    postroom.api.wait_for_state(later, "sent")
    assert sink.taken()[-1].at >= datetime.datetime.fromisoformat(moment).timestamp()


def test_mail_that_waited_beyond_its_time_is_not_sent(fork_postroom: Callable[..., Postroom], sink: Sink) -> None:
    """Neither by the clock nor by a person who tries it again, and not after a restart."""
    postroom = fork_postroom(poll_seconds=0.1).start()
    account = postroom.deliver_to(sink.port)
    postroom.api.post(f"/v1/accounts/{account}/pause", {"reason": "for the test"}).expect(200)
    moment = in_seconds(0.7)
    message = postroom.api.send("ok@sink.test", expires_at=moment)
    end = datetime.datetime.fromisoformat(moment)
    wait_until(lambda: datetime.datetime.now(datetime.UTC) > end, 5, lambda: "the clock stands still")
    postroom.api.post(f"/v1/accounts/{account}/resume").expect(200)
    postroom.api.wait_for_state(message, "expired")
    assert sink.taken() == []
    assert postroom.api.post(f"/v1/messages/{message}/retry").status == 409


def test_a_time_that_is_over_is_refused(postroom: Postroom, sink: Sink) -> None:
    postroom.deliver_to(sink.port)
    refused = postroom.api.post("/v1/messages", {"to": ["ok@sink.test"], "text": "x", "expires_at": in_seconds(-5)})
    assert refused.status == 422
    assert refused.body["faults"][0]["field"] == "expires_at"


# -- acts -------------------------------------------------------------------------------------------------------------


def test_hold_release_cancel_and_resend(postroom: Postroom, sink: Sink) -> None:
    account = postroom.deliver_to(sink.port)
    postroom.api.post(f"/v1/accounts/{account}/pause", {"reason": "for the test"}).expect(200)
    held, cancelled = postroom.api.send("ok+h@sink.test"), postroom.api.send("ok+c@sink.test")
    postroom.api.post(f"/v1/messages/{held}/hold").expect(200)
    postroom.api.post(f"/v1/messages/{cancelled}/cancel").expect(200)
    postroom.api.post(f"/v1/accounts/{account}/resume").expect(200)
    after = postroom.api.send("ok+a@sink.test")
    postroom.api.wait_for_state(after, "sent")
    assert (states(postroom, held), states(postroom, cancelled)) == ({"held"}, {"cancelled"})
    postroom.api.post(f"/v1/messages/{held}/release").expect(200)
    postroom.api.wait_for_state(held, "sent")
    for verb in ("cancel", "hold", "release", "retry"):
        assert postroom.api.post(f"/v1/messages/{held}/{verb}").status == 409, "it has left"
    again = postroom.api.post(f"/v1/messages/{cancelled}/resend").expect(202)
    postroom.api.wait_for_state(again["id"], "sent")
    assert sorted(address for _, address in sink.deliveries()) == [
        "ok+a@sink.test", "ok+c@sink.test", "ok+h@sink.test",
    ]  # fmt: skip


# -- stopping ---------------------------------------------------------------------------------------------------------


def wait_for_load(client: LedgerClient, messages: int) -> None:
    wait_until(lambda: len(client.acknowledged) > messages, 30, lambda: "no load came about")


@pytest.mark.parametrize("shape", ["chunking", "pipelining"])
def test_a_stop_under_load_is_clean(
    fork_postroom: Callable[..., Postroom],
    make_sink: Callable[..., Sink],
    tmp_path: Path,
    database_url: str,
    shape: str,
) -> None:
    """P10: nothing is lost, and nothing is doubled or in doubt, for open transactions end."""
    sink = make_sink(without=() if shape == "chunking" else ("CHUNKING",), options={"dot_delay": 0.02})
    postroom = fork_postroom(database=database_url, poll_seconds=0.1).start()
    postroom.deliver_to(sink.port)
    with LedgerClient(tmp_path, postroom.connect) as client:
        for _ in range(3):
            before = len(client.acknowledged)
            client.start(80)
            wait_for_load(client, before + 25)
            postroom.stop()
            postroom.start()
            promised = client.finish()
    postroom.settle([promise.message for promise in promised])
    accounts = {promise.message: account_of(postroom.api, promise.message) for promise in promised}
    findings = judge(promised, client.intended, accounts, sink.taken())
    findings.assert_nothing_wrong()
    assert findings.explained == []
    assert not any(account.doubts for account in accounts.values())


def test_a_stop_does_not_wait_for_ever(fork_postroom: Callable[..., Postroom], sink: Sink) -> None:
    """For a server that says nothing it waits as long as for any answer; what has none is in doubt, and is said so."""
    postroom = fork_postroom(poll_seconds=0.1, smtp_timeout_scale=0.002).start()
    postroom.deliver_to(sink.port)
    message = postroom.api.send("stall-once@sink.test")
    sink.wait_for(1)
    postroom.stop(10)
    postroom.start()
    postroom.settle([message])
    found: Any = account_of(postroom.api, message)
    assert (found.states, found.doubts) == ({"stall-once@sink.test": "sent"}, {"stall-once@sink.test": 1})


def test_what_is_still_open_when_patience_ends_is_left_to_its_mark(sink: Sink, tmp_path: Path) -> None:
    """The worker gives up on an open transaction: the next start finds it marked, and calls it unknown."""
    url = f"sqlite:///{tmp_path / 'postroom.db'}"
    given: dict[str, Any] = {"database": url, "data": str(tmp_path), "poll_seconds": 0.1}

    async def first() -> int:
        async with Engine(load({}, tmp_path, given), log=MailLog(None)) as engine:
            values = {"name": "a", "host": "127.0.0.1", "port": sink.port, "encryption": "none"}
            engine.office.create_account(ADA, {**values, "sender_address": "a@sender.test"}).result()
            engine.office.change_tenant(ADA, {"mode": "smtp"}).result()
            receipt = await asyncio.wrap_future(engine.outbox.send(ADA, Draft(to=("stall-once@sink.test",), text="x")))
            await asyncio.to_thread(sink.wait_for, 1)
            assert engine.worker is not None
            await engine.worker.stop(0.1)
            return receipt.message_id

    async def then(message: int) -> list[str]:
        async with Engine(load({}, tmp_path, given), log=MailLog(None)) as engine:
            while True:
                told = await asyncio.wrap_future(engine.reports.timeline(ADA, message))
                kinds = [event.kind.value for event in told.events]
                if "deferred" in kinds:
                    return kinds
                await asyncio.sleep(0.01)

    message = asyncio.run(first())
    assert asyncio.run(asyncio.wait_for(then(message), 20)) == ["accepted", "sending", "unknown", "deferred"]


def test_a_stop_in_the_middle_of_instant_sending_answers(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink]
) -> None:
    """Who waits for a server's answer gets it, for the transaction ends first."""
    sink = make_sink(options={"dot_delay": 0.5})
    postroom = fork_postroom(poll_seconds=0.1).start()
    postroom.deliver_to(sink.port)
    postroom.api.call("PATCH", "/v1/settings", {"sending": "instantly"}).expect(200)
    api = postroom.connect()
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(api.post("/v1/messages", {"to": ["ok@sink.test"], "text": "x"}))
    )
    waiting.start()
    sink.wait_for(1)
    postroom.stop()
    waiting.join(10)
    assert [answer.body["state"] for answer in answers] == ["sent"]
