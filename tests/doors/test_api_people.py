"""People at the HTTP door: every operation × every ready role, signing in from link to recovery code, the trail."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import httpx2
import pytest

from postroom.clock import now_ms
from postroom.model.application import Scope
from postroom.office.second_factor import STEP_SECONDS, code_at
from postroom.policy.rights import READY
from tests.doors.api_rig import Api, problem
from tests.doors.api_schema import misfits
from tests.doors.test_api_document import DOCUMENT, GUARDED, SCOPED, Operation, Things, call, scopes_of
from tests.rigs.process import wait_until

PASSWORD = "four words in a row"
OTHER = "four other words in a row"
_logins = iter(range(1_000_000))


class Person:
    """A user of the tenant, who has chosen a password and signed in."""

    def __init__(self, api: Api, boss: httpx2.Client, *roles: str, email: str = "") -> None:
        self.api = api
        self.login = f"person{next(_logins)}"
        values = {"login": self.login, "roles": list(roles), "mail": False, "email": email}
        made = boss.post("/v1/users", json=values)
        assert made.status_code == 201, made.text
        self.link: str = made.json()["link"]
        self.choose(self.link, PASSWORD).raise_for_status()
        self.client = api.with_key(self.sign_in().json()["token"])

    def choose(self, link: str, password: str) -> httpx2.Response:
        body = {"token": link.partition("token=")[2], "password": password}
        return self.api.nobody.post("/v1/passwords", json=body)

    def sign_in(self, password: str = PASSWORD) -> httpx2.Response:
        return self.api.nobody.post("/v1/sessions", json={"login": self.login, "password": password})


def fits(response: httpx2.Response, path: str, method: str = "post") -> Any:
    """The body, after making sure that it is what the document promises."""
    promised = DOCUMENT["paths"][path][method]["responses"][str(response.status_code)]["content"]
    assert misfits(DOCUMENT, promised["application/json"]["schema"], response.json()) == []
    return response.json()


_WHOSE = {"change_filter", "delete_filter"}
"""One's own needs no more than seeing messages; what is shared needs the right to set things up (tests/store)."""


@pytest.mark.parametrize("role", [name for name in READY if name != "administrator"])
def test_every_operation_is_open_to_the_roles_that_have_its_right_and_to_no_other(api: Api, role: str) -> None:
    """P8 and A13: the matrix, made from the document. Where the door is shut, nothing happens."""
    boss = api.tenant()
    things = Things(boss)
    client = Person(api, boss, role).client
    held = {scope.value for scope in READY[role].scopes}
    shut = [one for one in SCOPED if not scopes_of(one) <= held]
    before = things.look()
    for operation in shut:
        problem(call(client, operation, things.names), 403)
    assert things.look() == before
    for operation in SCOPED:
        open_to_all = operation[2]["tags"] != ["installation"] and operation[2]["operationId"] not in _WHOSE
        if operation not in shut and open_to_all:  # the installation is not this tenant's
            assert call(client, operation, things.names).status_code not in (401, 403), operation[:2]
    assert len(shut) > len(SCOPED) // 5


@pytest.mark.parametrize("operation", GUARDED, ids=lambda one: one[2]["operationId"])
def test_a_session_that_has_ended_opens_nothing(api: Api, operation: Operation) -> None:
    client = _ended(api)
    problem(call(client, operation, _Nothing()), 401)


class _Nothing(dict[str, str]):
    """Names nothing, whatever a path asks for."""

    def __missing__(self, name: str) -> str:
        return "x"


_ended_clients: dict[int, httpx2.Client] = {}


def _ended(api: Api) -> httpx2.Client:
    if id(api) not in _ended_clients:
        client = Person(api, api.tenant(), "administrator").client
        assert client.delete("/v1/sessions/current").status_code == 204
        _ended_clients[id(api)] = client
    return _ended_clients[id(api)]


def test_a_person_chooses_a_password_signs_in_and_sees_himself(api: Api) -> None:
    boss = api.tenant()
    person = Person(api, boss, "support")
    assert "/choose-password?token=pl_" in person.link
    problem(person.choose(person.link, OTHER), 404)
    done = person.sign_in()
    assert done.status_code == 201
    assert fits(done, "/v1/sessions")["second_step"] is False
    me = fits(person.client.get("/v1/me"), "/v1/me", "get")
    assert me["user"]["login"] == me["name"] == person.login
    assert set(me["scopes"]) == READY["support"].scopes
    assert fits(boss.get("/v1/me"), "/v1/me", "get")["user"] is None
    sessions = fits(person.client.get("/v1/sessions"), "/v1/sessions", "get")["sessions"]
    assert [one["current"] for one in sessions] == [False, True]
    assert sessions[0]["address"] == "127.0.0.1"
    assert fits(person.client.delete("/v1/sessions"), "/v1/sessions", "delete") == {"ended": 1}
    problem(api.with_key(done.json()["token"]).get("/v1/me"), 401)


def test_a_new_password_ends_the_other_sessions(api: Api) -> None:
    person = Person(api, api.tenant())
    other = api.with_key(person.sign_in().json()["token"])
    problem(person.client.post("/v1/me/password", json={"old": OTHER, "new": OTHER}), 403)
    fits(person.client.post("/v1/me/password", json={"old": PASSWORD, "new": OTHER}), "/v1/me/password")
    problem(other.get("/v1/me"), 401)
    assert person.client.get("/v1/me").status_code == 200
    problem(person.sign_in(), 401)
    assert person.sign_in(OTHER).status_code == 201


def test_the_second_step_from_set_up_to_recovery_code(api: Api) -> None:
    person = Person(api, api.tenant())
    setup = fits(person.client.post("/v1/me/second-factor", json={"password": PASSWORD}), "/v1/me/second-factor")
    assert setup["address"].startswith("otpauth://totp/Postroom:")
    step = now_ms() // 1000 // STEP_SECONDS
    confirm = "/v1/me/second-factor/confirm"
    codes = fits(person.client.post(confirm, json={"code": code_at(setup["secret"], step)}), confirm)["recovery_codes"]
    first = fits(person.sign_in(), "/v1/sessions")
    assert (first["second_step"], first["user"]) == (True, None)
    problem(api.with_key(first["token"]).get("/v1/me"), 401)
    second = "/v1/sessions/second-step"
    problem(api.nobody.post(second, json={"token": first["token"], "code": "000000"}), 401)
    done = fits(api.nobody.post(second, json={"token": first["token"], "code": codes[0]}), second)
    client = api.with_key(done["token"])
    assert client.get("/v1/me").json()["recovery_codes"] == 9
    fits(client.post("/v1/me/recovery-codes", json={"password": PASSWORD}), "/v1/me/recovery-codes")
    fits(client.post("/v1/me/second-factor/remove", json={"password": PASSWORD}), "/v1/me/second-factor/remove")
    problem(client.post("/v1/me/second-factor/remove", json={"password": PASSWORD}), 409)


def test_an_invitation_goes_by_mail_where_mail_leaves_and_is_shown_where_it_does_not(api: Api) -> None:
    boss = api.tenant()
    values = {"email": "ann@example.org", "roles": ["reader"]}
    shown = boss.post("/v1/users", json={**values, "login": f"person{next(_logins)}"}).json()
    assert (shown["mailed"], shown["link"] is None) == (False, False), "in silent mode nothing leaves"
    boss.patch("/v1/settings", json={"mode": "smtp"})
    boss.post("/v1/accounts", json={"name": "Main", "host": "smtp.example.com"})
    boss.post("/v1/senders", json={"address": "post@example.com"})
    mailed = boss.post("/v1/users", json={**values, "login": f"person{next(_logins)}"}).json()
    assert (mailed["mailed"], mailed["link"]) == (True, None)
    found = boss.get("/v1/messages", params={"recipient": "ann@example.org", "kind": "account"}).json()["messages"]
    newest = found[0]
    assert (newest["priority"], newest["secret"]) == ("urgent", True)
    problem(boss.get(f"/v1/messages/{newest['id']}/content"), 403)
    problem(boss.post(f"/v1/messages/{newest['id']}/resend", json={"to": ["me@example.com"]}), 403)


def test_who_forgot_his_password_learns_nothing_about_others(api: Api) -> None:
    boss = api.tenant()
    boss.patch("/v1/settings", json={"mode": "smtp"})
    boss.post("/v1/accounts", json={"name": "Main", "host": "smtp.example.com"})
    boss.post("/v1/senders", json={"address": "post@example.com"})
    person = Person(api, boss, email="bob@example.org")
    answers = [
        api.nobody.post("/v1/password-resets", json={"login": login}) for login in (person.login, f"not {person.login}")
    ]
    assert [(one.status_code, one.content) for one in answers] == [(202, b"{}")] * 2

    def found() -> list[dict[str, object]]:
        answer = boss.get("/v1/messages", params={"recipient": "bob@example.org"})
        return list(answer.json()["messages"])

    wait_until(lambda: bool(found()), 30, lambda: "no message to bob")
    assert [one["secret"] for one in found()] == [True]


def test_guessing_is_answered_with_429_and_when_to_come_again(api: Api) -> None:
    person = Person(api, api.tenant())
    answers = [person.sign_in(OTHER) for _ in range(6)]
    problem(answers[0], 401)
    problem(answers[-1], 429)
    assert int(answers[-1].headers["retry-after"]) >= 1
    for _ in range(30):  # the other tests sign in from this address, too
        api.engine.office._slowing.forgive("", "127.0.0.1")


def test_the_page_behind_the_link_works_without_script_and_escapes_what_it_shows(api: Api) -> None:
    boss = api.tenant()
    login = f"person{next(_logins)}"
    link = boss.post("/v1/users", json={"login": login, "mail": False}).json()["link"]
    page = api.nobody.get("/choose-password?token=%22%3E%3Cscript%3Ex")
    assert "<script" not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "form-action 'self'" in page.headers["content-security-policy"]
    token = re.search(
        r'name="token" value="([^"]*)"', api.nobody.get(f"/choose-password?{link.partition('?')[2]}").text
    )
    assert token is not None
    form = {"token": token[1], "password": PASSWORD, "again": OTHER}
    assert api.nobody.post("/choose-password", data=form).status_code == 422
    done = api.nobody.post("/choose-password", data={**form, "again": PASSWORD})
    assert (done.status_code, login in done.text) == (200, True)
    assert api.nobody.post("/choose-password", data={**form, "again": PASSWORD}).status_code == 404
    assert api.nobody.post("/v1/sessions", json={"login": login, "password": PASSWORD}).status_code == 201


def test_the_trail_is_read_filtered_paged_and_exported(api: Api) -> None:
    boss = api.tenant()
    boss.post("/v1/accounts", json={"name": "=HYPERLINK(1)", "host": "smtp.example.com", "user": "u", "secret": "hush",
                                    "login": "password"})  # fmt: skip
    boss.patch("/v1/accounts/=HYPERLINK(1)", json={"host": "smtp.example.net", "secret": "hush again"})
    found = fits(boss.get("/v1/audit", params={"verb": "account"}), "/v1/audit", "get")["entries"]
    assert [one["verb"] for one in found] == ["account.changed", "account.created"]
    changed = found[0]
    assert (changed["before"]["host"], changed["after"]["host"]) == ("smtp.example.com", "smtp.example.net")
    assert changed["after"]["secret"] in ("replaced", "set")
    assert (changed["who_kind"], changed["door"], changed["address"]) == ("key", "api", "127.0.0.1")
    first = boss.get("/v1/audit", params={"limit": 1}).json()
    rest = boss.get("/v1/audit", params={"limit": 200, "cursor": first["next"]}).json()["entries"]
    lines = boss.get("/v1/audit/export", params={"format": "jsonl"})
    entries = [json.loads(line) for line in lines.text.splitlines()]
    assert entries == first["entries"] + rest
    table = list(csv.DictReader(io.StringIO(boss.get("/v1/audit/export").text)))
    assert [row["id"] for row in table] == [one["id"] for one in entries]
    assert {row["thing"] for row in table if row["verb"] == "account.created"} == {"'=HYPERLINK(1)"}
    assert "hush" not in lines.text
    by_id = boss.get("/v1/audit", params={"thing": changed["thing_id"]}).json()["entries"]
    assert by_id == found
    problem(boss.get("/v1/audit", params={"cursor": "nonsense", "since": "yesterday"}), 422)


def test_a_users_rights_reach_no_further_than_his_tenant(api: Api) -> None:
    boss = api.tenant()
    own = Person(api, boss, "administrator")
    other = boss_of = api.tenant()
    tenant = boss_of.get("/v1/settings").json()["id"]
    problem(own.client.get("/v1/users", params={"tenant": tenant}), 404)
    everywhere = Person(api, api.boss, "reader")
    assert everywhere.client.get("/v1/messages", params={"tenant": tenant}).status_code == 200
    problem(everywhere.client.get("/v1/users", params={"tenant": tenant}), 403)
    supporter = Person(api, api.boss, "support")
    message = other.post("/v1/messages", json={"to": "a@example.org", "subject": "S", "text": "T"}).json()["id"]
    path = f"/v1/messages/{message}/cancel"
    problem(supporter.client.post(path), 404)
    assert supporter.client.post(path, params={"tenant": tenant}).status_code == 200
    problem(own.client.post(path, params={"tenant": tenant}), 404)


def test_a_key_can_not_be_made_with_more_rights_than_one_has(api: Api) -> None:
    boss = api.tenant()
    boss.post("/v1/applications", json={"name": "Shop"})
    keeper = Person(api, boss, "mail-administrator").client
    problem(keeper.post("/v1/applications/Shop/keys", json={"scopes": [Scope.ADMIN.value]}), 403)
    assert keeper.post("/v1/applications/Shop/keys", json={"scopes": ["messages:send"]}).status_code == 201


# -- what applications may use ----------------------------------------------------------------------------------------


class Shop:
    """An application of a tenant that sends for real, with a key."""

    def __init__(self, api: Api, **values: Any) -> None:
        self.boss = boss = api.tenant()
        boss.patch("/v1/settings", json={"mode": "smtp"})
        boss.post("/v1/accounts", json={"name": "Main", "host": "smtp.example.com"})
        for address in ("boss@example.com", "shop@example.com"):
            boss.post("/v1/senders", json={"address": address})
        assert boss.post("/v1/applications", json={"name": "Shop", **values}).status_code == 201
        key = boss.post("/v1/applications/Shop/keys", json={"scopes": ["messages:send", "messages:read"]}).json()
        self.client = api.with_key(key["key"])

    def send(self, **values: Any) -> httpx2.Response:
        return self.client.post("/v1/messages", json={"to": "ann@example.org", "subject": "S", "text": "T", **values})


def test_a_suspended_application_is_refused_at_once_and_let_in_again(api: Api) -> None:
    shop = Shop(api)
    assert shop.send().status_code == 202
    shop.boss.patch("/v1/applications/Shop", json={"suspended": True})
    problem(shop.send(), 403)
    shop.boss.patch("/v1/applications/Shop", json={"suspended": False})
    assert shop.send().status_code == 202


def test_over_its_rate_an_application_is_told_when_to_come_again(api: Api) -> None:
    shop = Shop(api, per_minute=2)
    answers = [shop.send() for _ in range(3)]
    assert [one.status_code for one in answers] == [202, 202, 429]
    problem(answers[-1], 429)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 31
    batch = shop.client.post("/v1/messages", json=[{"to": "a@example.org", "text": "T"}]).json()
    assert batch["results"][0]["problem"]["status"] == 429
    shop.boss.patch("/v1/applications/Shop", json={"per_minute": None})
    assert shop.send().status_code == 202


def test_another_from_is_refused_or_rewritten_and_never_let_through(api: Api) -> None:
    shop = Shop(api, senders=["shop@example.com"])
    assert [fault["field"] for fault in problem(shop.send(**{"from": "boss@example.com"}), 422)["faults"]] == ["from"]
    sent = [shop.send().json()["id"]]
    shop.boss.patch("/v1/settings", json={"foreign_from": "rewrite"})
    sent.append(shop.send(**{"from": "Boss <boss@example.com>"}).json()["id"])
    sources = [shop.boss.get(f"/v1/messages/{number}/content").text for number in sent]
    assert all("From: shop@example.com\r\n" in source for source in sources)
    assert "Reply-To: boss@example.com\r\n" in sources[1]
    assert "From: Boss" not in sources[1]


def test_every_mistake_in_an_application_is_told_at_once(api: Api) -> None:
    boss = api.tenant()
    wrong = {"name": "", "senders": ["no address"], "kinds": 1, "per_minute": 0, "suspended": "maybe", "admin": True}
    told = problem(boss.post("/v1/applications", json=wrong), 422)
    assert {fault["field"] for fault in told["faults"]} == set(wrong)
