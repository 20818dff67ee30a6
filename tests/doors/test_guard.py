"""The non-production guard, as somebody meets it who runs a copy of production for tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom import Postroom
from postroom.errors import BadInput
from tests.rigs.sink import Sink


@pytest.fixture
def postroom(tmp_path: Path, sink: Sink) -> Iterator[Postroom]:
    with Postroom(data=tmp_path / "data", poll_seconds="50ms") as running:
        values = {"name": "Sink", "host": "127.0.0.1", "port": sink.port, "encryption": "none",
                  "sender_address": "office@example.org"}  # fmt: skip
        running.office.create_account(running.actor, values, None).result()
        running.office.change_tenant(running.actor, {"mode": "smtp", "sending": "instantly"}).result()
        yield running


def guard(postroom: Postroom, **values: object) -> None:
    postroom.office.change_tenant(postroom.actor, values).result()


def reached(sink: Sink) -> set[str]:
    return {recipient for _, recipient in sink.deliveries()}


def test_redirected_mail_reaches_the_tester_and_nobody_else(postroom: Postroom, sink: Sink) -> None:
    guard(postroom, guard_redirect="ok+tester@example.org")
    receipt = postroom.send(to=["ok+real1@example.org", "ok+real2@example.org"], subject="Bill", text="…")
    assert [one.address for one in receipt.recipients] == ["ok+tester@example.org"]
    assert receipt.state == "sent"
    assert reached(sink) == {"ok+tester@example.org"}


def test_what_is_not_allowed_is_kept_and_can_be_released(postroom: Postroom, sink: Sink) -> None:
    guard(postroom, guard_allow=["ok+me@example.org"])
    receipt = postroom.send(to=["ok+me@example.org", "ok+real@example.org"], subject="Bill", text="…")
    assert [one.state for one in receipt.recipients] == ["sent", "silenced"]
    postroom.outbox.release(postroom.actor, receipt.message_id).result()
    sink.wait_for(2)
    assert reached(sink) == {"ok+me@example.org", "ok+real@example.org"}


def test_mail_that_waited_before_the_guard_was_switched_on_stays_here(postroom: Postroom, sink: Sink) -> None:
    postroom.office.change_tenant(postroom.actor, {"sending": "background"}).result()
    account = postroom.office.accounts(postroom.actor).result()[0].account.id
    postroom.office.pause_account(postroom.actor, account, "for a while").result()
    receipt = postroom.send(to="ok+real@example.org", text="…")
    guard(postroom, guard_allow="@example.com")
    postroom.office.resume_account(postroom.actor, account).result()
    other = postroom.outbox.test_account(postroom.actor, account, "ok+test@example.org", "Test", "…").result()
    assert other.state == "sent"
    view = postroom.reports.message(postroom.actor, receipt.message_id).result()
    while view.recipients[0].state.value in ("queued", "sending"):
        view = postroom.reports.message(postroom.actor, receipt.message_id).result()
    assert view.recipients[0].state.value == "silenced"
    assert reached(sink) == {"ok+test@example.org"}


def test_a_wrong_entry_is_named(postroom: Postroom) -> None:
    with pytest.raises(BadInput) as caught:
        guard(postroom, guard_redirect="nobody", guard_allow=["a b@c", "@"])
    assert {fault.field for fault in caught.value.faults} == {"guard_redirect", "guard_allow"}
