"""Passkeys at the HTTP door: from the options for the browser to a session, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doors.api_rig import Api, open_api, problem
from tests.doors.test_api_people import PASSWORD, Person, fits
from tests.rigs.authenticator import Authenticator

ORIGIN = "https://mail.example.com:8443"
_OPTIONS, _OWN = "/v1/me/passkeys/options", "/v1/me/passkeys"
_ASK, _ENTER = "/v1/sessions/passkey/options", "/v1/sessions/passkey"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An installation that people reach by name."""
    with open_api(tmp_path_factory.mktemp("named"), public_url=ORIGIN) as opened:
        yield opened


def test_a_passkey_from_its_options_to_a_session_and_away(named: Api) -> None:
    boss = named.tenant()
    person, key = Person(named, boss, "support"), Authenticator(ORIGIN)
    problem(person.client.post(_OPTIONS, json={"password": "not the right one"}), 403)
    asked = fits(person.client.post(_OPTIONS, json={"password": PASSWORD}), _OPTIONS)
    assert asked["options"]["rp"] == {"id": "mail.example.com", "name": "Postroom"}
    body = {"attempt": asked["attempt"], "name": "My telephone", "credential": key.create(asked["options"])}
    added = fits(person.client.post(_OWN, json=body), _OWN)
    assert (len(added["recovery_codes"]), added["used_at"]) == (10, None)
    ask = fits(named.nobody.post(_ASK), _ASK)
    entering = {"attempt": ask["attempt"], "credential": key.get(ask["options"])}
    done = fits(named.nobody.post(_ENTER, json=entering), _ENTER)
    assert (done["second_step"], done["user"]["passkeys"]) == (False, 1)
    problem(named.nobody.post(_ENTER, json=entering), 401)
    first = fits(person.sign_in(), "/v1/sessions")
    assert (first["second_step"], first["second_step_by"]) == (True, ["passkey", "recovery-code"])
    ask = fits(named.nobody.post(_ASK, json={"token": first["token"]}), _ASK)
    answer = {"attempt": ask["attempt"], "credential": key.get(ask["options"])}
    client = named.with_key(fits(named.nobody.post(_ENTER, json=answer), _ENTER)["token"])
    one = f"{_OWN}/{added['id']}"
    template = "/v1/me/passkeys/{passkey}"
    assert fits(client.patch(one, json={"name": "The old one"}), template, "patch")["name"] == "The old one"
    theirs = boss.get(f"/v1/users/{person.login}/passkeys")
    assert fits(theirs, "/v1/users/{user}/passkeys", "get")["passkeys"][0]["used_at"]
    assert fits(client.post(f"{one}/remove", json={"password": PASSWORD}), f"{template}/remove") == {}
    assert fits(client.get(_OWN), _OWN, "get") == {"passkeys": []}
    problem(client.patch(one, json={"name": "Gone"}), 404)


def test_somebody_elses_passkey_is_nobodys(named: Api) -> None:
    boss = named.tenant()
    person, other, key = Person(named, boss), Person(named, boss), Authenticator(ORIGIN)
    asked = person.client.post(_OPTIONS, json={"password": PASSWORD}).json()
    body = {"attempt": asked["attempt"], "name": "Mine", "credential": key.create(asked["options"])}
    number = person.client.post(_OWN, json=body).json()["id"]
    problem(other.client.patch(f"{_OWN}/{number}", json={"name": "Theirs"}), 404)
    problem(other.client.post(f"{_OWN}/{number}/remove", json={"password": PASSWORD}), 404)
    problem(boss.delete(f"/v1/users/{other.login}/passkeys/{number}"), 404)
    problem(named.tenant().delete(f"/v1/users/{person.login}/passkeys/{number}"), 404)
    assert boss.delete(f"/v1/users/{person.login}/passkeys/{number}").status_code == 204
    assert person.sign_in().json()["second_step"] is False


def test_every_mistake_in_what_the_browser_sent_is_told_at_once(named: Api) -> None:
    told = problem(named.nobody.post(_ENTER, json={"credential": "text", "code": "1"}), 422)
    assert {fault["field"] for fault in told["faults"]} == {"credential", "attempt", "code"}
    problem(named.nobody.post(_ENTER, json={"attempt": "pq_é", "credential": {"rawId": ["x"]}}), 401)


def test_without_a_public_address_the_answer_says_what_to_set(api: Api) -> None:
    assert "public_url" in problem(api.nobody.post(_ASK), 409)["detail"]
    assert (
        "public_url" in problem(Person(api, api.tenant()).client.post(_OPTIONS, json={"password": ""}), 409)["detail"]
    )
