"""Signing in by an identity provider: over real HTTP, with a provider that gets everything wrong that can be wrong."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from postroom.office.slowing import Slowing
from tests.doors.api_rig import Api, open_api, problem
from tests.doors.test_api_people import Person, fits
from tests.rigs.identity_provider import CLIENT, SECRET, IdentityProvider, SigningKey, identity_provider

_numbers = itertools.count(1)
_BEGIN, _RETURN = "/v1/sessions/provider/begin", "/v1/sessions/provider"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An installation that people reach by name."""
    with open_api(tmp_path_factory.mktemp("named"), public_url="https://mail.example.com") as opened:
        patient = Slowing(100_000, free_of_an_address=100_000)  # all of these come from one address
        opened.engine.office._slowing = opened.engine.office._asking = patient
        yield opened


@pytest.fixture(scope="module")
def listening() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture
def idp(listening: IdentityProvider) -> IdentityProvider:
    """A provider that behaves."""
    address = listening.address
    listening.__init__()  # type: ignore[misc]  # the same server, forgetful
    listening.address = address
    return listening


class Setup:
    """A tenant, and a provider that lets people into it."""

    def __init__(self, api: Api, idp: IdentityProvider, **values: Any) -> None:
        self.api, self.idp = api, idp
        self.tenant = f"by provider {next(_numbers)}"
        api.boss.post("/v1/tenants", json={"name": self.tenant}).raise_for_status()
        body = {"name": "Acme", "issuer": idp.address, "client_id": CLIENT, "client_secret": SECRET, **values}
        made = api.boss.post("/v1/providers", json=body, params={"tenant": self.tenant})
        self.id: str = fits(made, "/v1/providers")["id"]

    def change(self, **values: Any) -> Any:
        answer = self.api.boss.patch(f"/v1/providers/{self.id}", json=values, params={"tenant": self.tenant})
        return fits(answer, "/v1/providers/{provider}", "patch")

    def user(self, login: str, **values: Any) -> None:
        body = {"login": login, "mail": False, **values}
        self.api.boss.post("/v1/users", json=body, params={"tenant": self.tenant}).raise_for_status()

    def read(self, login: str) -> Any:
        return self.api.boss.get(f"/v1/users/{login}", params={"tenant": self.tenant}).json()

    def begin(self) -> Any:
        return fits(self.api.nobody.post(_BEGIN, json={"provider": self.id}), _BEGIN)

    def come(self, **instead: str) -> httpx2.Response:
        begun = self.begin()
        back = self.idp.visit(begun["address"]) | instead
        return self.api.nobody.post(_RETURN, json={"attempt": begun["attempt"], **back})

    def enter(self) -> Any:
        return fits(self.come(), _RETURN)

    def trail(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.boss.get("/v1/audit", params={"tenant": self.tenant}).json()["entries"]
        return found


def person(idp: IdentityProvider, **claims: Any) -> str:
    """Somebody new at the provider; his address."""
    number = next(_numbers)
    email = f"ann{number}@example.org"
    idp.claims = {"sub": f"subject {number}", "email": email, "email_verified": True, "name": "Ann", **claims}
    return email


def test_whoever_comes_first_becomes_a_user_and_is_known_again(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(named, idp, create_users=True, default_roles=["reader"])
    email = person(idp)
    shown = fits(named.nobody.get("/v1/sign-in"), "/v1/sign-in", "get")
    assert {"id": setup.id, "name": "Acme"} in shown["providers"]
    done = setup.enter()
    assert (done["user"]["login"], done["user"]["name"], done["user"]["roles"]) == (email, "Ann", ["reader"])
    assert done["user"]["has_password"] is False
    client = named.with_key(done["token"])
    assert client.get("/v1/me").json()["scopes"] == ["messages:read"]
    idp.claims["email"] = "another@example.org"
    assert setup.enter()["user"]["id"] == done["user"]["id"], "by its number for him, whatever his address is now"
    known = named.boss.get(f"/v1/users/{email}/identities", params={"tenant": setup.tenant})
    linked = fits(known, "/v1/users/{user}/identities", "get")["identities"]
    assert [one["subject"] for one in linked] == [idp.claims["sub"]]
    verbs = [entry["verb"] for entry in setup.trail()]
    assert verbs[:4] == ["user.signed-in", "user.signed-in", "user.provider-linked", "user.created"]
    out = fits(client.post("/v1/me/sign-out"), "/v1/me/sign-out")
    assert out["address"].startswith(f"{idp.address}/logout?client_id=postroom&")
    problem(client.get("/v1/me"), 401)


def test_the_address_asks_for_a_code_with_a_proof_and_leads_back_here(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(named, idp)
    first, second = setup.begin(), setup.begin()
    query = httpx2.URL(first["address"]).params
    assert query["redirect_uri"] == "https://mail.example.com/sign-in/provider"
    assert query["scope"] == "openid profile email"
    other = httpx2.URL(second["address"]).params
    for name in ("state", "nonce", "code_challenge"):
        assert len(query[name]) == 43
        assert query[name] != other[name]
    assert first["attempt"] not in first["address"]


def test_a_sign_in_ends_in_the_browser_that_began_it_and_once(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(named, idp, create_users=True)
    person(idp)
    mine, theirs = setup.begin(), setup.begin()
    back = idp.visit(theirs["address"])
    told = problem(named.nobody.post(_RETURN, json={"attempt": mine["attempt"], **back}), 401)["detail"]
    assert "another browser" in told
    problem(named.nobody.post(_RETURN, json={"attempt": mine["attempt"], **idp.visit(mine["address"])}), 401)
    body = {"attempt": theirs["attempt"], **back}
    assert named.nobody.post(_RETURN, json=body).status_code == 201
    assert problem(named.nobody.post(_RETURN, json=body), 401)["detail"] == told
    assert problem(named.nobody.post(_RETURN, json={"attempt": "pq_nothing", "state": "x"}), 401)["detail"] == told


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"more": {"nonce": "another"}}, 401, "another sign-in"),
        ({"more": {"aud": "other"}}, 401, "another application"),
        ({"more": {"iss": "https://evil.example"}}, 401, "another issuer"),
        ({"more": {"exp": 1}}, 401, "expired"),
        ({"head": {"alg": "none"}}, 401, "not safe here"),
        ({"head": {"alg": "HS256"}}, 401, "not safe here"),
        ({"secret": "another one"}, 502, "Type the secret again"),
        ({"token": lambda: (400, b'{"error": "invalid_grant"}')}, 502, "Begin again"),
        ({"token": lambda: (500, b"<html>")}, 502, "status 500"),
        ({"token": lambda: (200, b"\xff\xfe")}, 502, "no token"),
        ({"token": lambda: (200, b'{"access_token": "x"}')}, 502, "openid among the scopes"),
        ({"token": lambda: (200, b'{"id_token": 7}')}, 401, "is none"),
        ({"token": lambda: (200, b"[" * 100_000)}, 502, "no token"),
        ({"token": lambda: (302, b"")}, 502, "status 302"),
    ],
    ids=lambda value: str(value)[:30] if not callable(value) else "",
)
def test_what_the_provider_gets_wrong_is_said_and_lets_nobody_in(
    named: Api, idp: IdentityProvider, change: dict[str, Any], status: int, told: str
) -> None:
    setup = Setup(named, idp, create_users=True, default_roles=["administrator"])
    person(idp)
    for name, value in change.items():
        setattr(idp, name, value)
    assert told in problem(setup.come(), status)["detail"]
    assert named.boss.get("/v1/users", params={"tenant": setup.tenant}).json()["users"] == []
    assert setup.trail()[0]["verb"] == "provider.sign-in-refused"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"issuer": "https://evil.example"}, "calls itself"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"jwks_uri": "javascript:alert(1)"}, "jwks_uri"),
        ({"response_types_supported": ["id_token"]}, "authorization code"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "no way that is safe"),
        ({"jwks_uri": "http://127.0.0.1:9/keys"}, "can't be reached"),
        ({"jwks_uri": "http://192.0.2.1/keys"}, "https"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_provider_that_can_not_be_used_is_told_why_before_anybody_is_sent_there(
    named: Api, idp: IdentityProvider, found: dict[str, Any], told: str
) -> None:
    setup = Setup(named, idp)
    idp.found = found
    assert told in problem(named.nobody.post(_BEGIN, json={"provider": setup.id}), 502)["detail"]
    path = f"/v1/providers/{setup.id}/check"
    checked = fits(named.boss.post(path, params={"tenant": setup.tenant}), "/v1/providers/{provider}/check")
    assert told in checked["trouble"]


def test_keys_that_are_no_keys_are_told(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(named, idp)
    for garbage in (b"garbage", b"[]", b'{"keys": 7}', b'{"keys": ' + b"[" * 50_000):
        idp.key_set = garbage
        assert "no set of keys" in problem(named.nobody.post(_BEGIN, json={"provider": setup.id}), 502)["detail"]
    idp.key_set = json.dumps({"keys": [7, {"kty": 7}, {}]}).encode()
    setup.begin()
    idp.key_set = None


def test_a_key_that_was_changed_meanwhile_is_asked_for_once(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(named, idp, create_users=True)
    person(idp)
    setup.enter()
    asking = named.engine.office._oidc
    known = asking._known
    idp.rotate()
    asked = idp.asked.count("/keys")
    problem(setup.come(), 401)
    assert idp.asked.count("/keys") == asked, "not again within half a minute: a stranger's tokens can't make us ask"
    for whose, one in list(known.items()):
        known[whose] = type(one)(one.facts, one.keys, one.asked_ms - 31_000)
    setup.enter()
    setup.enter()
    assert idp.asked.count("/keys") == asked + 1
    idp.key = SigningKey("never published")
    problem(setup.come(), 401)


def test_a_slow_provider_is_given_up(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(named, idp)
    asking = named.engine.office._oidc
    asking._seconds, idp.seconds = 0.2, 1.0
    try:
        assert "can't be reached" in problem(named.nobody.post(_BEGIN, json={"provider": setup.id}), 502)["detail"]
    finally:
        asking._seconds = 10.0


def test_what_comes_back_is_checked_before_the_provider_is_asked(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(named, idp, create_users=True)
    person(idp)
    assert "not allowed" in problem(setup.come(error="access_denied", code=""), 401)["detail"]
    assert "another issuer" in problem(setup.come(iss="https://evil.example"), 401)["detail"]
    assert "no code" in problem(setup.come(code=""), 401)["detail"]
    odd = problem(setup.come(error="<script>", error_description="<script>", code=""), 401)["detail"]
    assert "<" not in odd
    assert idp.forms == []
    assert "Begin again" in problem(setup.come(code="of another"), 502)["detail"]


def test_an_address_links_nobody_unless_it_is_verified_and_the_operator_says_so(
    named: Api, idp: IdentityProvider
) -> None:
    setup = Setup(named, idp)
    email = person(idp)
    setup.user(email, email=email, roles=["support"])
    refused = problem(setup.come(), 401)["detail"]
    setup.change(create_users=True)
    assert problem(setup.come(), 401)["detail"] == refused, "nor does a new user take the place of one"
    assert "not linked" in setup.trail()[0]["after"]["why"]
    setup.change(create_users=False, link_by_email=True)
    for unverified in (False, None, "yes", 1):
        idp.claims["email_verified"] = unverified
        assert problem(setup.come(), 401)["detail"] == refused
    idp.claims["email_verified"] = True
    assert setup.enter()["user"]["login"] == email
    setup.change(link_by_email=False)
    assert setup.enter()["user"]["login"] == email
    identity = named.boss.get(f"/v1/users/{email}/identities", params={"tenant": setup.tenant}).json()["identities"][0]
    named.boss.delete(f"/v1/users/{email}/identities/{identity['id']}", params={"tenant": setup.tenant})
    assert setup.trail()[0]["verb"] == "user.provider-unlinked"
    assert problem(setup.come(), 401)["detail"] == refused


def test_nobody_learns_who_is_a_user(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(named, idp, link_by_email=True)
    email = person(idp)
    stranger = problem(setup.come(), 401)["detail"]
    setup.user(email, email=email)
    setup.enter()
    named.boss.patch(f"/v1/users/{email}", json={"deactivated": True}, params={"tenant": setup.tenant})
    assert problem(setup.come(), 401)["detail"] == stranger, "one who is deactivated stays out, in the same words"
    assert setup.trail()[0]["verb"] == "user.sign-in-refused"


def test_only_verified_addresses_of_the_named_domains_come_in(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(named, idp, create_users=True, email_domains=["Example.ORG"])
    person(idp)
    setup.enter()
    for domain in ("example.org.evil.example", "sub.example.org", "evil.example"):
        person(idp, email=f"x@{domain}")
        assert "your domain" in problem(setup.come(), 401)["detail"]
    for claims in ({"email_verified": False}, {"email": None}, {"email": "A <x@example.org>"}, {"email": 7}):
        person(idp, **claims)
        assert "has verified none" in problem(setup.come(), 401)["detail"]


def test_roles_follow_the_groups_and_fewer_rights_end_the_other_sessions(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(
        named, idp, create_users=True, groups_claim="groups", roles={"Admins": "administrator", "Desk": ["support"]}
    )
    email = person(idp, groups=["Admins", "Desk", "Others", 7])
    first = setup.enter()
    assert set(first["user"]["roles"]) == {"administrator", "support"}
    client = named.with_key(first["token"])
    assert client.get("/v1/users").status_code == 200
    idp.claims["groups"] = ["Desk"]
    second = setup.enter()
    assert second["user"]["roles"] == ["support"]
    problem(client.get("/v1/users"), 401)
    client = named.with_key(second["token"])
    problem(client.get("/v1/users"), 403)
    idp.claims["groups"] = "Desk"
    assert setup.enter()["user"]["roles"] == ["support"]
    assert client.get("/v1/me").status_code == 200, "the same rights end nothing"
    for groups in ([], None, ["Others"], {"Desk": 1}):
        idp.claims["groups"] = groups
        assert "None of your groups" in problem(setup.come(), 401)["detail"]
    assert setup.read(email)["roles"] == []
    problem(client.get("/v1/me"), 401)
    idp.claims |= {"groups": None, "_claim_names": {"groups": "src1"}}
    assert "so many groups" in problem(setup.come(), 401)["detail"]


def test_a_provider_that_is_switched_off_or_deleted_lets_nobody_in_and_signs_out(
    named: Api, idp: IdentityProvider
) -> None:
    setup = Setup(named, idp, create_users=True)
    person(idp)
    client, begun = named.with_key(setup.enter()["token"]), setup.begin()
    setup.change(enabled=False)
    problem(client.get("/v1/me"), 401)
    problem(named.nobody.post(_BEGIN, json={"provider": setup.id}), 404)
    problem(named.nobody.post(_RETURN, json={"attempt": begun["attempt"], **idp.visit(begun["address"])}), 401)
    assert setup.id not in named.nobody.get("/v1/sign-in").text
    setup.change(enabled=True)
    client = named.with_key(setup.enter()["token"])
    assert named.boss.delete(f"/v1/providers/{setup.id}", params={"tenant": setup.tenant}).status_code == 204
    problem(client.get("/v1/me"), 401)
    assert len(named.boss.get("/v1/users", params={"tenant": setup.tenant}).json()["users"]) == 1


def test_the_client_secret_shows_nowhere_and_belongs_to_its_issuer(named: Api, idp: IdentityProvider) -> None:
    setup = Setup(named, idp, create_users=True)
    person(idp)
    setup.enter()
    before = setup.change(groups_claim="")
    assert before["has_secret"]
    moved = setup.change(issuer=idp.address + "/other")
    assert (moved["has_secret"], moved["secret_set_at"]) == (False, None)
    moved = setup.change(issuer=idp.address, client_secret=SECRET)
    assert moved["has_secret"]
    setup.change(create_users=False)
    problem(setup.come(), 401)
    assert "no user here" in setup.trail()[0]["after"]["why"], "its number for him means nothing any more"
    shown = named.boss.get("/v1/audit/export", params={"tenant": setup.tenant}).text + json.dumps(moved)
    assert SECRET not in shown
    named.boss.post("/v1/installation/rotate-key")
    setup.change(create_users=True)
    person(idp)
    setup.enter()


def test_only_the_installations_administrator_sets_providers_up(named: Api, idp: IdentityProvider) -> None:
    tenant = named.tenant()
    person_of_tenant = Person(named, tenant, "administrator").client
    for client in (tenant, person_of_tenant):
        problem(client.get("/v1/providers"), 404)
        problem(client.post("/v1/providers", json={"name": "X", "issuer": idp.address, "client_id": "c"}), 404)


def test_whom_the_provider_lets_go_has_no_way_in_that_he_made_himself(named: Api, idp: IdentityProvider) -> None:
    """Neither a password by a link that he asked for, nor a passkey: an administrator may give him one."""
    setup = Setup(named, idp, create_users=True)
    email = person(idp)
    client = named.with_key(setup.enter()["token"])
    assert named.engine.office.forgotten(email).result(60) is None
    told = problem(client.post("/v1/me/passkeys/options", json={}), 409)["detail"]
    assert "identity provider" in told
    invited = named.boss.post(f"/v1/users/{email}/invite", json={"mail": False}, params={"tenant": setup.tenant})
    token = invited.json()["link"].partition("token=")[2]
    named.nobody.post("/v1/passwords", json={"token": token, "password": "four words in a row"}).raise_for_status()
    found = named.engine.office.forgotten(email).result(60)
    assert found is not None
    assert found.user.login == email


def test_every_mistake_in_a_provider_is_told_at_once(named: Api) -> None:
    body = {
        "issuer": "ftp://x", "client_id": "", "roles": {"": "reader"}, "email_domains": ["no domain"],
        "scopes": ["é"], "create_users": "perhaps", "nonsense": 1,
    }  # fmt: skip
    told = problem(named.boss.post("/v1/providers", json=body), 422)
    assert {fault["field"] for fault in told["faults"]} == {*body, "name"}
    wrong = {"name": "N", "issuer": "https://login.example.com", "client_id": "c", "roles": {"G": "no such role"}}
    assert problem(named.boss.post("/v1/providers", json=wrong), 422)["faults"][0]["field"] == "roles"


def test_without_a_public_address_the_answer_says_what_to_set(api: Api) -> None:
    assert "public_url" in problem(api.nobody.post(_BEGIN, json={"provider": "i_0000000000000"}), 409)["detail"]
