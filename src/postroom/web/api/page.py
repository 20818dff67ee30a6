"""The documentation page: the OpenAPI document as one HTML page that needs nothing from anywhere else.

No script, one style sheet in the page itself (allowed by its hash in the Content-Security-Policy), light and dark by
the reader's own setting, readable on a phone, every operation folded in a `<details>` that a keyboard opens. All text
is escaped; only back-quotes, blank lines and nothing more are understood as markup.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from postroom.web.api.document import operations
from postroom.web.api.problems import KINDS, MEDIA_TYPE
from postroom.web.api.style import CSS

__all__ = ["POLICY", "page_of"]

_HASH = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode("ascii")
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of the page."""

PROBLEM = {"$ref": "#/components/schemas/Problem"}
_MOST_DEPTH = 5
Document = Mapping[str, Any]


def page_of(document: Document) -> str:
    """The whole page."""
    info = document["info"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_e(info['title'])} API {_e(info['version'])}</title><style>{CSS}</style></head><body>",
        '<a class="skip" href="#operations">To the operations</a>',
        f"<header><h1>{_e(info['title'])} <small>HTTP API {_e(info['version'])}</small></h1>",
        f"<p>{_e(info.get('summary', ''))}</p></header>",
        *_contents(document),
        f"<main><section>{_prose(info['description'])}",
        '<p>For programs: <a href="/v1/openapi.json">the OpenAPI document</a>.</p></section>',
        '<div id="operations">',
        *(part for tag in document["tags"] for part in _group(document, tag)),
        "</div>",
        *_schemas(document),
        *_problems(),
        "</main></body></html>",
    ]
    return "".join(parts)


def _contents(document: Document) -> Iterator[str]:
    yield '<nav aria-label="Contents"><ul>'
    for tag in document["tags"]:
        yield f'<li><a href="#tag-{_e(tag["name"])}">{_e(tag["name"].capitalize())}</a></li>'
    yield '<li><a href="#shapes">Shapes</a></li><li><a href="#problems">Problems</a></li></ul></nav>'


def _group(document: Document, tag: Mapping[str, str]) -> Iterator[str]:
    name = tag["name"]
    yield f'<section aria-labelledby="tag-{_e(name)}"><h2 id="tag-{_e(name)}">{_e(name.capitalize())}</h2>'
    yield _prose(tag["description"])
    for path, method, operation in operations(document):
        if name in operation.get("tags", ()):
            yield from _operation(document, path, method, operation)
    yield "</section>"


def _operation(document: Document, path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    anchor = f"op-{operation['operationId']}"
    yield f'<details class="operation" id="{_e(anchor)}"><summary>'
    yield f'<span class="method {method}">{method.upper()}</span> <code class="path">{_path(path)}</code> '
    yield f'<span class="what">{_e(operation.get("summary", ""))}</span></summary>'
    yield _prose(operation.get("description", ""))
    yield _scope(operation)
    yield from _parameters(document, operation.get("parameters", ()))
    yield from _body(document, operation.get("requestBody"))
    yield from _responses(document, operation["responses"])
    yield f"<h4>Example</h4><pre><code>{_e(_curl(path, method, operation))}</code></pre></details>"


def _scope(operation: Mapping[str, Any]) -> str:
    scopes = [scope for one in operation.get("security", ()) for scopes in one.values() for scope in scopes]
    if not operation.get("security"):
        return "<p>Needs no key.</p>"
    if not scopes:
        return "<p>Needs a session (for some also a key), and no scope.</p>"
    return (
        f"<p>Needs a key or a session with the scope {', '.join(f'<code>{_e(scope)}</code>' for scope in scopes)}.</p>"
    )


def _parameters(document: Document, parameters: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        (one["name"], f"{one['in']}, {_type(document, one['schema'])}", one.get("required", False), _told(one))
        for one in parameters
    ]
    if rows:
        yield "<h4>Parameters</h4>"
        yield from _table(rows)


def _told(parameter: Mapping[str, Any]) -> str:
    return str(parameter.get("description") or parameter["schema"].get("description", ""))


def _body(document: Document, body: Mapping[str, Any] | None) -> Iterator[str]:
    if body is None:
        return
    yield f"<h4>Body{'' if body.get('required') else ' (may be left out)'}</h4>"
    for media, content in body["content"].items():
        yield f"<p><code>{_e(media)}</code>: {_linked(document, content['schema'])}</p>"
        yield from _properties(document, content["schema"])
        if "example" in content:
            yield f"<pre><code>{_e(_json(content['example']))}</code></pre>"


def _responses(document: Document, responses: Mapping[str, Any]) -> Iterator[str]:
    yield '<h4>Answers</h4><div class="wide"><table><thead><tr><th scope="col">Status</th><th scope="col">Meaning</th>'
    yield '<th scope="col">Content</th></tr></thead><tbody>'
    refused = []
    for status, response in sorted(responses.items()):
        content = response.get("content", {})
        if MEDIA_TYPE in content:
            refused.append(f"<strong>{_e(status)}</strong> {_inline(response['description'])}")
            continue
        shapes = ", ".join(_linked(document, one.get("schema", {})) for one in content.values())
        yield f"<tr><td>{_e(status)}</td><td>{_inline(response['description'])}</td><td>{shapes}</td></tr>"
    yield f'</tbody></table></div><p class="refused">Or a {_linked(document, PROBLEM)}: {" ".join(refused)}</p>'


def _properties(document: Document, schema: Mapping[str, Any]) -> Iterator[str]:
    """The fields of an object, when it is no shape that has a place of its own on the page."""
    properties = schema.get("properties")
    if properties:
        required = schema.get("required", ())
        yield from _table(
            [
                (name, _type(document, one), name in required, str(one.get("description", "")))
                for name, one in properties.items()
            ]
        )


def _table(rows: Iterable[tuple[str, str, bool, str]]) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr><th scope="col">Name</th><th scope="col">Type</th>'
    yield '<th scope="col">Meaning</th></tr></thead><tbody>'
    for name, kind, required, words in rows:
        mark = " <em>required</em>" if required else ""
        yield f"<tr><td><code>{_e(name)}</code>{mark}</td><td>{kind}</td><td>{_inline(words)}</td></tr>"
    yield "</tbody></table></div>"


def _schemas(document: Document) -> Iterator[str]:
    yield '<section aria-labelledby="shapes"><h2 id="shapes">Shapes</h2>'
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f'<section class="shape" id="shape-{_e(name)}"><h3>{_e(name)}</h3>{_prose(schema.get("description", ""))}'
        if "enum" in schema:
            yield f"<p>{_type(document, schema)}</p>"
        yield from _properties(document, schema)
        yield "</section>"
    yield "</section>"


def _problems() -> Iterator[str]:
    yield '<section aria-labelledby="problems"><h2 id="problems">Problems</h2>'
    yield "<p>What the <code>type</code> of an error leads to.</p>"
    yield '<div class="wide"><table><thead><tr><th scope="col">Status</th><th scope="col">Kind</th>'
    yield '<th scope="col">Meaning</th></tr></thead><tbody>'
    for kind in KINDS:
        slug = _e(kind.slug)
        yield f'<tr id="problem-{slug}"><td>{kind.status}</td><td><code>{slug}</code></td>'
        yield f"<td>{_e(kind.title)}</td></tr>"
    yield "</tbody></table></div></section>"


def _type(document: Document, schema: Mapping[str, Any], depth: int = 0) -> str:
    """A type in words, with links to the shapes it names."""
    if "$ref" in schema or depth > _MOST_DEPTH:
        return _linked(document, schema)
    if "enum" in schema:
        return " | ".join(f"<code>{_e(json.dumps(value))}</code>" for value in schema["enum"])
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(_type(document, one, depth + 1) for one in schema[several])
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(document, schema.get('items', {}), depth + 1)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(document, schema['additionalProperties'], depth + 1)}"
    words = {"string": "text", "boolean": "true or false", "integer": "whole number", "null": "null"}.get(kind, kind)
    form = {"date-time": "time", "uri-reference": "address"}.get(str(schema.get("format", "")), "")
    return _e(form or ("base64" if schema.get("contentEncoding") else words))


def _linked(document: Document, schema: Mapping[str, Any]) -> str:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name in document["components"]["schemas"]:
        return f'<a href="#shape-{_e(name)}">{_e(name)}</a>'
    return _type(document, schema) if schema else ""


def _curl(path: str, method: str, operation: Mapping[str, Any]) -> str:
    """A command that can be pasted. The key and the address are taken from the shell's variables."""
    lines = [f'curl -X {method.upper()} "$POSTROOM_URL{path}"' if method != "get" else f'curl "$POSTROOM_URL{path}"']
    if operation.get("security"):
        lines.append('-H "Authorization: Bearer $POSTROOM_KEY"')
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if "example" in content:
        lines.append("-H 'Content-Type: application/json'")
        quoted = _json(content["example"]).replace("'", "'\\''")
        lines.append(f"--data '{quoted}'")
    return " \\\n  ".join(lines)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _prose(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n") if part.strip())


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _e(text.replace("\n", " ")))


def _path(path: str) -> str:
    return _e(path).replace("/", "/<wbr>").replace("{", "<var>{").replace("}", "}</var>")


def _e(text: str) -> str:
    return html.escape(text, quote=True)
