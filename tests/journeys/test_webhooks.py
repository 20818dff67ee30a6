"""Webhooks with real processes and receivers: signed, in order, again until they are taken, whatever is killed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.rigs.certificates import Certificates
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.receiver import Given, Receiver
from tests.rigs.sink import Sink

QUICK = {"poll_seconds": 0.05, "webhook_retry_seconds": 0.1, "check_seconds": 0.2}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def hook(postroom: Postroom, url: str, **values: Any) -> dict[str, Any]:
    return dict(postroom.api.post("/v1/webhooks", {"name": "Hook", "url": url, **values}).expect(201))


def verified(given: Given, secret: str) -> bool:
    """As the specification says it, by the standard library alone."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{given.headers['webhook-id']}.{given.headers['webhook-timestamp']}.".encode() + given.body
    wanted = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(wanted, one) for one in given.headers["webhook-signature"].split())


def come(receiver: Receiver, count: int) -> None:
    wait_until(lambda: len(receiver.given) >= count, 60, lambda: f"{count} deliveries, not {receiver.types}")


def test_events_come_signed_in_order_with_lasting_ids_and_by_pulling_the_same(
    fork_postroom: Callable[..., Postroom], sink: Sink, receiver: Receiver
) -> None:
    postroom = fork_postroom(**QUICK).start()
    postroom.deliver_to(sink.port)
    made = hook(postroom, receiver.url, types=["message.*"])
    trial = postroom.api.post("/v1/webhooks/Hook/test").expect(200)
    assert (trial["ok"], receiver.types) == (True, ["webhook.test"])
    number = postroom.api.send("ok@sink.test", tags=["x"])
    come(receiver, 4)
    assert receiver.types[1:] == ["message.accepted", "message.sending", "message.sent"]
    assert all(verified(one, made["secret"]) for one in receiver.given)
    assert not verified(receiver.given[1], "whsec_" + base64.b64encode(b"x" * 32).decode())
    assert abs(int(receiver.given[1].headers["webhook-timestamp"]) - time.time()) < 300
    told = [one.event for one in receiver.given[1:]]
    assert told[-1]["data"]["to"] == "ok@sink.test"
    assert {one["data"]["message_id"] for one in told} == {number}
    assert [one.id for one in receiver.given[1:]] == [one["id"] for one in told]
    page = postroom.api.get("/v1/events").expect(200)
    assert [one for one in page["events"] if one["type"] != "webhook.test"][-3:] == told
    first = receiver.given[1].id
    postroom.api.post("/v1/webhooks/Hook/replay", {"since": "2020-01-01T00:00:00Z"}).expect(200)
    come(receiver, 7)
    assert receiver.given[4].id == first, "again, with the same id"
    kept = postroom.api.get("/v1/webhooks/Hook/deliveries").expect(200)["deliveries"]
    assert [one["event_id"] for one in reversed(kept)][: len(receiver.given) - 1] == [
        one.id for one in receiver.given[: len(receiver.given) - 1]
    ], "each delivery is told of as it went"
    assert {(one["ok"], one["status"]) for one in kept} == {(True, 204)}


def test_what_is_not_taken_is_tried_again_before_the_next_one_and_a_redirect_is_not_followed(
    fork_postroom: Callable[..., Postroom], receiver: Receiver
) -> None:
    """500, a cut, a redirect, an endless answer, one that is no HTTP: all the same event, until it is taken."""
    odd: list[Any] = [
        500, "cut", (302, {"Location": receiver.url + "/elsewhere"}, b""), (200, {}, b"x" * 200_000),
        (200, {"Content-Length": "9999999999"}, b""), (200, {"X": "y" * 30_000}, b""), (503, {"Retry-After": "0"}, b""),
    ]  # fmt: skip
    receiver.answer = lambda given: odd[len(receiver.given) - 1] if len(receiver.given) <= len(odd) else 204
    postroom = fork_postroom(**{**QUICK, "webhook_retry_seconds": 0.05}).start()
    hook(postroom, receiver.url, types=["message.accepted", "message.silenced"])
    postroom.api.send("a@example.org")
    postroom.api.send("b@example.org")

    def hurry() -> bool:
        if len(receiver.given) <= len(odd) + 1:
            postroom.api.post("/v1/webhooks/Hook/resume").expect(200)
        return len({one.id for one in receiver.given}) >= 2

    wait_until(hurry, 100, lambda: f"all of it; {len(receiver.given)} came")
    assert len({one.id for one in receiver.given[: len(odd) + 1]}) == 1, "the next one waits for the one before it"
    assert {one.path for one in receiver.given} == {"/hook"}, "no redirect is followed"


def test_a_kill_after_the_answer_sends_the_same_event_again_and_nothing_is_lost(
    fork_postroom: Callable[..., Postroom], receiver: Receiver
) -> None:
    postroom = fork_postroom(**QUICK)
    postroom.start()
    hook(postroom, receiver.url, types=["message.accepted"])
    postroom.kill9()
    postroom.start(failpoint="webhook.after-answer:2")
    for n in range(3):
        try:
            postroom.api.send(f"r{n}@example.org")
        except OSError:
            break
    postroom.wait_killed()
    postroom.start()
    sent = len(postroom.api.get("/v1/messages").expect(200)["messages"])
    wait_until(lambda: len({one.id for one in receiver.given}) == sent, 60, lambda: f"{sent}, got {receiver.types}")
    seen = [one.id for one in receiver.given]
    assert seen.count(seen[1]) == 2, "the one whose answer nobody wrote down"
    assert list(dict.fromkeys(seen)) == sorted(set(seen)), "in order"


def test_one_that_is_gone_is_paused_and_told_and_a_slow_one_holds_up_nobody(
    fork_postroom: Callable[..., Postroom], receiver: Receiver
) -> None:
    postroom = fork_postroom(**QUICK).start()
    with Receiver() as gone, Receiver() as slow:
        gone.answer, slow.answer = (lambda given: 410), (lambda given: "slow")
        hook(postroom, slow.url, name="Slow")
        hook(postroom, gone.url, name="Gone")
        hook(postroom, receiver.url, types=["message.accepted"])
        postroom.api.send("a@example.org")
        come(receiver, 1)
        wait_until(
            lambda: postroom.api.get("/v1/webhooks/Gone").expect(200)["state"] == "paused", 60, lambda: "the pause"
        )
        assert len(gone.given) == 1
        found = {one["check"] for one in postroom.api.get("/v1/checks").expect(200)["problems"]}
        assert "webhook-given-up" in found


def test_a_tenants_webhook_goes_only_where_the_operator_lets_it_go_with_its_own_ca(
    fork_postroom: Callable[..., Postroom], certificates: Certificates, receiver: Receiver
) -> None:
    """A32: by name or by number, what leads inside is not connected to, and it is not told what is there."""
    postroom = fork_postroom(**{**QUICK, "tenant_hosts": ""}).start()
    postroom.api.post("/v1/tenants", {"name": "acme"}).expect(201)
    refused = postroom.api.post("/v1/webhooks?tenant=acme", {"url": f"https://127.0.0.1:{receiver.port}/"}).expect(422)
    assert refused["faults"][0]["field"] == "url"
    postroom.api.post("/v1/webhooks?tenant=acme", {"name": "Inside", "url": "https://localhost/hook"}).expect(201)
    trial = postroom.api.post("/v1/webhooks/Inside/test?tenant=acme").expect(200)
    assert (trial["ok"], trial["status"]) == (False, 0)
    assert "127.0.0.1" not in trial["sentence"]
    assert receiver.given == []


def test_an_own_ca_vouches_for_the_receiver_where_it_is_given(
    fork_postroom: Callable[..., Postroom], certificates: Certificates
) -> None:
    postroom = fork_postroom(**QUICK).start()
    with Receiver(certificates.good) as secure:
        url = secure.url.replace("127.0.0.1", "localhost")
        made = hook(postroom, url)
        assert not postroom.api.post("/v1/webhooks/Hook/test").expect(200)["ok"]
        values = {"authority": certificates.ca.read_text()}
        postroom.api.call("PATCH", f"/v1/webhooks/{made['id']}", values).expect(200)
        assert postroom.api.post("/v1/webhooks/Hook/test").expect(200)["sentence"] == "localhost took it (204)."
        assert verified(secure.given[-1], made["secret"])


def test_two_nodes_deliver_each_event_once_between_them_and_one_takes_over_from_the_other(
    fork_postroom: Callable[..., Postroom], postgres_url: str, receiver: Receiver
) -> None:
    one = fork_postroom(database=postgres_url, **QUICK).start()
    hook(one, receiver.url, types=["message.accepted"])
    two = fork_postroom(database=postgres_url, role="worker", data=one.data, **QUICK).start()
    for n in range(20):
        one.api.send(f"r{n}@example.org")
    come(receiver, 20)
    seen = [given.id for given in receiver.given]
    assert len(set(seen)) == len(seen) == 20
    two.stop()
    one.api.send("last@example.org")
    come(receiver, 21)
