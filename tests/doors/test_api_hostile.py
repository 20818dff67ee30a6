"""No value in any field of any body, path or query makes the door fall over: it is taken, or refused in plain words."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from postroom.model.application import Scope
from tests.doors.api_rig import Api, problem
from tests.doors.test_api_document import DOCUMENT, EVERY, Operation, Things, body_of, named

NASTY: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    2**200,
    1e308,
    0.1,
    "",
    " ",
    "\x00",
    "a\r\nBcc: x@example.org",
    "\u2028\u0085\u202e",
    "\N{GRINNING FACE}" * 50,
    "x" * 100_000,
    "m_0000000000001",
    "%00%0d%0a/../{}",
    "=?utf-8?q?a=0ab?=",
    "'; DROP TABLE message; --",
    "<script>alert(1)</script>",
    [],
    [[]],
    [None],
    ["", "\x00", 3],
    {},
    {"": ""},
    {"a": {"b": [{}]}},
    {"\x00": "\x00"},
)


def fields_of(operation: Operation) -> list[str]:
    """The names of the body's properties, as documented."""
    content = operation[2].get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return []
    schema = content["schema"]
    while "oneOf" in schema or "$ref" in schema:
        schema = schema["oneOf"][0] if "oneOf" in schema else DOCUMENT["components"]["schemas"][_name(schema)]
    return list(schema["properties"])


def _name(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def answered(answer: httpx2.Response, what: object) -> None:
    """An answer, or a refusal that names what is wrong; never a failure of ours."""
    assert answer.status_code < 500 or answer.status_code == 501, f"{what!r}: {answer.text}"
    if not answer.is_success and not answer.is_redirect:
        problem(answer, answer.status_code)


@pytest.mark.parametrize("operation", [one for one in EVERY if fields_of(one)], ids=named)
def test_no_value_in_a_body_makes_it_fail(api: Api, operation: Operation) -> None:
    things = Things(api.tenant())
    path, method, described = operation
    for field in fields_of(operation):
        for value in NASTY:
            body = (body_of(described) or {}) | {field: value}
            answered(things.client.request(method.upper(), path.format_map(things.names), json=body), (field, value))
    for value in NASTY:
        answered(things.client.request(method.upper(), path.format_map(things.names), json=value), value)


@pytest.mark.parametrize("operation", [one for one in EVERY if "{" in one[0]], ids=named)
def test_no_text_in_a_path_makes_it_fail(api: Api, operation: Operation) -> None:
    client = api.tenant()
    path, method, described = operation
    for value in [value for value in NASTY if isinstance(value, str) and value.strip() and len(value) < 10_000]:
        where = path[: path.index("{")] + quote(value, safe="") + path[path.index("}") + 1 :]
        answered(client.request(method.upper(), where, json=body_of(described)), value)


@pytest.fixture(scope="module")
def standing(api: Api) -> Things:
    """The things of a tenant of whom nothing is changed, however much is asked."""
    return Things(api.tenant())


ASKING = [one for one in EVERY if one[1] == "get" and one[2].get("parameters")]


@pytest.mark.parametrize("operation", ASKING, ids=named)
def test_no_text_in_a_query_makes_it_fail(standing: Things, operation: Operation) -> None:
    path, _, described = operation
    for parameter in [one["name"] for one in described["parameters"] if one["in"] == "query"]:
        for value in [value for value in NASTY if isinstance(value, str | int) and len(str(value)) < 10_000]:
            answer = standing.client.get(path.format_map(standing.names), params={parameter: str(value)})
            answered(answer, (parameter, value))


def test_a_thousand_names_nobody_knows_cost_little(api: Api) -> None:
    """A19: a did-you-mean for each of a hundred thousand names would take minutes."""
    body = {f"subjec{number}": number for number in range(100_000)}
    client = api.tenant(Scope.ADMIN)
    for path in ("/v1/messages", "/v1/accounts", "/v1/senders", "/v1/explain"):
        answer = client.post(path, json=body)
        assert answer.status_code in (413, 422)
        assert len(answer.content) < 200_000
