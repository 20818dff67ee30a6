"""Handing messages over by HTTP: what is accepted, what is refused and how; a retry makes no second message."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from postroom.model.application import Scope
from tests.doors.api_rig import Api, open_api, problem

MAIL: dict[str, Any] = {"to": ["ann@example.org"], "subject": "Hello", "text": "Good day."}


def count(client: httpx2.Client) -> int:
    found = client.get("/v1/messages", params={"limit": "200"}).json()
    assert found["next"] is None
    return len(found["messages"])


def raw(client: httpx2.Client, body: Any, **headers: str) -> httpx2.Response:
    """A body as it is, or in pieces (then without a declared length)."""
    return client.post("/v1/messages", content=body, headers={"Content-Type": "application/json", **headers})


@pytest.fixture
def client(api: Api) -> httpx2.Client:
    return api.tenant()


# -- one message ----------------------------------------------------------------------------------------------------


def test_a_message_is_accepted_and_can_be_read_where_the_answer_says(client: httpx2.Client) -> None:
    answer = client.post("/v1/messages", json=MAIL)
    assert answer.status_code == 202
    told = answer.json()
    assert answer.headers["location"] == f"/v1/messages/{told['id']}"
    view = client.get(answer.headers["location"]).json()
    assert view["id"] == told["id"]
    assert view["subject"] == "Hello"
    assert [one["address"] for one in view["recipients"]] == ["ann@example.org"]


def test_everything_a_message_can_have_is_kept(client: httpx2.Client) -> None:
    file = base64.b64encode(b"\x00\xff attached").decode()
    mail = MAIL | {
        "cc": "bob@example.org",
        "bcc": ["carl@example.org"],
        "html": '<p>Good day. <img src="cid:logo">',
        "attachments": [
            {"filename": "größe.bin", "content": file},
            {"filename": "l.png", "content": file, "content_type": "image/png", "content_id": "logo", "inline": True},
        ],
        "headers": {"X-Case": ["4711", "4712"]},
        "kind": "invoice",
        "priority": "urgent",
        "send_at": "2026-11-20T14:30:00+01:00",
        "expires_at": "2099-01-01T00:00:00Z",
        "tags": ["november", "grün"],
        "metadata": {"order": "4711"},
        "unknown": "hold",
    }
    told = client.post("/v1/messages", json=mail).json()
    view = client.get(f"/v1/messages/{told['id']}").json()
    assert {one["address"]: one["role"] for one in view["recipients"]} == {
        "ann@example.org": "to",
        "bob@example.org": "cc",
        "carl@example.org": "bcc",
    }
    assert (view["kind"], view["priority"], view["unknown"]) == ("invoice", "urgent", "hold")
    assert (view["tags"], view["metadata"]) == (["november", "grün"], {"order": "4711"})
    assert (view["send_at"], view["expires_at"]) == ("2026-11-20T13:30:00.000Z", "2099-01-01T00:00:00.000Z")
    source = client.get(f"/v1/messages/{told['id']}/content").content
    assert base64.b64encode(b"\x00\xff attached") in source
    assert source.count(b"X-Case: 471") == 2
    assert b"carl@example.org" not in source


def test_everything_wrong_is_told_at_once_and_nothing_is_kept(client: httpx2.Client) -> None:
    mail = {
        "to": [3],
        "subject": {},
        "txt": "x",
        "hold": "yes",
        "priority": "high",
        "attachments": [{"filename": "a", "content": "%"}],
        "send_at": "soon",
    }
    told = problem(client.post("/v1/messages", json=mail), 422)
    assert {fault["field"] for fault in told["faults"]} == {
        "to[0]",
        "subject",
        "txt",
        "hold",
        "priority",
        "attachments[0].content",
        "send_at",
    }
    assert count(client) == 0


def test_faults_found_behind_the_door_have_the_names_that_were_sent(client: httpx2.Client) -> None:
    told = problem(client.post("/v1/messages", json={"to": ["no address"], "from": "x@", "subject": "a\nb"}), 422)
    fields = {fault["field"] for fault in told["faults"]}
    assert "to[0]" in fields
    assert "sender" not in fields


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 200_000, 400),
        (b'{"to": ' * 50_000, 400),
        (b'{"to": "a@example.org", "to": "b@example.org"}', 400),
        (b'{"subject": "\\ud800"}', 400),
        (b'"text"', 422),
        (b"3", 422),
        (b"null", 422),
        (b"[]", 422),
        (b"[3]", 207),
        (b'{"messages": {}}', 422),
        (b'{"messages": [], "to": "a@example.org"}', 422),
    ],
)
def test_odd_bodies_get_a_clear_answer(client: httpx2.Client, body: bytes, status: int) -> None:
    answer = raw(client, body)
    if status == 207:
        assert answer.json()["accepted"] == 0
    else:
        problem(answer, status)
    assert count(client) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "gzip"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_other_media_are_refused(client: httpx2.Client, headers: dict[str, str]) -> None:
    problem(raw(client, json.dumps(MAIL), **headers), 415)
    problem(client.patch("/v1/settings", content=b"{}", headers=headers), 415)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "Bearer x",
        "Bearer pr_00000000_" + "x" * 43,
        "Bearer " + "x" * 500,
    ],
)
def test_every_wrong_key_gets_the_same_words(api: Api, authorization: str) -> None:
    """An unknown prefix and a wrong key can't be told apart (A26), nor can a key that is none."""
    answers = [
        api.nobody.post("/v1/messages", json=MAIL, headers={"Authorization": authorization}),
        api.nobody.get("/v1/messages", headers={"Authorization": authorization}),
    ]
    for answer in answers:
        told = problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert told["detail"] == problem(api.nobody.get("/v1/messages"), 401)["detail"]


def test_a_good_prefix_with_a_wrong_rest_is_no_help(api: Api) -> None:
    key = api.key(1, Scope.SEND)
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    told = problem(api.with_key(wrong).post("/v1/messages", json=MAIL), 401)
    assert told["detail"] == problem(api.nobody.post("/v1/messages", json=MAIL), 401)["detail"]


def test_a_revoked_key_is_refused_at_once(client: httpx2.Client, api: Api) -> None:
    client.post("/v1/applications", json={"name": "Shop"})
    made = client.post("/v1/applications/Shop/keys", json={"scopes": ["messages:send"]}).json()
    shop = api.with_key(made["key"])
    assert shop.post("/v1/messages", json=MAIL).status_code == 202
    client.delete(f"/v1/keys/{made['id']}")
    problem(shop.post("/v1/messages", json=MAIL), 401)


def test_who_may_not_send_is_told_so_before_the_body_is_looked_at(api: Api) -> None:
    problem(raw(api.tenant(Scope.READ), b"no json"), 403)
    problem(raw(api.nobody, b"no json"), 401)


# -- idempotency ----------------------------------------------------------------------------------------------------


def test_the_same_request_with_the_same_key_makes_one_message(client: httpx2.Client) -> None:
    """W1: the answer was lost, and the caller asks again."""
    first = client.post("/v1/messages", json=MAIL, headers={"Idempotency-Key": "order-4711"})
    again = client.post("/v1/messages", json=MAIL, headers={"Idempotency-Key": "order-4711"})
    quoted = client.post("/v1/messages", json=MAIL, headers={"Idempotency-Key": '"order-4711"'})
    assert first.json()["id"] == again.json()["id"] == quoted.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert count(client) == 1


def test_the_same_key_for_another_request_is_a_conflict(client: httpx2.Client) -> None:
    client.post("/v1/messages", json=MAIL, headers={"Idempotency-Key": "k"})
    problem(client.post("/v1/messages", json=MAIL | {"subject": "Other"}, headers={"Idempotency-Key": "k"}), 409)
    assert count(client) == 1


def test_keys_of_two_tenants_have_nothing_to_do_with_each_other(api: Api) -> None:
    one, other = api.tenant(), api.tenant()
    answers = [client.post("/v1/messages", json=MAIL, headers={"Idempotency-Key": "k"}) for client in (one, other)]
    assert answers[0].json()["id"] != answers[1].json()["id"]
    assert "idempotency-replayed" not in answers[1].headers


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"\xff\xfe", b"a\tb", b'""'])
def test_a_key_that_can_not_be_one_is_a_fault(client: httpx2.Client, key: bytes) -> None:
    answer = client.post("/v1/messages", json=MAIL, headers={b"Idempotency-Key": key})
    assert [fault["field"] for fault in problem(answer, 422)["faults"]] == ["Idempotency-Key"]


def test_a_batch_that_is_sent_again_makes_no_second_messages(client: httpx2.Client) -> None:
    batch = [MAIL | {"subject": str(number)} for number in range(60)]
    first = client.post("/v1/messages", json=batch, headers={"Idempotency-Key": "b"}).json()
    again = client.post("/v1/messages", json=batch, headers={"Idempotency-Key": "b"}).json()
    assert [one["message"]["id"] for one in first["results"]] == [one["message"]["id"] for one in again["results"]]
    assert not any(one["replayed"] for one in first["results"])
    assert all(one["replayed"] for one in again["results"])
    assert count(client) == 60


# -- batches --------------------------------------------------------------------------------------------------------


def test_a_batch_of_a_thousand_is_taken_in_its_order(client: httpx2.Client) -> None:
    batch = [MAIL | {"to": f"{number}@example.org"} for number in range(1_000)]
    answer = client.post("/v1/messages", json={"messages": batch})
    assert answer.status_code == 202
    told = answer.json()
    assert (told["accepted"], told["refused"]) == (1_000, 0)
    addresses = [one["message"]["recipients"][0]["address"] for one in told["results"]]
    assert addresses == [f"{number}@example.org" for number in range(1_000)]
    assert len({one["message"]["id"] for one in told["results"]}) == 1_000


def test_a_batch_of_a_thousand_and_one_is_refused_whole(client: httpx2.Client) -> None:
    problem(client.post("/v1/messages", json=[MAIL] * 1_001), 413)
    assert count(client) == 0


def test_a_wrong_message_in_a_batch_stops_no_other(client: httpx2.Client) -> None:
    batch = [MAIL, {"to": 3, "txt": "x"}, MAIL | {"to": "no address"}, "text", MAIL]
    answer = client.post("/v1/messages", json=batch)
    assert answer.status_code == 207
    told = answer.json()
    assert [one["status"] for one in told["results"]] == [202, 422, 422, 422, 202]
    assert (told["accepted"], told["refused"]) == (2, 3)
    assert {fault["field"] for fault in told["results"][1]["problem"]["faults"]} == {"to", "txt"}
    assert told["results"][2]["problem"]["faults"][0]["field"] == "to[0]"
    assert count(client) == 2


def test_two_of_one_key_within_a_batch_meet(client: httpx2.Client) -> None:
    """The places make the keys, so equal messages in one batch stay two."""
    answer = client.post("/v1/messages", json=[MAIL, MAIL], headers={"Idempotency-Key": "k"})
    assert answer.json()["accepted"] == 2
    assert count(client) == 2


def test_faults_of_a_large_batch_stay_readable(client: httpx2.Client) -> None:
    worst = {"to": [0] * 2_000}
    answer = client.post("/v1/messages", json=[worst] * 1_000)
    assert answer.status_code == 207
    assert len(answer.content) < 4_000_000


# -- limits ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An installation with narrow limits."""
    with open_api(
        tmp_path_factory.mktemp("small"),
        max_message_bytes="20KiB",
        max_body_bytes="32KiB",
        max_recipients=5,
        max_batch=3,
        admission_messages=2,
    ) as opened:
        yield opened


def test_a_body_over_the_limit_is_refused_by_its_declared_length(small: Api) -> None:
    client = small.tenant()
    problem(raw(client, b" " * (32 * 1024 + 1)), 413)
    problem(client.patch("/v1/settings", content=b" " * (32 * 1024 + 1)), 413)
    problem(raw(client, b" " * (5 * 1024 * 1024)), 413)
    assert client.post("/v1/messages", json=MAIL).status_code == 202


def test_a_body_over_the_limit_is_refused_while_it_arrives_undeclared(small: Api) -> None:
    client = small.tenant()
    problem(raw(client, (b" " * 1024 for _ in range(40))), 413)
    whole = json.dumps(MAIL).encode()
    assert raw(client, iter([whole[:10], whole[10:]])).status_code == 202


def test_messages_recipients_and_batches_have_limits(small: Api) -> None:
    client = small.tenant()
    problem(client.post("/v1/messages", json=MAIL | {"text": "x" * 25_000}), 413)
    problem(client.post("/v1/messages", json=MAIL | {"to": [f"{n}@example.org" for n in range(6)]}), 422)
    problem(client.post("/v1/messages", json=[MAIL] * 4), 413)


def test_a_batch_larger_than_the_room_gets_in_all_the_same(small: Api) -> None:
    assert small.tenant().post("/v1/messages", json=[MAIL] * 3).json()["accepted"] == 3


def test_a_database_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    """F8: no hang and no 2xx; the process itself lives, and says that it is not ready."""
    with open_api(tmp_path) as opened:
        client = opened.tenant()
        assert client.post("/v1/messages", json=MAIL).status_code == 202
        opened.engine.store.close()
        for answer in (
            client.post("/v1/messages", json=MAIL),
            client.post("/v1/messages", json=[MAIL, MAIL]),
            client.post("/v1/accounts", json={"host": "smtp.example.com"}),
            opened.nobody.get("/v1/ready"),
        ):
            problem(answer, 503)
            assert answer.headers["retry-after"]
        health = opened.nobody.get("/v1/health")
        assert (health.status_code, health.json()["ready"]) == (200, False)


# -- reading and acting ---------------------------------------------------------------------------------------------


def test_the_content_is_a_download_that_no_browser_runs(client: httpx2.Client) -> None:
    """A15: the body of a mail is somebody else's text."""
    mail = MAIL | {"html": "<script>alert(1)</script>"}
    number = client.post("/v1/messages", json=mail).json()["id"]
    answer = client.get(f"/v1/messages/{number}/content")
    assert answer.headers["content-type"] == "message/rfc822"
    assert answer.headers["content-disposition"] == f'attachment; filename="{number}.eml"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_secret_mail_is_shown_to_nobody(client: httpx2.Client) -> None:
    number = client.post("/v1/messages", json=MAIL | {"secret": True}).json()["id"]
    problem(client.get(f"/v1/messages/{number}/content"), 403)


def test_the_list_is_walked_page_by_page(client: httpx2.Client) -> None:
    sent = [client.post("/v1/messages", json=MAIL | {"subject": str(n)}).json()["id"] for n in range(7)]
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get("/v1/messages", params={"limit": "3", "cursor": cursor}).json()
        seen += [line["id"] for line in page["messages"]]
        cursor = page["next"]
    assert seen == sent[::-1]


def test_filters_find_and_wrong_ones_are_told_at_once(client: httpx2.Client) -> None:
    client.post("/v1/messages", json=MAIL | {"kind": "invoice"})
    client.post("/v1/messages", json=MAIL)
    assert len(client.get("/v1/messages", params={"kind": "invoice"}).json()["messages"]) == 1
    assert client.get("/v1/messages", params={"state": "sent"}).json()["messages"] == []
    wrong = client.get("/v1/messages", params={"limit": "x", "state": "gone", "knid": "invoice"})
    assert {fault["field"] for fault in problem(wrong, 422)["faults"]} == {"limit", "state", "knid"}
    wrong = client.get("/v1/messages", params={"since": "yesterday", "until": "2026-11-20T00:00:00"})
    assert {fault["field"] for fault in problem(wrong, 422)["faults"]} == {"since", "until"}


@pytest.mark.parametrize("verb", ["cancel", "hold", "release", "retry", "resend", "settle"])
@pytest.mark.parametrize(
    "body",
    [
        {"recipients": []},
        {"recipients": "x"},
        {"recipients": [True]},
        {"n": 0.5},
        {"to": []},
        {"recipient": 1},
        {"to": "a@example.org", "n": 0},
        [],
    ],
)
def test_an_odd_wish_is_refused_and_never_means_everybody(client: httpx2.Client, verb: str, body: Any) -> None:
    """An empty list is not the same as none."""
    number = client.post("/v1/messages", json=MAIL).json()["id"]
    before = client.get(f"/v1/messages/{number}").json()
    problem(client.post(f"/v1/messages/{number}/{verb}", json=body), 422)
    assert client.get(f"/v1/messages/{number}").json() == before


def test_a_message_is_released_cancelled_and_sent_again(client: httpx2.Client) -> None:
    client.post("/v1/senders", json={"address": "news@example.com"})
    number = client.post("/v1/messages", json=MAIL).json()["id"]
    assert client.post(f"/v1/messages/{number}/cancel").json()["state"] == "cancelled"
    told = problem(client.post(f"/v1/messages/{number}/release", json={}), 409)
    assert "cancelled" in told["detail"]
    copy = client.post(f"/v1/messages/{number}/resend", json={"to": "bob@example.org"})
    assert copy.status_code == 202
    assert copy.headers["location"] != f"/v1/messages/{number}"
    assert client.get(copy.headers["location"]).json()["resend_of"] == number


@pytest.mark.parametrize(
    "number", ["m_", "x", "m_zzzzzzzzzzzzz", "a_0000000000001", "1", "m_0000000000001 ", "%00", "ä"]
)
def test_what_is_no_id_is_simply_not_there(client: httpx2.Client, number: str) -> None:
    problem(client.get(f"/v1/messages/{number}"), 404)
    problem(client.post(f"/v1/messages/{number}/cancel"), 404)


def test_a_wrong_field_does_not_hide_a_wrong_address(api: Api) -> None:
    """All faults at once, wherever they would be found one after the other."""
    given = {"to": ["nobody", "ann@example.org"], "from": "me", "subjekt": "S", "priority": "soon"}
    answer = api.tenant().post("/v1/messages", json=given)
    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["faults"]} == {"to[0]", "from", "subjekt", "priority"}
