"""What becomes of mail in the hands of servers as they are: refusals, silence, doubt, limits; one process, one sink."""

from __future__ import annotations

import base64
import json
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.rigs.oracle import account_of
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.proxy import Faults, Proxy
from tests.rigs.sink import Sink

CLEAR_LOGIN = {"login": "plain", "user": "anna", "allow_clear_login": True}


@pytest.fixture
def postroom(fork_postroom: Callable[..., Postroom]) -> Postroom:
    return fork_postroom(poll_seconds=0.1).start()


def kinds(postroom: Postroom, message: str) -> list[str]:
    events = postroom.api.get(f"/v1/messages/{message}/timeline").expect(200)["events"]
    return [event["kind"] for event in events]


def account(postroom: Postroom, ref: str) -> dict[str, Any]:
    return dict(postroom.api.get(f"/v1/accounts/{ref}").expect(200))


def settings(postroom: Postroom, **values: object) -> None:
    postroom.api.call("PATCH", "/v1/settings", values).expect(200)


# -- refusals: whose trouble it is ------------------------------------------------------------------------------------


def test_a_wrong_password_is_offered_once_and_holds_the_accounts_mail(postroom: Postroom, sink: Sink) -> None:
    """Nothing bounces because a password is wrong; once it is right, everything leaves."""
    ref = postroom.deliver_to(sink.port, secret="wrong", **CLEAR_LOGIN)
    messages = [postroom.api.send(f"ok+{n}@sink.test") for n in range(10)]
    wait_until(lambda: account(postroom, ref)["state"] == "paused", 20, lambda: str(account(postroom, ref)))
    for message in messages:
        assert set(postroom.api.states(message).values()) == {"held"}
    assert len(sink.entries("auth")) == 1, "each further try brings the account closer to being locked"
    assert sink.taken() == []
    assert account(postroom, ref)["paused_reason"]
    postroom.api.call("PATCH", f"/v1/accounts/{ref}", {"secret": "right"}).expect(200)
    postroom.api.post(f"/v1/accounts/{ref}/resume").expect(200)
    for message in messages:
        postroom.api.wait_for_state(message, "sent")
    assert len(sink.taken()) == 10


def test_a_sender_the_server_does_not_allow_holds_only_its_own_mail(postroom: Postroom, sink: Sink) -> None:
    postroom.deliver_to(sink.port)
    for address in ("fine@sender.test", "notallowed@sender.test"):
        postroom.api.post("/v1/senders", {"address": address}).expect(201)
    refused = [postroom.api.send(f"ok+r{n}@sink.test", **{"from": "notallowed@sender.test"}) for n in range(3)]
    fine = [postroom.api.send(f"ok+f{n}@sink.test", **{"from": "fine@sender.test"}) for n in range(3)]
    for message in fine:
        postroom.api.wait_for_state(message, "sent")
    for message in refused:
        postroom.api.wait_for_state(message, "held")
    found = postroom.api.get("/v1/senders/notallowed@sender.test").expect(200)
    assert found["paused_reason"]
    after = postroom.api.send("ok+after@sink.test", **{"from": "fine@sender.test"})
    postroom.api.wait_for_state(after, "sent")
    postroom.api.call("PATCH", "/v1/senders/notallowed@sender.test", {"return_path": "bounce@sender.test"}).expect(200)
    postroom.api.post("/v1/senders/notallowed@sender.test/release").expect(200)
    held = kinds(postroom, refused[0])
    assert held.index("held") < held.index("released")


def test_one_refused_recipient_does_not_stop_the_others(postroom: Postroom, sink: Sink) -> None:
    postroom.deliver_to(sink.port)
    message = postroom.api.send("ok+1@sink.test", "fail@sink.test", "ok+2@sink.test", "defer@sink.test")
    states = postroom.api.wait_for_state(message, "sent", "failed", "deferred")
    assert states == {
        "ok+1@sink.test": "sent", "ok+2@sink.test": "sent", "fail@sink.test": "failed", "defer@sink.test": "deferred",
    }  # fmt: skip
    (record,) = sink.taken()
    assert sorted(record.recipients) == ["ok+1@sink.test", "ok+2@sink.test"]


def test_recipients_beyond_the_servers_number_follow_at_once(
    postroom: Postroom, make_sink: Callable[..., Sink]
) -> None:
    """452 4.5.3: the rest goes in further transactions, each recipient once, and no retry is counted."""
    sink = make_sink(options={"recipients": 2})
    postroom.deliver_to(sink.port)
    wanted = [f"ok+{n}@sink.test" for n in range(7)]
    message = postroom.api.send(*wanted)
    postroom.api.wait_for_state(message, "sent")
    assert sorted(address for _, address in sink.deliveries()) == wanted


@pytest.mark.parametrize("behaviour", ["close-421", "garbage", "dot-defer", "greylist"])
def test_trouble_of_a_moment_is_tried_again(postroom: Postroom, make_sink: Callable[..., Sink], behaviour: str) -> None:
    """Each is data, delays this message only, and the next try goes through. Before the body there is no doubt."""
    sink = make_sink(without=("CHUNKING",))
    postroom.deliver_to(sink.port)
    once = behaviour if behaviour == "greylist" else f"{behaviour}-once"
    message = postroom.api.send(f"{once}@sink.test")
    postroom.api.wait_for_state(message, "deferred", "queued")
    postroom.settle([message])
    assert postroom.api.states(message) == {f"{once}@sink.test": "sent"}
    assert len(sink.taken()) == 1
    assert "unknown" not in kinds(postroom, message)


def test_replies_of_hostile_servers_are_data(
    fork_postroom: Callable[..., Postroom], sink: Sink, database_url: str
) -> None:
    """NUL, UTF-8 and half characters in a reply are kept as words that every database takes and every door shows."""
    postroom = fork_postroom(database=database_url, poll_seconds=0.1).start()
    postroom.deliver_to(sink.port)
    sink.answer(rcpt="550 5.1.1 \x00 \u20ac \udcff\udcfe <script>alert(1)</script> \x1b[2J")
    message = postroom.api.send("ok@sink.test")
    assert postroom.api.wait_for_state(message, "failed") == {"ok@sink.test": "failed"}
    found = postroom.api.get(f"/v1/messages/{message}").expect(200)["recipients"][0]
    assert found["reply"].startswith("550 5.1.1")
    assert not [char for char in found["reply"] if ord(char) < 32]


# -- silence and doubt ------------------------------------------------------------------------------------------------


def test_a_dead_account_delays_nobody_else(
    postroom: Postroom, sink: Sink, make_proxy: Callable[[int, Faults], Proxy]
) -> None:
    """Its server takes the connection and says nothing, for as long as the other's mail needs and longer."""
    dead = make_proxy(sink.port, Faults(silent_down=0))
    postroom.deliver_to(dead.port, name="dead")
    postroom.deliver_to(sink.port, name="living")
    stuck = [postroom.api.send(f"ok+dead{n}@sink.test", account="dead") for n in range(30)]
    wait_until(lambda: dead.connections > 0, 10, lambda: "nobody called the dead account's server")
    living = [postroom.api.send(f"ok+living{n}@sink.test", account="living") for n in range(30)]
    for message in living:
        postroom.api.wait_for_state(message, "sent")
    assert all(set(postroom.api.states(message).values()) <= {"sending", "queued"} for message in stuck)
    dead.faults = Faults()
    dead.cut_all()
    postroom.settle(stuck)
    assert len(sink.taken()) == 60


@pytest.mark.parametrize(("behaviour", "copies"), [("drop-after-dot", 2), ("stall", 2), ("drop-before-dot", 1)])
def test_an_answer_that_never_came_is_sent_again_where_the_policy_says_so(
    fork_postroom: Callable[..., Postroom], sink: Sink, behaviour: str, copies: int
) -> None:
    """At least once: the copy too many is announced in the timeline, and has the same bytes. Whether the server heard
    the end of what we wrote, only its answer could have told."""
    postroom = fork_postroom(poll_seconds=0.1, smtp_timeout_scale=0.002).start()
    postroom.deliver_to(sink.port)
    message = postroom.api.send(f"{behaviour}-once@sink.test")
    postroom.api.wait_for_state(message, "deferred")
    postroom.settle([message])
    found = account_of(postroom.api, message)
    assert (found.states, found.doubts) == (
        {f"{behaviour}-once@sink.test": "sent"}, {f"{behaviour}-once@sink.test": 1},
    )  # fmt: skip
    assert len(sink.taken()) == copies
    assert len({(record.sha256, record.message_id) for record in sink.taken()}) == 1


@pytest.mark.parametrize("sent", [True, False])
def test_an_answer_that_never_came_waits_for_a_person_where_the_policy_says_so(
    postroom: Postroom, sink: Sink, sent: bool
) -> None:
    """At most once, unless a person says that it did not arrive."""
    postroom.deliver_to(sink.port)
    settings(postroom, unknown_policy="hold")
    message = postroom.api.send("drop-after-dot-once@sink.test")
    postroom.api.wait_for_state(message, "unknown")
    assert len(sink.taken()) == 1
    assert postroom.api.post(f"/v1/messages/{message}/retry").status == 409
    postroom.api.post(f"/v1/messages/{message}/settle", {"sent": sent}).expect(200)
    postroom.api.wait_for_state(message, "sent")
    assert len(sink.taken()) == (1 if sent else 2)


def test_a_server_that_hung_up_while_idle_costs_a_message_nothing(
    postroom: Postroom, sink: Sink, make_proxy: Callable[[int, Faults], Proxy]
) -> None:
    """A kept connection that died is no attempt: not counted, not in doubt, and the next one is made at once."""
    proxy = make_proxy(sink.port, Faults())
    postroom.deliver_to(proxy.port)
    first = postroom.api.send("ok+1@sink.test")
    postroom.api.wait_for_state(first, "sent")
    proxy.cut_all(reset=False)
    second = postroom.api.send("ok+2@sink.test")
    postroom.api.wait_for_state(second, "sent")
    found = postroom.api.get(f"/v1/messages/{second}").expect(200)["recipients"][0]
    assert found["attempts"] == 1
    assert "unknown" not in kinds(postroom, second)
    assert proxy.connections == 2


# -- sending instantly ------------------------------------------------------------------------------------------------


def test_sent_instantly_the_answer_is_the_servers(postroom: Postroom, sink: Sink) -> None:
    postroom.deliver_to(sink.port)
    settings(postroom, sending="instantly")
    for behaviour, state, code in (("ok", "sent", "250"), ("fail", "failed", "550"), ("defer", "deferred", "451")):
        answer = postroom.api.post("/v1/messages", {"to": [f"{behaviour}@sink.test"], "text": "x"})
        assert answer.status == 200
        (recipient,) = answer.body["recipients"]
        assert (recipient["state"], recipient["reply"][:3]) == (state, code)
    assert recipient["due_at"], "a temporary failure falls back to the queue"


def test_sent_instantly_over_a_dead_connection_it_is_sent_all_the_same(
    postroom: Postroom, sink: Sink, make_proxy: Callable[[int, Faults], Proxy]
) -> None:
    proxy = make_proxy(sink.port, Faults())
    postroom.deliver_to(proxy.port)
    settings(postroom, sending="instantly")
    for n in range(3):
        answer = postroom.api.post("/v1/messages", {"to": [f"ok+{n}@sink.test"], "text": "x"}).expect(200)
        assert answer["state"] == "sent"
        proxy.cut_all(reset=False)


def test_sent_instantly_to_a_server_that_is_down_it_is_in_the_queue(postroom: Postroom, sink: Sink) -> None:
    postroom.deliver_to(sink.port)
    settings(postroom, sending="instantly")
    sink.stop()
    first = postroom.api.post("/v1/messages", {"to": ["ok+1@sink.test"], "text": "x"}).expect(200)
    assert first["state"] == "deferred"
    second = postroom.api.post("/v1/messages", {"to": ["ok+2@sink.test"], "text": "x"}).expect(200, 202)
    assert second["state"] in ("queued", "deferred"), "the account rests, and nobody waits for it"
    sink.run()
    postroom.settle([first["id"]])
    postroom.api.wait_for_state(second["id"], "sent", seconds=60)


# -- in which order, how fast, how many -------------------------------------------------------------------------------


@pytest.fixture
def slow_sink(make_sink: Callable[..., Sink]) -> Sink:
    return make_sink(options={"dot_delay": 0.05})


def test_urgent_mail_overtakes(postroom: Postroom, slow_sink: Sink) -> None:
    """It waits for what a lane has in hand at most, which is little before a slow server; not for all the others."""
    postroom.deliver_to(slow_sink.port, limits={"connections": 1})
    bulk = [{"to": [f"ok+b{n}@sink.test"], "text": "x", "priority": "bulk"} for n in range(120)]
    results = postroom.api.post("/v1/messages", {"messages": bulk}).expect(202)["results"]
    slow_sink.wait_for(3)
    urgent = postroom.api.send("ok+urgent@sink.test", priority="urgent")
    before = len(slow_sink.taken())
    postroom.api.wait_for_state(urgent, "sent")
    place = next(n for n, one in enumerate(slow_sink.taken()) if "ok+urgent@sink.test" in one.recipients)
    assert place - before < 40, "it waited for the newsletters"
    for result in results:
        postroom.api.wait_for_state(result["message"]["id"], "sent")


def test_an_account_never_has_more_connections_than_it_allows(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink], postgres_url: str
) -> None:
    """Over all processes together: a connection is a leased slot. This server refuses a third one."""
    sink = make_sink(options={"dot_delay": 0.02, "connections": 2})
    door, *workers = (
        fork_postroom(database=postgres_url, role=role, poll_seconds=0.1).start()
        for role in ("http", "worker", "worker")
    )
    door.deliver_to(sink.port, limits={"connections": 2})
    messages = [door.api.send(f"ok+{n}@sink.test") for n in range(120)]
    for message in messages:
        door.api.wait_for_state(message, "sent")
    assert len(sink.taken()) == 120
    assert len({record.connection for record in sink.taken()}) >= 2
    for worker in workers:
        worker.stop()
        assert "account-waits" not in worker.log_text(), "it was refused"


def test_so_many_a_minute_and_no_more(postroom: Postroom, sink: Sink) -> None:
    postroom.deliver_to(sink.port, name="free")
    postroom.deliver_to(sink.port, name="paced", limits={"per_minute": 5})
    messages = [postroom.api.send(f"ok+p{n}@sink.test", account="paced") for n in range(12)]
    sink.wait_for(5)
    free = [postroom.api.send(f"ok+f{n}@sink.test", account="free") for n in range(20)]
    for message in free:
        postroom.api.wait_for_state(message, "sent")
    states = [state for message in messages for state in postroom.api.states(message).values()]
    assert sorted(states) == ["queued"] * 7 + ["sent"] * 5
    assert len(sink.taken()) == 25


def test_large_messages_leave_one_by_one_and_whole(postroom: Postroom, make_sink: Callable[..., Sink]) -> None:
    sink = make_sink(keep=True)
    postroom.deliver_to(sink.port)
    file = {"filename": "big.bin", "content": base64.b64encode(bytes(range(256)) * 4096).decode()}
    messages = [postroom.api.send(f"ok+{n}@sink.test", attachments=[file]) for n in range(12)]
    for message in messages:
        postroom.api.wait_for_state(message, "sent")
    records = sink.taken()
    assert len(records) == 12
    for record in records:
        (message,) = [one for n, one in enumerate(messages) if f"ok+{n}@sink.test" in record.recipients]
        assert postroom.api.get(f"/v1/messages/{message}/content").body == sink.source(record)


def test_one_message_to_ten_thousand_recipients(postroom: Postroom, sink: Sink) -> None:
    """A hundred at a time, each once; one more than allowed is refused with a clear word."""
    postroom.deliver_to(sink.port)
    wanted = [f"ok+{n}@sink.test" for n in range(10_000)]
    message = postroom.api.send(*wanted)
    sink.wait_until(lambda records: sum(len(one.recipients) for one in records) >= 10_000, "ten thousand", 60)
    postroom.api.wait_for_state(message, "sent")
    assert sorted(address for _, address in sink.deliveries()) == sorted(wanted)
    refused = postroom.api.post("/v1/messages", {"to": [*wanted, "ok+more@sink.test"], "text": "x"})
    assert refused.status == 422
    assert "10,001" in str(refused.body)


def test_a_message_that_is_too_large_is_refused_whole(fork_postroom: Callable[..., Postroom], sink: Sink) -> None:
    postroom = fork_postroom(max_message_bytes=100_000).start()
    postroom.deliver_to(sink.port)
    file = {"filename": "big.bin", "content": base64.b64encode(bytes(90_000)).decode()}
    refused = postroom.api.post("/v1/messages", {"to": ["ok@sink.test"], "text": "x", "attachments": [file]})
    assert refused.status == 413
    assert postroom.api.get("/v1/messages").expect(200)["messages"] == []


def test_callers_that_hang_up_harm_nobody(postroom: Postroom, sink: Sink) -> None:
    """Gone while their message is on its way into the database: it is taken or not, the others get their answers."""
    postroom.deliver_to(sink.port)
    body = json.dumps({"to": ["ok+gone@sink.test"], "text": "x"}).encode()
    head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {postroom.key}\r\n"
    request = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    for n in range(60):
        with socket.create_connection(("127.0.0.1", postroom.port)) as caller:
            caller.sendall(request if n % 3 else request[:-5])
            if n % 2:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if n % 10 == 0:
            postroom.api.wait_for_state(postroom.api.send(f"ok+{n}@sink.test"), "sent")
    settings(postroom, sending="instantly")
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", postroom.port)) as caller:
            caller.sendall(request)
    postroom.api.wait_for_state(postroom.api.send("ok+last@sink.test"), "sent")
