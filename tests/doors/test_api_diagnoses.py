"""Diagnoses at the HTTP door: the catalogue in two languages, an answer explained, and *apply*."""

from __future__ import annotations

from typing import Any

from postroom.model.application import Scope
from postroom.policy.diagnosis import catalogue
from tests.doors.api_rig import Api, problem

GERMAN = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.3"}


def changed(client: Any) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = client.get("/v1/audit").json()["entries"]
    return [one for one in entries if one["verb"] == "account.changed"]


def test_the_catalogue_is_told_in_the_language_that_is_asked_for(api: Api) -> None:
    client = api.tenant()
    english, german = (client.get("/v1/diagnoses", headers=headers) for headers in ({}, GERMAN))
    assert (english.headers["content-language"], german.headers["content-language"]) == ("en", "de")
    assert english.headers["vary"] == "accept-language"
    rows = german.json()["diagnoses"]
    assert [one["id"] for one in rows] == [rule.id for rule in catalogue().rules]
    told = {one["id"]: one["title"] for one in rows}
    assert told["no-such-mailbox"] == "Dieses Postfach gibt es nicht."
    one = client.get("/v1/diagnoses/m365-smtp-auth-off-mailbox").json()
    assert "Set-CASMailbox" in one["remedy"]
    assert one["as_of"].startswith("20")
    problem(client.get("/v1/diagnoses/nothing-like-it"), 404)


def test_an_answer_is_explained_for_the_account_it_came_through(api: Api) -> None:
    client = api.tenant()
    client.post(
        "/v1/accounts",
        json={"name": "M", "host": "smtp.office365.com", "login": "password", "user": "bot@example.org", "secret": "x"},
    )
    asked = {"answer": "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "account": "M"}
    found = client.post("/v1/diagnoses/explain", json=asked).json()
    assert found["id"] == "microsoft-send-as-login"
    assert "-Trustee bot@example.org" in found["remedy"]
    assert found["apply"] == {"sender_address": "bot@example.org"}
    german = client.post("/v1/diagnoses/explain", json=asked, headers=GERMAN).json()
    assert german["id"] == found["id"]
    assert german["title"] == "Die Anmeldung darf von dieser Adresse keine Mail senden."
    elsewhere = client.post("/v1/diagnoses/explain", json={"answer": asked["answer"], "host": "mail.example.org"})
    assert elsewhere.json()["id"] != found["id"]


def test_what_is_no_answer_is_a_fault_and_foreign_accounts_are_not_there(api: Api) -> None:
    client = api.tenant()
    told = problem(client.post("/v1/diagnoses/explain", json={"answer": "hello", "phase": "lunch"}), 422)
    assert [one["field"] for one in told["faults"]] == ["phase", "answer"]
    api.tenant().post("/v1/accounts", json={"name": "Theirs", "host": "mail.example.org"})
    problem(client.post("/v1/diagnoses/explain", json={"answer": "550 no", "account": "Theirs"}), 404)


def test_apply_changes_the_account_with_a_version_and_leaves_a_trail(api: Api) -> None:
    client = api.tenant()
    made = client.post("/v1/accounts", json={"name": "M", "host": "mail.example.org", "encryption": "none"}).json()
    done = client.post("/v1/accounts/M/apply", json={"diagnosis": "starttls-not-offered"})
    assert done.status_code == 200, done.text
    assert (done.json()["encryption"], done.json()["port"]) == ("starttls", 587)
    assert done.json()["version"] > made["version"]
    assert len(changed(client)) == 1
    again = problem(client.post("/v1/accounts/M/apply", json={"diagnosis": "starttls-not-offered"}), 409)
    assert "set so already" in again["detail"]
    problem(client.post("/v1/accounts/M/apply", json={"diagnosis": "no-such-mailbox"}), 409)
    problem(client.post("/v1/accounts/M/apply", json={"diagnosis": "of-no-rule"}), 404)
    problem(client.post("/v1/accounts/M/apply", json={}), 422)
    assert len(changed(client)) == 1


def test_apply_keeps_the_promise_about_secrets(api: Api) -> None:
    """P7: what the password was typed for is another server now, so it is gone, unless it is typed again."""
    client = api.tenant()
    values = {"host": "mail.example.org", "encryption": "none", "login": "password", "user": "u", "secret": "s"}
    client.post("/v1/accounts", json=values | {"name": "A"}).raise_for_status()
    client.post("/v1/accounts", json=values | {"name": "B"}).raise_for_status()
    lost = client.post("/v1/accounts/A/apply", json={"diagnosis": "needs-starttls"}).json()
    assert (lost["secret_dropped"], lost["has_secret"]) == (True, False)
    kept = client.post("/v1/accounts/B/apply", json={"diagnosis": "needs-starttls", "secret": "s"}).json()
    assert (kept["secret_dropped"], kept["has_secret"]) == (False, True)


def test_who_may_only_look_applies_nothing(api: Api) -> None:
    client = api.tenant(Scope.SETTINGS_READ)
    problem(client.post("/v1/accounts/M/apply", json={"diagnosis": "needs-starttls"}), 403)
    assert client.get("/v1/unknown-answers").json() == {"answers": []}
