"""Versions over the API: list, compare, return, and what a return says of a password."""

from __future__ import annotations

import httpx2
import pytest

from tests.doors.api_rig import Api, problem

SECRET = "c4nary-hunter2"


@pytest.fixture
def client(api: Api) -> httpx2.Client:
    made = api.tenant()
    values = {"name": "Main", "host": "old.example", "user": "u", "login": "password", "secret": SECRET}
    assert made.post("/v1/accounts", json=values).status_code == 201
    assert made.patch("/v1/accounts/Main", json={"host": "new.example", "secret": "fresh"}).is_success
    return made


def test_versions_are_listed_and_compared(client: httpx2.Client) -> None:
    listed = client.get("/v1/accounts/Main/versions").json()["versions"]
    assert [one["version"] for one in listed] == [2, 1]
    assert [one["values"]["host"] for one in listed] == ["new.example", "old.example"]
    found = client.get("/v1/accounts/Main/comparison").json()
    assert found["differences"] == [{"field": "host", "before": "old.example", "after": "new.example"}]
    same = client.get("/v1/accounts/Main/comparison", params={"before": 1, "after": 1}).json()
    assert same["differences"] == []
    problem(client.get("/v1/accounts/Main/comparison", params={"before": 9}), 404)
    problem(client.get("/v1/accounts/Main/comparison", params={"before": "x"}), 422)


def test_a_return_says_that_the_password_is_dropped_and_shows_none(client: httpx2.Client) -> None:
    answer = client.post("/v1/accounts/Main/return", json={"version": 1})
    assert answer.json()["secret_dropped"] is True
    assert answer.json()["version"] == 3
    shown = client.get("/v1/accounts/Main").json()
    assert (shown["host"], shown["has_secret"]) == ("old.example", False)
    everything = answer.text + client.get("/v1/accounts/Main/versions").text
    assert SECRET not in everything
    assert "fresh" not in everything


@pytest.mark.parametrize("body", [{}, {"version": "1"}, {"version": True}, {"version": 0}, {"version": 1, "x": 1}])
def test_what_is_no_version_is_refused(client: httpx2.Client, body: dict[str, object]) -> None:
    problem(client.post("/v1/accounts/Main/return", json=body), 422)


def test_ids_in_versions_are_texts(client: httpx2.Client) -> None:
    tenant = client.get("/v1/settings").json()["id"]
    values = client.get(f"/v1/tenants/{tenant}/versions").json()["versions"][0]["values"]
    assert values["default_account_id"].startswith("a_")
    problem(client.get("/v1/tenants/installation/versions"), 404)


def test_what_was_deleted_is_listed_and_comes_back_without_its_password(client: httpx2.Client) -> None:
    number = client.get("/v1/accounts/Main").json()["id"]
    assert client.delete("/v1/accounts/Main").status_code == 204
    found = client.get("/v1/deleted").json()["deleted"]
    assert [(one["id"], one["noun"], one["name"], one["version"]) for one in found] == [(number, "account", "Main", 2)]
    versions = client.get(f"/v1/deleted/{number}/versions").json()["versions"]
    assert [(one["version"], one["deleted"]) for one in versions] == [(3, True), (2, False), (1, False)]
    problem(client.post(f"/v1/deleted/{number}/restore", json={"version": 3}), 409)
    problem(client.post(f"/v1/deleted/{number}/restore", json={"version": 9}), 404)
    done = client.post(f"/v1/deleted/{number}/restore", json={"version": 1})
    assert (done.json()["id"], done.json()["version"]) == (number, 4)
    shown = client.get(f"/v1/accounts/{number}").json()
    assert (shown["host"], shown["has_secret"]) == ("old.example", False)
    assert SECRET not in done.text + client.get("/v1/deleted").text + client.get("/v1/accounts/Main/versions").text
    problem(client.post(f"/v1/deleted/{number}/restore"), 404)


def test_applications_have_versions_too(client: httpx2.Client) -> None:
    client.post("/v1/applications", json={"name": "Till", "per_minute": 5})
    client.patch("/v1/applications/Till", json={"per_minute": 9})
    assert client.get("/v1/applications/Till/comparison").json()["differences"] == [
        {"field": "per_minute", "before": 5, "after": 9}
    ]
    assert client.post("/v1/applications/Till/return", json={"version": 1}).json()["version"] == 3
    assert client.get("/v1/applications/Till/versions").json()["versions"][0]["values"]["per_minute"] == 5
