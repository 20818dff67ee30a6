"""The engine inside a program: the same promises as through any other door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from postroom import Postroom
from postroom.errors import BadInput, Conflict, StoreLocked, TooLarge
from postroom.model.message import Draft
from tests.rigs.sink import Sink


@pytest.fixture
def postroom(tmp_path: Path) -> Iterator[Postroom]:
    with Postroom(data=tmp_path / "data", poll_seconds="50ms") as running:
        yield running


def deliver_to(postroom: Postroom, sink: Sink, sending: str = "instantly") -> None:
    values = {"name": "Sink", "host": "127.0.0.1", "port": sink.port, "encryption": "none",
              "sender_address": "office@example.org"}  # fmt: skip
    postroom.office.create_account(postroom.actor, values, None).result()
    postroom.office.change_tenant(postroom.actor, {"mode": "smtp", "sending": sending}).result()


def test_a_newcomers_first_mail_is_kept_and_not_sent(postroom: Postroom) -> None:
    receipt = postroom.send(to="you@example.org", subject="Hello", text="…")
    assert receipt.state == "silenced"
    content = postroom.reports.content(postroom.actor, receipt.message_id).result()
    assert b"Subject: Hello" in content


def test_sent_instantly_the_call_returns_the_servers_answer(postroom: Postroom, sink: Sink) -> None:
    deliver_to(postroom, sink)
    receipt = postroom.send(to=["ok@example.org", "fail@example.org"], subject="Hello", text="…")
    assert [one.state for one in receipt.recipients] == ["sent", "failed"]
    assert receipt.instantly
    assert receipt.recipients[1].reply.startswith("550")
    assert len(sink.wait_for(1)) == 1


def test_a_temporary_failure_falls_back_to_the_queue(postroom: Postroom, sink: Sink) -> None:
    deliver_to(postroom, sink)
    receipt = postroom.send(to="defer@example.org", subject="Hello", text="…")
    assert receipt.state == "deferred"
    assert receipt.recipients[0].due_ms is not None


def test_coroutines_send_on_their_own_loop(tmp_path: Path, sink: Sink) -> None:
    async def main() -> list[str]:
        async with Postroom(data=tmp_path / "data") as postroom:
            deliver_to(postroom, sink)
            sends = [postroom.send_async(to=f"ok+{n}@example.org", subject="Hello", text="…") for n in range(20)]
            return [receipt.state for receipt in await asyncio.gather(*sends)]

    assert asyncio.run(main()) == ["sent"] * 20
    assert len(sink.wait_for(20)) == 20


def test_many_at_once_are_taken_or_refused_each_for_itself(postroom: Postroom) -> None:
    drafts = [Draft(to=(f"a{n}@example.org",) if n % 3 else ("not an address",), text="x") for n in range(30)]
    answers = postroom.post_many(drafts).result()
    assert [isinstance(answer, BadInput) for answer in answers] == [n % 3 == 0 for n in range(30)]


def test_all_faults_come_at_once(postroom: Postroom) -> None:
    with pytest.raises(BadInput) as caught:
        postroom.send(to=["nobody", "a@b@c"], subject="a\r\nBcc: x@example.org", headers={"X: y": "z"}, text="x")
    fields = {fault.field for fault in caught.value.faults}
    assert {"to[0]", "to[1]", "subject"} <= fields


def test_a_repeated_key_makes_no_second_message(postroom: Postroom) -> None:
    first = postroom.send(to="you@example.org", text="…", idempotency_key="order-1")
    again = postroom.send(to="you@example.org", text="…", idempotency_key="order-1")
    assert again.again
    assert again.message_id == first.message_id
    with pytest.raises(Conflict):
        postroom.send(to="you@example.org", text="another", idempotency_key="order-1")


def test_a_message_too_large_is_refused_whole(tmp_path: Path) -> None:
    settings = {"max_message_bytes": "20 KiB"}
    with Postroom(data=tmp_path / "data", **settings) as postroom, pytest.raises(TooLarge):
        postroom.send(to="you@example.org", text="x" * 30_000)


def test_ten_thousand_recipients_are_ten_thousand_states(postroom: Postroom) -> None:
    receipt = postroom.send(to=[f"r{n}@example.org" for n in range(10_000)], text="…")
    assert len(receipt.recipients) == 10_000
    assert receipt.state == "silenced"


def test_a_file_that_another_process_owns_says_who(postroom: Postroom, tmp_path: Path) -> None:
    with pytest.raises(StoreLocked, match=r"process \d+"):
        Postroom(data=tmp_path / "data")


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    postroom = Postroom(data=tmp_path / "data")
    postroom.close()
    postroom.close()
    with Postroom(data=tmp_path / "data"):
        pass


def test_a_newcomers_first_mail_leaves_with_the_sender_that_was_set_up_later(
    postroom: Postroom, make_sink: Callable[..., Sink]
) -> None:
    """A recorded second rendering with the same Message-ID (P5)."""
    sink = make_sink(keep=True)
    first = postroom.send(to="ok@example.org", subject="Hello", text="the same mail")
    before = postroom.reports.content(postroom.actor, first.message_id).result()
    with pytest.raises(Conflict, match="sender"):
        postroom.outbox.release(postroom.actor, first.message_id).result()
    deliver_to(postroom, sink, "background")
    postroom.outbox.release(postroom.actor, first.message_id).result()
    (record,) = sink.wait_for(1)
    after = sink.source(record)
    assert b"From: office@example.org\r\n" in after
    assert b"localhost.invalid>\r\nTo" not in after
    lines = [line for line in before.split(b"\r\n") if not line.startswith(b"From:")]
    assert all(line in after for line in lines)
    events = postroom.reports.timeline(postroom.actor, first.message_id).result().events
    assert "rerendered" in [event.kind.value for event in events]
