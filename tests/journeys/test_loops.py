"""Two installations that are each other's server end after a few mails, and bounce nothing at each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.journeys.nursery import Nursery
from tests.rigs.ports import free_port
from tests.rigs.postroom import Postroom
from tests.rigs.process import wait_until

_FEW = 8
_SENDER = "postroom@sender.test"


def installation(nursery: Nursery, folder: Path) -> tuple[Postroom, int, str]:
    """One that takes mail by SMTP; its port, and the key of an application that may hand mail over."""
    port = free_port()
    made = Postroom(folder, spawn=nursery.spawn, listen_smtp=f"127.0.0.1:{port}", listen_smtps="off", poll_seconds=0.2)
    made.start()
    made.api.post("/v1/applications", {"name": "webshop"}).expect(201)
    key = made.api.post("/v1/applications/webshop/keys", {"scopes": ["messages:send"]}).expect(201)["key"]
    return made, port, key


def leads_to(postroom: Postroom, port: int, key: str) -> None:
    """All its mail goes to that port, whose return path and reply address carry tags."""
    values: dict[str, Any] = {
        "encryption": "starttls", "certificate_check": "ignore", "allow_clear_login": True, "login": "plain",
        "user": "webshop", "secret": key, "return_path_tag": "plus", "reply_to_tag": "plus",
    }  # fmt: skip
    postroom.deliver_to(port, **values)


def messages(postroom: Postroom) -> list[dict[str, Any]]:
    return list(postroom.api.get("/v1/messages?limit=100").expect(200)["messages"])


def test_two_that_hand_mail_over_to_each_other_end_after_a_few_mails(
    nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("loops")
    one, one_port, one_key = installation(nursery, folder / "one")
    other, other_port, other_key = installation(nursery, folder / "other")
    try:
        leads_to(one, other_port, other_key)
        leads_to(other, one_port, one_key)
        one.api.send("somebody@far.test", **{"from": _SENDER})

        def ended() -> bool:
            found = messages(one) + messages(other)
            assert len(found) <= _FEW, "it goes on and on"
            states = [message["state"] for message in found]
            return "failed" in states and set(states) <= {"sent", "failed"}

        wait_until(ended, 80, lambda: f"an end; there is {messages(one)} and {messages(other)}")
        found = messages(one) + messages(other)
        (last,) = [message for message in found if message["state"] == "failed"]
        assert "5.4.6" in last["reply"], "whoever refused it said why"
        assert {message["from"] for message in found} == {_SENDER}, "nobody wrote a bounce"
    finally:
        one.stop()
        other.stop()
