"""POST /v1/messages/raw: what somebody else composed keeps its octets, and is judged like every other message."""

from __future__ import annotations

import base64
from email import message_from_bytes, policy
from typing import Any

import httpx2
import pytest

from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from tests.doors.api_rig import Api, problem

MESSAGE = (
    b"From: Shop <shop@sender.test>\r\n"
    b"To: Ann <ann@x.test>\r\n"
    b"Cc: bob@x.test\r\n"
    b"Bcc: cid@x.test\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"X-ODD-case:   kept\r\n"
    b"Message-ID: <own@sender.test>\r\n"
    b"Date: Fri, 20 Nov 2026 14:30:00 +0100\r\n"
    b"\r\n"
    b"Text\r\n"
    b".dot\r\n"
    b"\xff octets\r\n"
)


@pytest.fixture
def shop(api: Api) -> httpx2.Client:
    """A tenant that may send as shop@sender.test."""
    client = api.tenant()
    assert client.post("/v1/senders", json={"address": "shop@sender.test"}).status_code == 201
    return client


def plain(client: httpx2.Client, content: bytes = MESSAGE, query: Any = (), **headers: str) -> httpx2.Response:
    sent = {"content-type": "message/rfc822", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.post("/v1/messages/raw", content=content, params=list(query), headers=sent)


def spelled(client: httpx2.Client, content: bytes = MESSAGE, **fields: Any) -> httpx2.Response:
    return client.post("/v1/messages/raw", json={"raw": base64.b64encode(content).decode(), **fields})


def kept(client: httpx2.Client, answer: httpx2.Response) -> bytes:
    assert answer.status_code == 202, answer.text
    content: bytes = client.get(f"{answer.headers['location']}/content").content
    return content


def test_the_octets_stay(shop: httpx2.Client) -> None:
    for answer in (plain(shop), spelled(shop)):
        content = kept(shop, answer)
        trace, _, rest = content.partition(b"From: ")
        assert trace.startswith(b"Received: by ")
        assert b"From: " + rest == MESSAGE.replace(b"Bcc: cid@x.test\r\n", b"")


def test_without_an_envelope_the_headers_say_who_gets_it(shop: httpx2.Client) -> None:
    found = plain(shop).json()
    assert [one["address"] for one in found["recipients"]] == ["ann@x.test", "bob@x.test", "cid@x.test"]
    view = shop.get(f"/v1/messages/{found['id']}").json()
    assert [one["role"] for one in view["recipients"]] == ["to", "cc", "bcc"]
    assert (view["subject"], view["from"]) == ("Grüße", "shop@sender.test")
    assert view["message_id"] == "own@sender.test"


def test_an_envelope_goes_before_the_headers(shop: httpx2.Client) -> None:
    query = [("to", "dan@x.test"), ("to", "eve@x.test"), ("from", "shop+bounce@sender.test")]
    for answer in (
        plain(shop, query=query),
        spelled(shop, to=["dan@x.test", "eve@x.test"], **{"from": "shop+bounce@sender.test"}),
    ):
        view = shop.get(answer.headers["location"]).json()
        assert [one["address"] for one in view["recipients"]] == ["dan@x.test", "eve@x.test"]
        assert view["return_path"] == "shop+bounce@sender.test"


@pytest.mark.parametrize("null", ["", "<>"])
def test_the_null_sender_is_not_the_same_as_none(shop: httpx2.Client, null: str) -> None:
    def path(answer: httpx2.Response) -> str:
        return str(shop.get(answer.headers["location"]).json()["return_path"])

    assert path(spelled(shop)) == "shop@sender.test"
    assert path(spelled(shop, **{"from": null})) == path(plain(shop, query=[("from", null)])) == ""


def test_what_is_missing_is_put_in(shop: httpx2.Client) -> None:
    shop.post("/v1/senders/shop@sender.test/default")
    content = kept(shop, spelled(shop, b"Subject: Cron\n\nLine\n", to="ann@x.test"))
    found = message_from_bytes(content, policy=policy.default)
    assert found["from"].addresses[0].addr_spec == "shop@sender.test"
    assert found["message-id"]
    assert found["date"]
    assert content.endswith(b"\r\n\r\nLine\r\n")


def test_our_own_fields_are_obeyed_and_removed(shop: httpx2.Client) -> None:
    asked = b"X-Postroom-Kind: invoice\r\nX-Postroom-Tag: a, b\r\nX-Postroom-Priority: urgent\r\n"
    answer = plain(shop, asked + MESSAGE)
    view = shop.get(answer.headers["location"]).json()
    assert (view["kind"], view["tags"], view["priority"]) == ("invoice", ["a", "b"], "urgent")
    assert b"x-postroom" not in kept(shop, answer).lower()


def test_one_key_makes_one_message(shop: httpx2.Client) -> None:
    first = plain(shop, idempotency_key="once")
    again = plain(shop, idempotency_key="once")
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    other = MESSAGE.replace(b"Text", b"Other")
    assert problem(plain(shop, other, idempotency_key="once"), 409)["type"].endswith("conflict")
    named = plain(shop, b"X-Postroom-Idempotency-Key: in the message\r\n" + MESSAGE)
    assert plain(shop, b"X-Postroom-Idempotency-Key: in the message\r\n" + MESSAGE).json() == named.json()


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"Subject: nobody\r\n\r\nx", "to"),
        (b"From: a@x.test\r\nFrom: b@x.test\r\nTo: c@x.test\r\n\r\nx", "from"),
        (b"To: nobody\r\n\r\nx", "to"),
        (b"To: a@x.test\r\nno field\r\n\r\nx", "header"),
        (b"To: a@x.test\r\nX-Postroom-Kin: x\r\n\r\nx", "x-postroom-kin"),
        (b"To: a@x.test\r\nX-Postroom-Send-At: soon\r\n\r\nx", "x-postroom-send-at"),
    ],
)
def test_what_is_wrong_with_a_message_is_told_by_its_field(shop: httpx2.Client, content: bytes, field: str) -> None:
    for answer in (plain(shop, content), spelled(shop, content)):
        assert field in {fault["field"] for fault in problem(answer, 422)["faults"]}


def test_every_fault_of_the_call_is_told(shop: httpx2.Client) -> None:
    found = problem(plain(shop, query=[("to", "a"), ("to", "ok@x.test"), ("to", "b@"), ("from", "c\n@x.test")]), 422)
    assert {fault["field"] for fault in found["faults"]} == {"to[0]", "to[2]", "from"}
    found = problem(shop.post("/v1/messages/raw", json={"raw": "!", "to": 1, "sender": "x"}), 422)
    assert {fault["field"] for fault in found["faults"]} == {"raw", "to", "sender"}
    for odd in ({}, {"raw": None}):
        assert problem(shop.post("/v1/messages/raw", json=odd), 422)["faults"][0]["field"] == "raw"
    assert problem(plain(shop, query=[("cc", "a@x.test")]), 422)["faults"][0]["field"] == "cc"
    assert problem(plain(shop, query=[("from", "a@x.test")] * 2), 422)["faults"][0]["field"] == "from"
    problem(shop.post("/v1/messages/raw?to=a@x.test", json={"raw": ""}), 422)


def test_only_senders_that_may_be_used_are(api: Api) -> None:
    """Threat A30: neither From nor Sender nor the envelope may name somebody else."""
    shop, other = api.tenant(), api.tenant()
    shop.post("/v1/senders", json={"address": "shop@sender.test"})
    other.post("/v1/senders", json={"address": "own@other.test"})
    problem(plain(other), 422)
    mine = MESSAGE.replace(b"Shop <shop@sender.test>", b"own@other.test")
    assert plain(other, mine).status_code == 202
    problem(plain(other, b"Sender: shop@sender.test\r\n" + mine), 422)
    problem(plain(other, mine, [("from", "shop@sender.test")]), 422)


def test_line_ends_of_every_kind_become_those_of_mail(shop: httpx2.Client) -> None:
    """Threat A5: a lone CR or LF that a server further on takes for something else does not leave."""
    content = kept(shop, spelled(shop, b"From: shop@sender.test\nTo: a@x.test\n\na\r.\rb\n.\nc\r\n"))
    assert content.endswith(b"\r\n\r\na\r\n.\r\nb\r\n.\r\nc\r\n")


def test_media_of_other_kinds_are_refused(shop: httpx2.Client) -> None:
    problem(shop.post("/v1/messages/raw", content=b"x", headers={"content-type": "text/plain"}), 415)
    problem(plain(shop, content_encoding="gzip"), 415)
    problem(shop.post("/v1/messages/raw", content=b"[", headers={"content-type": "application/json"}), 400)
    problem(shop.post("/v1/messages/raw", json=[1]), 422)


def test_what_is_too_large_is_refused(shop: httpx2.Client, api: Api) -> None:
    problem(plain(shop, MESSAGE + b"x" * (api.engine.settings.max_message_bytes + 1)), 413)


def test_who_may_not_send_may_not_here(api: Api) -> None:
    problem(plain(api.nobody), 401)
    problem(plain(api.client(INSTALLATION, Scope.READ, Scope.ACT)), 403)
