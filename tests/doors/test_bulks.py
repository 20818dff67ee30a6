"""Bulks: one template to many, streamed both ways; nobody twice, nobody who does not want it, memory bounded."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.doors.api_rig import Api, open_api

NEWS = {
    "name": "news",
    "kind": "news",
    "texts": {
        "en": {"subject": "{{ title }}", "text": "Dear {{ name }}"},
        "de": {"subject": "{{ title }}", "text": "Hallo {{ name }}"},
    },
    "variables": [{"name": "title"}, {"name": "name"}],
}
HEAD = {"template": "news", "variables": {"title": "November"}}


@pytest.fixture
def shop(api: Api) -> httpx2.Client:
    return shop_in(api)


def shop_in(api: Api) -> httpx2.Client:
    client = api.tenant()
    client.patch("/v1/settings", json={"mode": "silent"}).raise_for_status()
    client.post("/v1/senders", json={"address": "shop@example.com"}).raise_for_status()
    client.post("/v1/kinds", json={"name": "news", "bulk": True}).raise_for_status()
    client.post("/v1/templates", json=NEWS).raise_for_status()
    return client


def rows(count: int, first: int = 1) -> Iterator[dict[str, Any]]:
    for number in range(first, first + count):
        yield {"to": f"reader{number}@example.org", "variables": {"name": f"R{number}"}}


def octets(head: object, many: Iterable[object]) -> Iterator[bytes]:
    for one in (head, *many):
        yield json.dumps(one).encode() + b"\n"


def bulk(client: httpx2.Client, many: Iterable[object], head: object = HEAD, key: str = "") -> list[dict[str, Any]]:
    headers = {"content-type": "application/x-ndjson"} | ({"idempotency-key": key} if key else {})
    answer = client.post("/v1/bulks", content=octets(head, many), headers=headers)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_each_recipient_gets_a_message_of_his_own(shop: httpx2.Client) -> None:
    shop.patch("/v1/preferences/reader2@example.org", json={"language": "de"}).raise_for_status()
    begun, *told, whole = bulk(shop, rows(3))
    assert (begun["template"], whole["rows"], whole["accepted"], whole["refused"]) == ("news", 3, 3, 0)
    assert whole["complete"]
    assert [one["row"] for one in told] == [1, 2, 3]
    bodies = []
    for one in told:
        view = shop.get(f"/v1/messages/{one['message']}").json()
        assert (view["bulk_id"], view["priority"], view["kind"]) == (begun["bulk"], "bulk", "news")
        mail = message_from_bytes(shop.get(f"/v1/messages/{one['message']}/content").content, policy=policy.default)
        bodies.append(mail.get_content().splitlines()[0])
    assert bodies == ["Dear R1", "Hallo R2", "Dear R3"]
    counted = shop.get(f"/v1/bulks/{begun['bulk']}").json()
    assert (counted["accepted"], counted["states"], counted["refused"]) == (3, {"silenced": 3}, 0)
    assert counted["finished_at"]
    assert [one["id"] for one in shop.get("/v1/bulks").json()["bulks"]] == [begun["bulk"]]


def test_who_is_suppressed_or_wants_none_is_told_of_and_gets_nothing(shop: httpx2.Client) -> None:
    shop.patch("/v1/settings", json={"mode": "smtp"}).raise_for_status()
    shop.post("/v1/suppressions", json={"address": "reader1@example.org"}).raise_for_status()
    shop.patch("/v1/preferences/reader2@example.org", json={"ways": {"news": "none"}}).raise_for_status()
    _, *told, whole = bulk(shop, rows(3))
    assert [one.get("reason", "") for one in told[:2]] == ["suppressed", "declined"]
    assert (whole["suppressed"], whole["declined"]) == (1, 1)
    counted = shop.get(f"/v1/bulks/{whole['bulk']}").json()
    assert (counted["suppressed"], counted["declined"]) == (1, 1)


def test_a_row_that_is_wrong_stops_no_other(shop: httpx2.Client) -> None:
    many = [
        {"to": "nobody"}, {"to": "a@example.org"}, {"to": ["a@example.org"], "variables": {"name": "x"}},
        {"subject": "x"}, *rows(1), 7,
    ]  # fmt: skip
    _, *told, whole = bulk(shop, many)

    def wrong(one: dict[str, Any]) -> list[str]:
        return sorted({fault["field"] for fault in one.get("problem", {}).get("faults", ())})

    assert [wrong(one) or one["state"] for one in told] == [
        ["to[0]", "variables.name"], ["variables.name"], ["to"], ["subject"], "silenced", [""],
    ]  # fmt: skip
    assert (whole["accepted"], whole["refused"]) == (1, 5)


def test_a_call_that_was_cut_off_is_repeated_and_nobody_gets_it_twice(shop: httpx2.Client) -> None:
    def cut() -> Iterator[bytes]:
        yield from octets(HEAD, rows(450))
        raise KeyError("cut")

    with pytest.raises(KeyError):
        shop.post("/v1/bulks", content=cut(), headers={"idempotency-key": "k", "content-type": "application/x-ndjson"})
    begun, *told, whole = bulk(shop, rows(500), key="k")
    assert (whole["rows"], whole["accepted"], whole["complete"]) == (500, 500, True)
    again = bulk(shop, rows(500), key="k")
    assert (again[0]["bulk"], again[-1]["replayed"]) == (begun["bulk"], 500)
    assert [one["message"] for one in again[1:-1]] == [one["message"] for one in told]
    assert shop.get(f"/v1/bulks/{begun['bulk']}").json()["accepted"] == 500
    other = shop.post("/v1/bulks", content=octets(HEAD | {"template": "calm"}, []), headers={"idempotency-key": "k"})
    assert other.status_code == 422


def test_what_would_refuse_every_row_is_told_before_the_first(shop: httpx2.Client) -> None:
    shop.post("/v1/kinds", json={"name": "security", "mandatory": True}).raise_for_status()
    for head, field in (
        ({"template": "none"}, "template"),
        ({}, "template"),
        (HEAD | {"kind": "security"}, "kind"),
        (HEAD | {"kind": "unheard-of"}, "kind"),
        (HEAD | {"from": "else@example.net"}, "from"),
        (HEAD | {"priority": "urgent"}, "priority"),
    ):
        answer = shop.post("/v1/bulks", content=octets(head, rows(1)), headers={"content-type": "application/x-ndjson"})
        assert answer.status_code == 422, (head, answer.text)
        assert field in [fault["field"] for fault in answer.json()["faults"]], head
    assert shop.get("/v1/bulks").json()["bulks"] == []


def test_the_default_mailbox_of_the_installation_takes_no_bulk(tmp_path: Path) -> None:
    account = {"name": "Default mailbox", "host": "127.0.0.1", "port": 1, "encryption": "none", "rewrite_from": True}
    with open_api(tmp_path) as api:  # the others' installation has no default mailbox
        shop = shop_in(api)
        made = api.boss.post("/v1/accounts", json=account | {"sender_address": "office@example.net"})
        made.raise_for_status()
        api.boss.patch("/v1/settings", json={"default_account_id": made.json()["id"]}).raise_for_status()
        answer = shop.post("/v1/bulks", content=octets(HEAD, rows(1)), headers={"content-type": "application/x-ndjson"})
    assert answer.status_code == 422
    assert "takes no bulk mail" in answer.text


def test_a_bulk_is_taken_back_as_a_whole(shop: httpx2.Client) -> None:
    begun, *_, _ = bulk(shop, rows(120), key="c")
    cancelled = shop.post(f"/v1/bulks/{begun['bulk']}/cancel").json()
    assert cancelled["states"] == {"cancelled": 120}
    assert cancelled["cancelled_at"]
    assert shop.post("/v1/bulks", content=octets(HEAD, rows(1)), headers={"idempotency-key": "c"}).status_code == 409
    [entry] = [one for one in shop.get("/v1/audit").json()["entries"] if one["verb"] == "bulk.cancelled"]
    assert entry["thing"] == "news"


def test_a_foreign_bulk_is_not_there(api: Api, shop: httpx2.Client) -> None:
    begun, *_ = bulk(shop, rows(1))
    other = api.tenant()
    assert other.get(f"/v1/bulks/{begun['bulk']}").status_code == 404
    assert other.post(f"/v1/bulks/{begun['bulk']}/cancel").status_code == 404


def test_memory_does_not_grow_with_the_number_of_recipients(shop: httpx2.Client) -> None:
    """Four times as many rows need no more than a little more; the server is in this very process."""

    def most(count: int, first: int) -> int:
        tracemalloc.start()
        with shop.stream(
            "POST",
            "/v1/bulks",
            content=octets(HEAD, rows(count, first)),
            headers={"content-type": "application/x-ndjson"},
        ) as answer:
            last = ""
            for line in answer.iter_lines():
                last = line
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert json.loads(last)["accepted"] == count
        return peak

    most(400, 1)
    few = most(1_000, 10_000)
    many = most(4_000, 20_000)
    assert many < few + 4_000_000, (few, many)
