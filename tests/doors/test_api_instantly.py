"""Sending instantly by HTTP: the answer is the server's (AC5), and a test of an account is a real message (SG13)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from postroom.settings import Role
from tests.doors.api_rig import Api, open_api
from tests.doors.api_schema import misfits
from tests.rigs.sink import Sink

SHAPE = {"$ref": "#/components/schemas/Receipt"}


@pytest.fixture
def delivering(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path / "delivering", Role.ALL, tenant_hosts="127.0.0.0/8:*") as opened:
        yield opened


def with_account(api: Api, sink: Sink) -> httpx2.Client:
    client = api.tenant()
    account = {"name": "Main", "host": "127.0.0.1", "port": sink.port, "encryption": "none"}
    assert client.post("/v1/accounts", json=account).status_code == 201
    assert client.post("/v1/senders", json={"address": "news@example.com"}).status_code == 201
    return client


def test_the_outcome_is_the_answer(delivering: Api, sink: Sink) -> None:
    client = with_account(delivering, sink)
    client.patch("/v1/settings", json={"mode": "smtp", "sending": "instantly"})
    answer = client.post("/v1/messages", json={"to": "ann@example.org", "subject": "Now", "text": "…"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert misfits(delivering.document, SHAPE, told) == []
    assert told["state"] == "sent"
    assert told["recipients"][0]["reply"].startswith("250")
    batch = client.post("/v1/messages", json=[{"to": f"{n}@example.org", "text": "…"} for n in range(3)]).json()
    assert [one["status"] for one in batch["results"]] == [200, 200, 200]


def test_an_account_is_tested_whatever_the_mode_is(delivering: Api, sink: Sink) -> None:
    client = with_account(delivering, sink)
    client.patch("/v1/settings", json={"mode": "silent"})
    answer = client.post("/v1/accounts/Main/test", json={"to": "ann@example.org", "subject": "Proof"})
    assert answer.status_code == 200, answer.text
    assert misfits(delivering.document, SHAPE, answer.json()) == []
    assert answer.json()["state"] == "sent"
    timeline = client.get(f"/v1/messages/{answer.json()['id']}/timeline").json()
    assert misfits(delivering.document, {"$ref": "#/components/schemas/Timeline"}, timeline) == []
    assert timeline["attempts"][0]["account"] == "Main"
    assert "RCPT TO" in timeline["attempts"][0]["conversation"]
