"""An account that can't send, and its fallback: real servers, real refusals, kills; nothing lost, nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until
from tests.rigs.sink import Sink

CLEAR_LOGIN = {"login": "plain", "user": "anna", "secret": "wrong", "allow_clear_login": True}
QUICK = {"poll_seconds": 0.1, "fallback_seconds": 0.3}


def account(postroom: Postroom, ref: str) -> dict[str, Any]:
    return dict(postroom.api.get(f"/v1/accounts/{ref}").expect(200))


def events(postroom: Postroom, message: str) -> list[dict[str, Any]]:
    return list(postroom.api.get(f"/v1/messages/{message}/timeline").expect(200)["events"])


def backed(
    postroom: Postroom, first_port: int, sink: Sink, *, second: dict[str, Any] | None = None, **first: Any
) -> None:
    """An account `first` at this port with the fallback `second` at the sink; the default is the first."""
    postroom.deliver_to(first_port, name="first", **first)
    postroom.deliver_to(sink.port, name="second", **(second or {}))
    postroom.api.call("PATCH", "/v1/accounts/first", {"fallback_account_id": "second"}).expect(200)
    postroom.api.post("/v1/accounts/first/default", {"force": True}).expect(200)


def test_a_refused_login_lets_the_fallback_send_and_hides_nothing(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink]
) -> None:
    """The account stays paused and says why; the timeline tells of the change; the bytes are the same."""
    postroom, refusing, sink = fork_postroom(**QUICK).start(), make_sink(), make_sink(keep=True)
    backed(postroom, refusing.port, sink, **CLEAR_LOGIN)
    messages = [postroom.api.send(f"ok+{n}@sink.test") for n in range(5)]
    for message in messages:
        postroom.api.wait_for_state(message, "sent")
    assert len(sink.taken()) == 5
    found = account(postroom, "first")
    assert (found["state"], found["paused_by"]) == ("paused", "verdict")
    assert any("paused" in sentence for sentence in found["needs"])
    assert any("stays broken" in sentence for sentence in found["warnings"])
    assert len(refusing.entries("auth")) == 1
    told = [event["detail"] for event in events(postroom, messages[0]) if event["kind"] == "diverted"]
    assert [(detail["instead_of"], detail["account"]) for detail in told] == [("first", "second")]
    assert told[0]["why"] == found["paused_reason"]
    view = postroom.api.get(f"/v1/messages/{messages[0]}").expect(200)["recipients"][0]
    assert view["account"] == "second"
    for record in sink.taken():
        (message,) = [one for n, one in enumerate(messages) if f"ok+{n}@sink.test" in record.recipients]
        assert postroom.api.get(f"/v1/messages/{message}/content").body == sink.source(record)


def test_a_server_out_of_reach_is_waited_for_then_passed_by_then_used_again(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink]
) -> None:
    postroom, back, sink = fork_postroom(**QUICK).start(), make_sink(), make_sink()
    back.stop()
    backed(postroom, back.port, sink)
    first = postroom.api.send("ok+1@sink.test")
    postroom.api.wait_for_state(first, "sent")
    found = account(postroom, "first")
    assert found["state"] == "ready"
    assert found["troubled_at"]
    assert any("reached" in sentence for sentence in found["needs"])
    back.run()
    postroom.api.post("/v1/accounts/first/test", {"to": "ok+test@sink.test"}).expect(200)
    wait_until(lambda: account(postroom, "first")["troubled_at"] is None, 60, lambda: str(account(postroom, "first")))
    after = postroom.api.send("ok+2@sink.test")
    postroom.api.wait_for_state(after, "sent")
    assert "ok+2@sink.test" in [address for _, address in back.deliveries()]
    assert len(sink.taken()) == 1


def test_what_may_have_left_is_not_sent_by_another(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink]
) -> None:
    """W7: the dot was sent and no answer came; then the login is refused. It waits for its own account."""
    postroom, first, sink = fork_postroom(**QUICK).start(), make_sink(), make_sink()
    backed(postroom, first.port, sink)
    doubtful = postroom.api.send("drop-after-dot@sink.test")
    wait_until(lambda: any(event["kind"] == "unknown" for event in events(postroom, doubtful)), 40, lambda: "no doubt")
    first.answer(mail="530 5.7.0 Authentication required")
    clear = postroom.api.send("ok+clear@sink.test")
    postroom.api.wait_for_state(clear, "sent")
    assert account(postroom, "first")["state"] == "paused"
    postroom.api.post(f"/v1/messages/{doubtful}/retry").expect(200, 409)
    assert [address for _, address in sink.deliveries()] == ["ok+clear@sink.test"]
    assert set(postroom.api.states(doubtful).values()) <= {"held", "deferred", "queued"}


def test_a_fallback_that_sends_as_itself_only_keeps_the_message_id_and_gets_the_answers_back(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink]
) -> None:
    """P5, EL2: a recorded second rendering; also for a message too large to be read along with the queue."""
    postroom, refusing, sink = fork_postroom(**QUICK).start(), make_sink(), make_sink(keep=True)
    own = {"rewrite_from": True, "sender_address": "us@second.test", "sender_name": "Us"}
    backed(postroom, refusing.port, sink, second=own, **CLEAR_LOGIN)
    postroom.api.post("/v1/senders", {"address": "shop@first.test", "name": "Shop"}).expect(201)
    texts = ["short\n", "long line of text\n" * 4_000]
    for n, text in enumerate(texts):
        message = postroom.api.send(f"ok+{n}@sink.test", text=text, **{"from": "shop@first.test"})
        postroom.api.wait_for_state(message, "sent")
        assert [event["kind"] for event in events(postroom, message)].count("rerendered") == 1
        original = postroom.api.get(f"/v1/messages/{message}/content").body
        (record,) = [one for one in sink.taken() if f"ok+{n}@sink.test" in one.recipients]
        sent = sink.source(record)
        assert b"From: Shop <us@second.test>\r\n" in sent
        assert b"Reply-To: shop@first.test\r\n" in sent
        kept = [line for line in original.split(b"\r\n") if not line.startswith(b"From:")]
        assert [line for line in sent.split(b"\r\n") if line in kept and line] == [line for line in kept if line]


@pytest.mark.parametrize("point", ["divert.before-commit", "divert.after-commit"])
def test_a_kill_while_mail_changes_its_account_loses_nothing_and_doubles_nothing(
    fork_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink], point: str
) -> None:
    postroom, refusing, sink = fork_postroom(**QUICK), make_sink(), make_sink()
    postroom.start()
    backed(postroom, refusing.port, sink, **CLEAR_LOGIN)
    postroom.stop()
    postroom.start(failpoint=point)
    messages = [postroom.api.send(f"ok+{n}@sink.test") for n in range(3)]
    postroom.wait_killed()
    postroom.start()
    for message in messages:
        postroom.api.wait_for_state(message, "sent")
    assert sorted(address for _, address in sink.deliveries()) == [f"ok+{n}@sink.test" for n in range(3)]
