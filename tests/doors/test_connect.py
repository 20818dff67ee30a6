"""Connecting an account over the API, with a person who consents in a browser: what is begun by one is finished by the
same one, once; and nobody sees a token (promises P7 and P8)."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from postroom.model.application import Scope
from postroom.model.tenant import INSTALLATION
from tests.doors.api_rig import Api, open_api, problem
from tests.rigs.provider import Provider


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def consent(url: str) -> str:
    """A person in a browser: where the provider sends her."""
    try:
        urllib.request.build_opener(_Stay).open(url, timeout=30)
    except urllib.error.HTTPError as sent:
        return str(sent.headers["Location"])
    raise AssertionError("the provider sent nobody anywhere")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One of this module's own, for its accounts are the installation's: only those may log in on this machine."""
    with open_api(tmp_path_factory.mktemp("connect")) as running:
        yield running


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def boss(api: Api) -> httpx2.Client:
    return api.client(INSTALLATION, Scope.SETTINGS_READ, Scope.SETTINGS_WRITE)


@pytest.fixture
def account(boss: httpx2.Client, provider: Provider) -> Iterator[Callable[..., str]]:
    def make(name: str, **more: object) -> str:
        made = boss.post(
            "/v1/accounts", json={"name": name, "host": "127.0.0.1", "port": 2525, **provider.account(**more)}
        )
        assert made.status_code == 201, made.text
        return f"/v1/accounts/{made.json()['id']}"

    return make


def test_from_the_link_to_the_tokens(boss: httpx2.Client, provider: Provider, account: Callable[..., str]) -> None:
    path = account("by loopback")
    assert boss.get(f"{path}/grant").json()["state"] == "not-connected"
    begun = boss.post(f"{path}/grant/consent", json={"redirect_url": "http://localhost:8400/"}).json()
    asked = parse_qs(urlsplit(begun["url"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["login_hint"] == [provider.user]
    back = consent(begun["url"])
    done = boss.post(f"{path}/grant", json={"answer": back})
    assert done.status_code == 200, done.text
    assert done.json()["state"] == "connected"
    assert boss.get(path).json()["needs"] == []
    assert problem(boss.post(f"{path}/grant", json={"answer": back}), 404)
    shown = json.dumps([done.json(), boss.get(path).json(), boss.get(f"{path}/grant").json()])
    for secret in (*provider.issued, *(form.get("code_verifier", "") for form in provider.questions)):
        assert not secret or secret not in shown
    assert boss.delete(f"{path}/grant").status_code == 204
    assert boss.get(f"{path}/grant").json()["state"] == "not-connected"


def test_postrooms_own_page_takes_the_answer(
    boss: httpx2.Client, api: Api, account: Callable[..., str], provider: Provider
) -> None:
    """The browser has no key; the state says whose consent it is, and is good once."""
    path = account("by page")
    begun = boss.post(f"{path}/grant/consent").json()
    assert begun["redirect_url"].endswith("/oauth2/callback")
    query = urlsplit(consent(begun["url"])).query
    browser = api.with_key(None)
    page = browser.get(f"/oauth2/callback?{query}")
    assert page.status_code == 200, page.text
    assert "Connected" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert boss.get(f"{path}/grant").json()["state"] == "connected"
    again = browser.get(f"/oauth2/callback?{query}")
    assert again.status_code == 404
    assert "not good any more" in again.text


@pytest.mark.parametrize(
    "query", ["", "state=wrong&code=x", "code=x", "state=&error=access_denied", "state=%00&code=%ff"]
)
def test_the_page_takes_nothing_that_nobody_began(api: Api, query: str) -> None:
    page = api.with_key(None).get(f"/oauth2/callback?{query}")
    assert page.status_code in (404, 422)
    assert "not connected" in page.text


def test_who_declines_reads_why_and_the_words_are_escaped(
    boss: httpx2.Client, api: Api, account: Callable[..., str], provider: Provider
) -> None:
    path = account("declined")
    provider.fails = ("access_denied", "<script>alert(1)</script> no")
    begun = boss.post(f"{path}/grant/consent").json()
    page = api.with_key(None).get(f"/oauth2/callback?{urlsplit(consent(begun['url'])).query}")
    assert page.status_code == 422
    assert "Consent was not given." in page.text
    assert "<script>" not in page.text


def test_a_consent_is_finished_by_who_began_it(
    boss: httpx2.Client, api: Api, account: Callable[..., str], provider: Provider
) -> None:
    """Another key of the same tenant, and another tenant, are told that there is none; the provider is not asked."""
    path = account("mine")
    for other in (api.client(INSTALLATION, Scope.SETTINGS_WRITE), api.tenant()):
        begun = boss.post(f"{path}/grant/consent", json={"redirect_url": "http://localhost:8400/"}).json()
        back = consent(begun["url"])
        assert other.post(f"{path}/grant", json={"answer": back}).status_code == 404
    assert provider.questions == []
    begun = boss.post(f"{path}/grant/consent", json={"redirect_url": "http://localhost:8400/"}).json()
    elsewhere = account("elsewhere")
    assert boss.post(f"{elsewhere}/grant", json={"answer": consent(begun["url"])}).status_code == 404
    assert provider.questions == []


def test_a_foreign_tenants_account_is_not_there(api: Api, account: Callable[..., str]) -> None:
    path = account("theirs")
    stranger = api.tenant()
    assert stranger.get(f"{path}/grant").status_code == 404
    assert stranger.post(f"{path}/grant/consent").status_code == 404
    assert stranger.post(f"{path}/grant", json={"refresh_token": "x"}).status_code == 404
    assert stranger.delete(f"{path}/grant").status_code == 404


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "http://evil.example:80/", "http://127.0.0.1/", "http://localhost:1/?x=y", "x"]
)
def test_a_code_is_sent_to_no_other_machine(boss: httpx2.Client, account: Callable[..., str], url: str) -> None:
    path = account(f"to {abs(hash(url))} there")
    found = problem(boss.post(f"{path}/grant/consent", json={"redirect_url": url}), 422)
    assert found["faults"][0]["field"] == "redirect_url"


def test_what_is_wrong_names_the_field_to_change(
    boss: httpx2.Client, account: Callable[..., str], provider: Provider
) -> None:
    path = account("wrong secret", secret="s3cret-value-of-app")
    found = problem(boss.post(f"{path}/grant", json={"refresh_token": provider.refresh_token()}), 422)
    assert found["faults"][0]["field"] == "secret"
    assert "s3cret-value-of-app" not in json.dumps(found)
    provider.gives_refresh = False
    path = account("no refresh token")
    begun = boss.post(f"{path}/grant/consent", json={"redirect_url": "http://localhost:8400/"}).json()
    found = problem(boss.post(f"{path}/grant", json={"answer": consent(begun["url"])}), 422)
    assert found["faults"][0]["field"] == "oauth2_scope"


def test_all_faults_of_the_form_at_once(boss: httpx2.Client) -> None:
    made = boss.post("/v1/accounts", json={"name": "x", "host": "h.example", "login": "oauth2", "user": "u@x.org"})
    assert [fault["field"] for fault in problem(made, 422)["faults"]] == ["oauth2_provider"]
    values = {
        "name": "x",
        "host": "h.example",
        "user": "u@x.org",
        "oauth2_provider": "microsoft",
        "oauth2_flow": "client-credentials",
        "oauth2_secret_expires": "soon",
        "oauth2_token_url": "http://login.example.com/",
    }
    found = {fault["field"] for fault in problem(boss.post("/v1/accounts", json=values), 422)["faults"]}
    assert found == {"oauth2_client_id", "oauth2_tenant", "oauth2_secret_expires", "oauth2_token_url"}


def test_a_tenant_names_no_provider_inside(api: Api, provider: Provider) -> None:
    """Threat A9: a token URL of a tenant leads to public addresses only."""
    tenant = api.tenant()
    inside = {"name": "x", "host": "mail.example", **provider.account()}
    found = {fault["field"] for fault in problem(tenant.post("/v1/accounts", json=inside), 422)["faults"]}
    assert found == {"oauth2_token_url", "oauth2_authorize_url"}
    values = {**inside, "oauth2_token_url": f"https://localhost:{provider.port}/token"}
    values["oauth2_authorize_url"] = "https://login.example/authorize"
    path = f"/v1/accounts/{tenant.post('/v1/accounts', json=values).json()['id']}"
    refused = problem(tenant.post(f"{path}/grant", json={"refresh_token": "t"}), 422)
    assert refused["faults"][0]["field"] == "oauth2_token_url"
    assert provider.questions == []
