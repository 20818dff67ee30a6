"""The OpenAPI 3.1 document: FastAPI's, with what FastAPI does not know put right.

The hot path is no FastAPI route, so its operation is written here, from the same table that checks it; bodies of
settings are checked by the office, so their schemas come from `shapes`; errors are problem+json everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import postroom
from postroom.model.application import Scope
from postroom.web.api import (
    account_shapes,
    check_shapes,
    discovery,
    dns_shapes,
    filters,
    grant_shapes,
    incoming,
    insight_shapes,
    jobs,
    mailbox_shapes,
    people_shapes,
    problems,
    proofs,
    provider_shapes,
    recipient_shapes,
    shapes,
    staged_shapes,
    version_shapes,
    webhook_shapes,
)
from postroom.web.api.bulk_posting import BULKS_PATH, bulk_operation
from postroom.web.api.bulks import bulk_schemas
from postroom.web.api.connector_shapes import connector_schemas
from postroom.web.api.fields import ATTACHMENT, MESSAGE, Field
from postroom.web.api.login import SCHEME
from postroom.web.api.posting import LONGEST_KEY
from postroom.web.api.raw import RAW, RAW_PATH, raw_operation
from postroom.web.api.template_shapes import template_schemas

__all__ = ["document_of", "operations"]

_SEND = "send_messages"
_WRITTEN_BY_HAND = (_SEND, "send_raw_message", "send_bulk")
_METHODS = ("get", "put", "post", "patch", "delete")
_INTRODUCTION = """\
Hand over messages, see what became of them, and set up how they leave.

Send a key with every request: `Authorization: Bearer pr_…`. Errors are `application/problem+json` (RFC 9457) and name
everything that is wrong at once in `faults`. Ids are texts like `m_06a1b2c3d4e5f`; times are RFC 3339 in UTC. An id
that belongs to somebody else is answered like one that does not exist.

To be sure that a message is sent once, although the answer to your request was lost, send an `Idempotency-Key` and
repeat the same request with the same key."""

TAGS = [
    {"name": "messages", "description": "Send, find, read and change the course of messages."},
    {"name": "accounts", "description": "The mail servers that mail leaves through."},
    {"name": "recipients", "description": "What recipients choose, and who gets nothing but security mail."},
    {"name": "incoming", "description": "Mail that came back: bounces, read receipts, answers."},
    {"name": "mailboxes", "description": "The mailboxes that what comes back is fetched from, over IMAP."},
    {"name": "kinds", "description": "Kinds of mail: what it is about, and how its recipients get it."},
    {"name": "templates", "description": "Mail written once, in several languages, and sent with variables; bulks."},
    {"name": "connectors", "description": "Ways to servers behind proxies, jump hosts and in closed networks."},
    {"name": "senders", "description": "The addresses mail may leave from."},
    {"name": "dns", "description": "What receivers believe: signing with DKIM, and checks of SPF, DKIM and DMARC."},
    {"name": "settings", "description": "What is inherited: mode, sending, defaults, footer, retention, retries."},
    {"name": "tenants", "description": "Tenants, their applications and the keys of these."},
    {"name": "webhooks", "description": "Events as they happen: sent to an address of yours, or pulled."},
    {"name": "versions", "description": "What was changed, by whom, and going back to it."},
    {"name": "installation", "description": "The installation as a whole: the real one or a copy, and backups."},
    {"name": "people", "description": "Users, their roles, and who did what."},
    {"name": "providers", "description": "Identity providers: who else says who somebody is (OpenID Connect)."},
    {"name": "self", "description": "Signing in, and what people do with their own: password, second step, sessions."},
    {"name": "insight", "description": "Why a message goes the way it goes, what waits, and whether all is well."},
]


def document_of(app: FastAPI) -> dict[str, Any]:
    """Makes the document. It is the same for everybody and may be kept."""
    document = get_openapi(
        title="Postroom",
        version=postroom.__version__,
        openapi_version="3.1.0",
        summary="The outgoing-mail department of business applications",
        description=_INTRODUCTION,
        routes=app.routes,
        tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    paths = document["paths"]
    paths["/v1/messages"] = {"post": _post_messages()} | paths.get("/v1/messages", {})
    paths[RAW_PATH] = {"post": raw_operation()}
    paths[BULKS_PATH] = {"post": bulk_operation()} | paths.get(BULKS_PATH, {})
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= {"Problem": problems.schema(), "Message": _schema(MESSAGE), "Attachment": _schema(ATTACHMENT)}
    schemas["RawMessage"] = _schema(RAW) | {"required": ["raw"]}
    for name, shape in _shapes():
        if name in schemas:
            raise ValueError(f"two shapes are called {name}")
        schemas[name] = shape
    for _, _, operation in operations(document):
        _tell_summary(operation)
        _tell_problems(operation)
    return document


def _shapes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every shape that answers and bodies are made of, from the modules that know them."""
    for part in (
        shapes,
        people_shapes,
        provider_shapes,
        version_shapes,
        insight_shapes,
        account_shapes,
        grant_shapes,
        check_shapes,
        staged_shapes,
        recipient_shapes,
        discovery,
        proofs,
        dns_shapes,
        incoming,
        jobs,
        mailbox_shapes,
        filters,
        webhook_shapes,
    ):
        yield from part.schemas().items()
    yield from connector_schemas().items()
    yield from template_schemas().items()
    yield from bulk_schemas().items()


def _tell_summary(operation: dict[str, Any]) -> None:
    """The first line of a route's docstring is its summary, what follows is the description."""
    first, _, rest = operation.get("description", "").partition("\n\n")
    if "\n" not in first and operation["operationId"] not in _WRITTEN_BY_HAND:
        operation["summary"], operation["description"] = first, rest


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of everything the document offers."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _schema(table: dict[str, Field]) -> dict[str, Any]:
    properties = {}
    for name, row in table.items():
        properties[name] = {**row.schema, "description": row.sentence}
        if row.example is not None:
            properties[name]["examples"] = [row.example]
    return {"type": "object", "additionalProperties": False, "properties": properties}


def example_message() -> dict[str, Any]:
    return {name: row.example for name, row in MESSAGE.items() if row.example is not None}


def _post_messages() -> dict[str, Any]:
    one = {"$ref": "#/components/schemas/Message"}
    many = {"type": "array", "items": one, "minItems": 1}
    body = {
        "oneOf": [one, many, {"type": "object", "properties": {"messages": many}, "required": ["messages"]}],
    }
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Names this request alone. The same request with the same key is accepted once; a repetition "
        "gets the present state of the first one and the header `Idempotency-Replayed: true`. For a batch the key "
        "counts for each message by its place.",
        "schema": {"type": "string", "maxLength": LONGEST_KEY},
    }
    receipt = {"$ref": "#/components/schemas/Receipt"}
    location = {"Location": {"description": "Where the message can be read.", "schema": {"type": "string"}}}
    batch = {"$ref": "#/components/schemas/BatchResult"}
    return {
        "tags": ["messages"],
        "summary": "Send a message, or a batch of them",
        "description": "Answers once every accepted message is on the disk. A batch is a list, or an object with the "
        "list as `messages`; each of its messages is accepted or refused for itself.",
        "operationId": _SEND,
        "security": [{SCHEME: [Scope.SEND.value]}],
        "parameters": [key],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": example_message()}},
        },
        "responses": {
            "200": _answer("It was sent instantly; this is the outcome.", receipt, location),
            "202": _answer("It is accepted and on the disk.", {"oneOf": [receipt, batch]}, location),
            "207": _answer("A batch, of which some messages were refused.", batch),
            "409": {"description": "The idempotency key was used for another request."},
            "429": {"description": _WORDS["429"]},
        },
    }


def _answer(words: str, schema: dict[str, Any], headers: dict[str, Any] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": words, "content": {"application/json": {"schema": schema}}}
    return answer | ({"headers": headers} if headers else {})


_WORDS = {
    "400": "The body is no JSON.",
    "401": "No key, or not a valid one.",
    "403": "The key lacks the scope.",
    "404": "There is no such thing in this tenant.",
    "409": "It does not fit the present state.",
    "413": "Too large.",
    "415": "The body is not JSON, or compressed.",
    "422": "Something given can't be used; `faults` names all of it.",
    "429": "More than is taken in this time; `Retry-After` says when to come again.",
    "502": "Another service did not answer as it should.",
    "503": "The database does not take work, or more arrives than can be taken; nothing was changed.",
    "507": "The disk is full; nothing was accepted.",
}


def _tell_problems(operation: dict[str, Any]) -> None:
    """Adds the problems an operation may answer with; what a route says of itself stays."""
    statuses = {"503"}
    if operation.get("security"):
        statuses |= {"401", "403", "404"}
    if "requestBody" in operation:
        statuses |= {"400", "413", "415", "422", "507"}
    if operation.get("parameters"):
        statuses.add("422")
    responses = operation["responses"]
    if responses.get("422", {}).get("description") == "Validation Error":  # FastAPI's own, of another shape
        del responses["422"]
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted(statuses | ({"401", "403", "404", "409", "429", "502"} & set(responses))):
        responses.setdefault(status, {"description": _WORDS[status]}).setdefault("content", content)
