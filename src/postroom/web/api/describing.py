"""What a route says of itself in the OpenAPI document, and how it answers.

`answers(…)` is given to a route's decorator; the shapes it names are in `shapes`. The body of a request is read by the
route itself (see `requests`), so it is described here and not found by FastAPI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from postroom.outbox import Receipt
from postroom.web.api.answers import message_path, receipt_json
from postroom.web.api.problems import encode_json

__all__ = ["answers", "answers_nothing", "json_answer", "list_of", "object_of", "receipt_answer", "ref"]


_CONFLICT = "It does not fit the present state; `detail` says which that is."


_REFUSALS = {
    "401": "Something presented is not right; it is not said what.",
    "403": "The tenant is suspended.",
    "404": "There is no such thing, or not any more.",
    "429": "Too many tries; `Retry-After` says when to come again.",
}


def ref(shape: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{shape}"}


def list_of(name: str, shape: str) -> dict[str, Any]:
    """An object that holds a list: it can grow other members later."""
    return object_of(**{name: {"type": "array", "items": ref(shape)}})


def object_of(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def answers(
    schema: Mapping[str, Any],
    words: str,
    *,
    status: int = 200,
    takes: Mapping[str, Any] | None = None,
    example: Mapping[str, Any] | None = None,
    may_be_empty: bool = False,
    conflicts: bool = False,
    signs_in: bool = False,
    slows: bool = False,
    asks: bool = False,
) -> dict[str, Any]:
    """Keywords for a route. `takes` and `example`: the body; `conflicts`: it may not fit the present state (409);
    `signs_in`: it needs no key, may refuse who presents himself (401, 403, 404), and slows down who guesses (429);
    `slows`: it does only that; `asks`: it asks another service, which may not answer as it should (502).
    """
    extra: dict[str, Any] = {
        "responses": {str(status): {"description": words, "content": {"application/json": {"schema": schema}}}}
    }
    if conflicts:
        extra["responses"]["409"] = {"description": _CONFLICT}
    if signs_in:
        extra["responses"] |= {code: {"description": words} for code, words in _REFUSALS.items()}
    if slows:
        extra["responses"]["429"] = {"description": _REFUSALS["429"]}
    if asks:
        extra["responses"]["502"] = {"description": "The identity provider did not answer as it should."}
    if takes is not None:
        content: dict[str, Any] = {"schema": takes}
        if example is not None:
            content["example"] = example
        extra["requestBody"] = {"required": not may_be_empty, "content": {"application/json": content}}
    return {"status_code": status, "openapi_extra": extra}


def answers_nothing(words: str, *, conflicts: bool = False) -> dict[str, Any]:
    """Keywords for a route that answers 204."""
    responses: dict[str, Any] = {"204": {"description": words}}
    if conflicts:
        responses["409"] = {"description": _CONFLICT}
    return {"status_code": 204, "openapi_extra": {"responses": responses}}


def receipt_answer(receipt: Receipt, status: int = 200, *, moved: bool = False) -> Response:
    """A receipt; `moved` says that it is another message's than was asked for, and where that is."""
    headers = {"location": message_path(receipt.message_id)} if moved else None
    return Response(receipt_json(receipt).encode(), status, headers, media_type="application/json")


def json_answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encode_json(body).encode(), status, headers, media_type="application/json")
