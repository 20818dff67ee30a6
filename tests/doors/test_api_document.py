"""What the OpenAPI document says is so: every operation, generated from the document.

Threats A13 and A14: nobody, the wrong key and the wrong tenant get nothing and change nothing, at every single route.
"""

from __future__ import annotations

import itertools
from base64 import b64encode
from typing import Any

import httpx2
import pytest

from postroom.errors import PostroomError
from postroom.model.application import Scope
from postroom.web.api.app import create_app
from postroom.web.api.document import operations
from tests.doors.api_rig import Api, problem
from tests.doors.api_schema import misfits

_numbers = itertools.count()


class _NoDesk:
    """Enough of a desk to ask the application for its document before any engine runs."""

    class settings:  # noqa: N801  (stands for an attribute)
        max_body_bytes = max_batch = admission_messages = admission_bytes = 1
        trusted_proxies: tuple[()] = ()
        proxy_header = None

    office = outbox = reports = store = None


DOCUMENT: dict[str, Any] = create_app(_NoDesk()).openapi()  # type: ignore[arg-type]  # the document needs no engine
EVERY = [(path, method, operation) for path, method, operation in operations(DOCUMENT)]
GUARDED = [one for one in EVERY if one[2].get("security")]
Operation = tuple[str, str, dict[str, Any]]


def scopes_of(operation: Operation) -> set[str]:
    return {scope for scheme in operation[2].get("security", ()) for scope in scheme["key"]}


SCOPED = [one for one in GUARDED if scopes_of(one)]
OWN = [one for one in EVERY if one[2]["tags"] == ["self"]]
_NO_IDS = ("/v1/preferences/", "/v1/ready-templates/")
FOREIGN = [one for one in SCOPED if "{" in one[0] and not one[0].startswith(_NO_IDS)]
"""An address is no id of anybody's: each tenant knows its own preferences of it (see `test_recipients`); ready
templates are everybody's.
"""


def named(operation: Operation) -> str:
    return str(operation[2]["operationId"])


def body_of(operation: dict[str, Any]) -> Any:
    return operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")


def call(client: httpx2.Client, operation: Operation, names: dict[str, str], **query: str) -> httpx2.Response:
    path, method, described = operation
    return client.request(method.upper(), path.format_map(names), json=body_of(described), params=query)


_ANSWER = b"""Subject: Re: S
Content-Type: multipart/mixed; boundary=b

--b

T
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename=order.pdf

PDF
--b--
"""


class Things:
    """One of each noun, of one tenant: what a path can name."""

    def __init__(self, client: httpx2.Client, mode: str = "silent") -> None:
        self.client = client
        client.patch("/v1/settings", json={"mode": mode})
        account = client.post("/v1/accounts", json={"name": "Main", "host": "smtp.example.com"}).json()
        connector = client.post("/v1/connectors", json={"name": "Cellar", "kind": "agent"}).json()
        agent = client.post("/v1/connectors/Cellar/agents", json={"name": "one"}).json()
        sender = client.post("/v1/senders", json={"address": "news@example.com"}).json()
        application = client.post("/v1/applications", json={"name": "Till"}).json()
        key = client.post("/v1/applications/Till/keys", json={"scopes": ["messages:send"]}).json()
        signing = client.post("/v1/dkim-keys", json={"domain": "example.com", "algorithm": "ed25519"}).json()
        tenant = client.get("/v1/settings").json()
        kind = client.post("/v1/kinds", json={"name": "alerts"}).json()
        words = {"en": {"subject": "S {{ name }}", "text": "T"}}
        written = {"name": "hello", "texts": words, "variables": [{"name": "name"}]}
        template = client.post("/v1/templates", json=written).json()
        layout = client.post("/v1/layouts", json={"name": "frame", "html": "{{ content }}"}).json()
        user = client.post("/v1/users", json={"login": f"user{next(_numbers)}", "mail": False}).json()
        role = client.post("/v1/roles", json={"name": "Clerk", "scopes": ["messages:read"]}).json()
        message = client.post("/v1/messages", json={"to": "ann@example.org", "subject": "S", "text": "T"}).json()
        nowhere = {"host": "127.0.0.1", "port": 1, "encryption": "none"}
        test = client.post("/v1/accounts/Main/tests", json={"to": "ann@example.org", "values": nowhere}).json()
        client.post("/v1/suppressions", json={"address": "ann@example.org"}).raise_for_status()
        incoming = client.post("/v1/incoming", json={"raw": b64encode(_ANSWER).decode()}).json()
        hook = {"name": "Hook", "url": "https://shop.example.com/hook"}
        webhook = client.post("/v1/webhooks", json=hook).json()
        job = client.post("/v1/jobs", json={"act": "hold", "search": {"state": "failed"}}).json()
        there = {"name": "Back", "host": "127.0.0.1", "port": 1, "encryption": "none", "user": "u", "secret": "pw"}
        mailbox = client.post("/v1/mailboxes", json=there).json()
        saved = client.post("/v1/filters", json={"name": "Failed", "search": {"state": "failed"}}).json()
        self.names = {
            "filter": saved["id"],
            "job": job["id"],
            "incoming": incoming["id"],
            "account": account["id"],
            "connector": connector["id"],
            "agent": agent["id"],
            "sender": sender["id"],
            "kind": kind["id"],
            "template": template["id"],
            "layout": layout["id"],
            "language": "de",
            "ready": "news",
            "bulk": "q_0000000000000",
            "address": "ann@example.org",
            "application": application["id"],
            "key": key["id"],
            "dkim_key": signing["id"],
            "tenant": tenant["id"],
            "message": message["id"],
            "user": user["login"],
            "role": role["id"],
            "session": "n_0000000000000",
            "thing": self._deleted(),
            "passkey": "w_0000000000000",
            "identity": "x_0000000000000",
            "provider": "i_0000000000000",
            "diagnosis": "of-no-rule",
            "test": test["id"],
            "webhook": webhook["id"],
            "mailbox": mailbox["id"],
            "number": "2",
        }

    def _deleted(self) -> str:
        """The id of something that is deleted."""
        made = self.client.post("/v1/senders", json={"address": "old@example.com"}).json()
        self.client.delete(f"/v1/senders/{made['id']}").raise_for_status()
        return str(made["id"])

    def look(self) -> list[Any]:
        """Everything there is to see of the tenant."""
        pages = [
            "settings",
            "accounts",
            "connectors",
            "mailboxes",
            "senders",
            "kinds",
            "templates",
            "layouts",
            "applications",
            "keys",
            "messages",
            "queue",
            "incoming",
            "users",
            "roles",
            "deleted",
            "dkim-keys",
            "filters",
        ]
        pages += [f"messages/{self.names['message']}", f"messages/{self.names['message']}/timeline"]
        return [self.client.get(f"/v1/{page}").json() for page in pages]


@pytest.fixture(scope="module")
def foreign(api: Api) -> Things:
    """The things of a tenant that is none of the caller's business."""
    return Things(api.tenant())


def test_the_served_document_is_the_one_tested_here(api: Api) -> None:
    assert api.document == DOCUMENT
    assert DOCUMENT["openapi"].startswith("3.1")


def test_every_operation_tells_what_it_is(api: Api) -> None:
    for path, method, operation in EVERY:
        assert operation["summary"], (path, method)
        assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    assert len({named(one) for one in EVERY}) == len(EVERY)


def test_every_reference_in_the_document_leads_somewhere() -> None:
    shapes = DOCUMENT["components"]["schemas"]

    def check(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                assert value["$ref"].removeprefix("#/components/schemas/") in shapes
            for one in value.values():
                check(one)
        elif isinstance(value, list):
            for one in value:
                check(one)

    check(DOCUMENT)


def test_only_health_is_for_nobody() -> None:
    signing_in = {"/v1/sessions", "/v1/sessions/second-step", "/v1/passwords", "/v1/password-resets"}
    signing_in |= {"/v1/sessions/passkey", "/v1/sessions/passkey/options"}
    signing_in |= {"/v1/sign-in", "/v1/sessions/provider", "/v1/sessions/provider/begin", "/v1/first-run"}
    assert {one[0] for one in EVERY if one not in GUARDED} == {"/v1/health", "/v1/ready"} | signing_in
    assert {one[0] for one in GUARDED if one not in SCOPED} == {one[0] for one in OWN if one in GUARDED}


@pytest.mark.parametrize("operation", GUARDED, ids=named)
def test_nobody_gets_401(api: Api, foreign: Things, operation: Operation) -> None:
    answer = call(api.nobody, operation, foreign.names)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    problem(answer, 401)


@pytest.mark.parametrize("operation", SCOPED, ids=named)
def test_a_key_without_the_scope_gets_403(api: Api, foreign: Things, operation: Operation) -> None:
    """All other scopes together do not open the door, and the route's own tenant is no help."""
    needed = {Scope(scope) for scope in scopes_of(operation)}
    assert len(needed) == 1
    others = set(Scope) - needed - {Scope.ADMIN}
    answer = call(_client(api, foreign, others), operation, foreign.names)
    assert problem(answer, 403)["faults"] == []


_clients: dict[tuple[int, frozenset[Scope]], httpx2.Client] = {}


def _client(api: Api, things: Things, scopes: set[Scope]) -> httpx2.Client:
    """A client of the things' own tenant, made once for each set of scopes."""
    chosen = (id(api), frozenset(scopes))
    if chosen not in _clients:
        made = things.client.post(
            "/v1/applications/Till/keys", json={"scopes": [scope.value for scope in scopes]}
        ).json()
        _clients[chosen] = api.with_key(made["key"])
    return _clients[chosen]


@pytest.fixture(scope="module")
def stranger(api: Api) -> httpx2.Client:
    """The administrator of another tenant, who has an account of his own to move things to."""
    client = api.tenant()
    client.post("/v1/accounts", json={"name": "Own", "host": "smtp.example.net"})
    return client


@pytest.mark.parametrize("operation", FOREIGN, ids=named)
def test_a_foreign_id_gets_404_and_nothing_happens(
    api: Api, foreign: Things, stranger: httpx2.Client, operation: Operation
) -> None:
    before = foreign.look()
    answer = call(stranger, operation, foreign.names)
    told = problem(answer, 404)
    assert foreign.look() == before
    unknown = {name: text[:-4] + "0000" for name, text in foreign.names.items()}
    assert problem(call(stranger, operation, unknown), 404)["detail"] == told["detail"]


def takes(operation: Operation, parameter: str) -> bool:
    return any((one["name"], one["in"]) == (parameter, "query") for one in operation[2].get("parameters", ()))


@pytest.mark.parametrize("operation", [one for one in GUARDED if takes(one, "tenant")], ids=named)
def test_only_the_installation_may_name_another_tenant(
    api: Api, foreign: Things, stranger: httpx2.Client, operation: Operation
) -> None:
    before = foreign.look()
    problem(call(stranger, operation, foreign.names, tenant=foreign.names["tenant"]), 404)
    problem(call(stranger, operation, foreign.names, tenant="no such tenant"), 404)
    assert foreign.look() == before


@pytest.fixture(scope="module")
def standing(api: Api) -> Things:
    """The things of a tenant of whom nothing is changed, however much is asked."""
    return Things(api.tenant())


@pytest.mark.parametrize("operation", EVERY, ids=named)
def test_a_query_nobody_knows_is_refused(standing: Things, operation: Operation) -> None:
    """A misspelt filter or tenant must not act on everything."""
    told = problem(call(standing.client, operation, standing.names, tenent="x"), 422)
    assert [fault["field"] for fault in told["faults"]] in (["tenent"], ["query"])


# A message has to wait before these can be done to it; and nothing is unknown where nobody delivers.
_WAITING = {"hold_message", "retry_message"}
_CONFLICTS = {
    "confirm_installation", "settle_message", "delete_tenant",
    "look_at_certificate", "trust_certificate",  # of a server that is not there
    "read_grant", "begin_consent", "connect_account", "forget_grant",  # the account logs in otherwise
    "read_mailbox_grant", "begin_mailbox_consent", "connect_mailbox", "forget_mailbox_grant",  # as does the mailbox
}  # fmt: skip
_NOT_THERE = {
    "remove_passkey_of_user",  # only a device makes one
    "read_diagnosis",  # of no tenant: the same for all
    "unlink_identity",  # only signing in makes one
    "read_bulk", "cancel_bulk",  # see `test_bulks`, for the next one too
    "read_provider", "change_provider", "delete_provider", "check_provider",  # of no tenant by itself
}  # fmt: skip
_OF_THE_INSTALLATION = {
    "create_tenant", "rotate_key", "read_installation", "confirm_installation", "make_backup",
    "delete_tenant", "list_providers", "create_provider",
}  # fmt: skip


@pytest.mark.parametrize("operation", [one for one in EVERY if one not in OWN and named(one) != "send_bulk"], ids=named)
def test_what_is_answered_is_what_was_promised(api: Api, standing: Things, operation: Operation) -> None:
    """Every example works, and every answer has the documented status and shape, with nothing undocumented in it."""
    waits = "smtp" if named(operation) in _WAITING else "silent"
    things = standing if operation[1] == "get" else Things(api.tenant(), waits)
    client = api.boss if named(operation) in _OF_THE_INSTALLATION else things.client
    answer = call(client, operation, things.names)
    responses = operation[2]["responses"]
    assert str(answer.status_code) in responses, answer.text
    expected = {409: named(operation) in _CONFLICTS, 404: named(operation) in _NOT_THERE}
    assert answer.is_success or expected.get(answer.status_code), answer.text
    content = responses[str(answer.status_code)].get("content", {})
    if not content:
        assert answer.content == b""
        return
    media = answer.headers["content-type"]
    assert media in content
    if "json" in media:
        assert misfits(DOCUMENT, content[media]["schema"], answer.json()) == []


def test_errors_of_ours_have_a_place_on_the_documentation_page(api: Api) -> None:
    page = api.nobody.get("/docs").text
    assert f'id="{api.nobody.get("/v1/keys").json()["type"].partition("#")[2]}"' in page
    assert PostroomError.slug in page
