"""What every answer has in common, the documentation page, and secrets that never come back."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import httpx2
import pytest

from postroom.web.api.document import operations
from tests.doors.api_rig import Api, problem

PATHS = ["/v1/health", "/v1/messages", "/v1/openapi.json", "/docs", "/nothing", "/v1/messages/m_0000000000001"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_every_answer_is_marked_and_safe(api: Api, path: str, method: str) -> None:
    answer = api.nobody.request(method, path, headers={"Origin": "https://evil.example"})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"]
    assert "cache-control" in answer.headers
    assert not [name for name in answer.headers if name.startswith(("access-control", "set-cookie", "server"))]
    if method == "HEAD":
        assert answer.content == b""


def test_a_request_keeps_the_id_its_caller_gave(api: Api) -> None:
    assert api.nobody.get("/v1/health", headers={"X-Request-Id": "a-1.b_2"}).headers["x-request-id"] == "a-1.b_2"
    told = api.nobody.post("/v1/messages", headers={"X-Request-Id": "a-1"})
    assert told.json()["instance"].endswith(":a-1")
    odd = api.nobody.get("/v1/health", headers={"X-Request-Id": "a b<script>" * 20}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f-]+", odd)


def test_a_path_that_is_not_there_and_a_method_that_is_not_offered(api: Api) -> None:
    problem(api.boss.get("/v1/nothing"), 404)
    problem(api.boss.get("/v1/messages/"), 404)
    problem(api.boss.get("/../etc/passwd"), 404)
    answer = api.boss.put("/v1/messages", json={})
    problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert api.boss.delete("/docs").headers["allow"] == "GET, HEAD"


def test_health_needs_no_key_and_tells_of_no_tenant(api: Api) -> None:
    name = "canary-tenant"
    api.boss.post("/v1/tenants", json={"name": name})
    for path in ("/v1/health", "/health", "/v1/ready", "/ready"):
        answer = api.nobody.get(path)
        assert answer.status_code == 200
        assert answer.json()["ready"] is True
        assert name not in answer.text


def test_a_password_never_comes_back(api: Api) -> None:
    """P7, A12: not in an answer, a fault, a list or a timeline."""
    client, canary = api.tenant(), "canary-9f3a"
    made = client.post("/v1/accounts", json={"name": "Main", "host": "smtp.example.com", "user": "u", "secret": canary})
    assert made.status_code == 201
    assert made.json()["has_secret"] is True
    seen = [made, client.get("/v1/accounts"), client.get("/v1/accounts/Main")]
    seen.append(client.patch("/v1/accounts/Main", json={"secret": f"{canary}\n", "port": canary, "host": canary * 99}))
    seen.append(client.post("/v1/accounts", json={"secret": canary, "prot": 1, canary: 1}))
    seen.append(client.patch("/v1/accounts/Main", json={"host": "other.example.com"}))
    assert seen[-1].json()["secret_dropped"] is True
    assert [answer.status_code for answer in seen[3:5]] == [422, 422]
    seen.remove(seen[4])  # there, the caller used it as a name and is told which name is not known
    assert not [answer.url for answer in seen if canary in answer.text]


def test_a_key_is_shown_once(api: Api) -> None:
    client = api.tenant()
    client.post("/v1/applications", json={"name": "Shop"})
    key = client.post("/v1/applications/Shop/keys", json={"scopes": ["messages:read"]}).json()["key"]
    assert api.with_key(key).get("/v1/messages").status_code == 200
    assert key not in client.get("/v1/keys").text
    problem(client.post("/v1/applications/Shop/keys", json={"scopes": "admin", "expires_at": "soon", "x": 1}), 422)
    problem(client.post("/v1/applications/Shop/keys", json={"scopes": ["everything"]}), 422)


def test_the_installation_may_act_for_a_tenant(api: Api) -> None:
    name = api.boss.post("/v1/tenants", json={"name": "By name"}).json()["id"]
    made = api.boss.post("/v1/accounts", params={"tenant": "By name"}, json={"host": "smtp.example.com"}).json()
    assert made["tenant_id"] == name
    assert api.boss.get("/v1/settings", params={"tenant": name}).json()["settings"]["default_account_id"] == made["id"]
    effective = api.boss.get(f"/v1/tenants/{name}").json()["effective"]
    assert effective["default_account_id"] == {"value": made["id"], "source": "tenant By name"}
    assert effective["mode"]["source"] == "installation"


# -- the documentation page -----------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """What a page loads, links to, and is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.links.append(value or "")


@pytest.fixture(scope="module")
def page(api: Api) -> httpx2.Response:
    return api.nobody.get("/docs")


def test_the_page_needs_nothing_from_anywhere_else(page: httpx2.Response) -> None:
    """It works offline: nothing is loaded, and every link leads to this very server."""
    found = _Page(page.text)
    assert page.headers["content-type"].startswith("text/html")
    assert not {"script", "link", "img", "iframe", "object"} & set(found.tags)
    assert all(link.startswith(("#", "/v1/")) for link in found.links)
    assert not re.search(r"""=\s*["']?\s*https?:""", page.text), "an address in an example's text is no load"
    assert not re.search(r"@import|url\(", page.text)


def test_the_page_runs_no_script_and_only_its_own_style(page: httpx2.Response) -> None:
    policy = page.headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not {"style", "onclick", "onload"} & _Page(page.text).attributes


def test_the_page_tells_of_every_operation_and_every_link_on_it_leads_somewhere(
    api: Api, page: httpx2.Response
) -> None:
    found = _Page(page.text)
    assert len(found.ids) == len(set(found.ids))
    for _, _, operation in operations(api.document):
        assert f"op-{operation['operationId']}" in found.ids
    for link in found.links:
        assert link == "/v1/openapi.json" or link[1:] in found.ids, link


def test_the_page_can_be_read_by_everybody(page: httpx2.Response) -> None:
    """A phone, a dark room, a keyboard, a screen reader."""
    assert '<html lang="en">' in page.text
    assert 'name="viewport"' in page.text
    assert "prefers-color-scheme: dark" in page.text
    assert page.text.count("<h1>") == 1
    assert '<a class="skip" href="#operations">' in page.text
    assert page.text.count("<th ") == page.text.count('<th scope="col">')


def test_the_start_leads_to_the_page(api: Api) -> None:
    answer = api.nobody.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")
