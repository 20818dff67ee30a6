"""The shapes of connectors, agents and their tests in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from postroom.model.connector import ConnectorKind

__all__ = ["AGENT_NAME", "TRIAL", "connector_schemas"]

Schema = dict[str, Any]


def _text(sentence: str = "", **more: Any) -> Schema:
    return {"type": "string"} | ({"description": sentence} if sentence else {}) | more


def _flag(sentence: str) -> Schema:
    return {"type": "boolean", "description": sentence}


def _moment(sentence: str) -> Schema:
    return {"anyOf": [_text(sentence, format="date-time"), {"type": "null"}]}


def _list(items: Schema, sentence: str) -> Schema:
    return {"type": "array", "items": items, "description": sentence}


def _ref(shape: str) -> Schema:
    return {"$ref": f"#/components/schemas/{shape}"}


AGENT_NAME: Schema = {
    "type": "object",
    "properties": {"name": _text("What people call it, like the place where it runs.")},
    "required": ["name"],
}
TRIAL: Schema = {
    "type": "object",
    "properties": {
        "host": _text("A mail server behind it."),
        "port": {"type": "integer", "minimum": 1, "maximum": 65535},
    },
}
_VALUES = {
    "name": _text("What people call it."),
    "kind": _text("What it is.", enum=[kind.value for kind in ConnectorKind]),
    "host": _text("The proxy's or SSH server's name or IP address. Agents have none."),
    "port": {"type": "integer", "description": "Without it: 1080, 8080 or 22, as the kind is.", "maximum": 65535},
    "user": _text("The user name there."),
    "host_key": _text("The SSH server's confirmed host key, `SHA256:…` with or without its algorithm before it."),
}
_SHOWN = {
    "id": _text("Like `x_…`."),
    "tenant_id": _text(),
    **_VALUES,
    "has_secret": _flag("Whether a password or key is kept. It is never shown."),
    "secret_set_at": _moment("When it was typed."),
    "created_at": _text(format="date-time"),
    "version": {"type": "integer", "description": "Grows with each change."},
    "accounts": _list(_text(), "The names of the accounts that go through it."),
    "agents": _list(_ref("Agent"), "Who dials in for it."),
    "needs": _list(_text(), "What is missing before it can be used, in sentences."),
    "trouble": _text("What is wrong with it now, as far as is known; else empty."),
    "trouble_at": _moment("Since when."),
    "secret_dropped": _flag("This very change made the kept secret useless; it has to be typed again."),
    "accounts_dropped": _list(_text(), "Accounts that lost their passwords by this very change of the way."),
}
_AGENT = {
    "id": _text("Like `g_…`."),
    "name": _text("What people call it."),
    "prefix": _text("What its key begins with, after `pa_`."),
    "created_at": _text(format="date-time"),
    "node": _text("The process of Postroom that it was connected to last."),
    "address": _text("Where it dialled from last."),
    "connected": _flag("Whether it is connected now."),
    "connected_at": _moment("Since when it is connected."),
    "seen_at": _moment("When it came or went last."),
    "revoked_at": _moment("Since when its key is refused."),
}
_TRIAL = {
    "ok": _flag("Whether it works as far as was tried."),
    "sentence": _text("What came of it, in plain words."),
    "failure": {"anyOf": [_text("What kind of failure it is."), {"type": "null"}]},
    "steps": _list(
        {
            "type": "object",
            "properties": {
                "step": _text("What was addressed."),
                "ok": _flag("Whether this step worked."),
                "words": _text("What came of it."),
                "ms": {"type": "number", "description": "How long it took."},
            },
            "required": ["step", "ok", "words", "ms"],
        },
        "One after the other.",
    ),
    "host_key": _text("The host key that an SSH server showed: compare it, and set `host_key` to confirm it."),
}
_EVENT = {"at": _text(format="date-time"), "trouble": _flag("Something was wrong from then on."), "text": _text()}


def _answer(sentence: str, properties: Schema) -> Schema:
    return {"type": "object", "description": sentence, "properties": properties, "required": list(properties)}


def connector_schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    secret = _text("The password; for SSH also a private key in PEM. Sealed, never shown again.", writeOnly=True)
    return {
        "ConnectorValues": {
            "type": "object",
            "description": "A connector, as it is given. What is not named stays as it is.",
            "properties": {**_VALUES, "secret": secret},
        },
        "Connector": _answer("A connector, as it is shown.", _SHOWN),
        "ConnectorTrial": _answer("What a test of a connector showed.", _TRIAL),
        "ConnectorEvent": _answer("A line of a connector's log.", _EVENT),
        "Agent": _answer("A program that dials in for a connector, without its key.", _AGENT),
        "NewAgent": _answer(
            "A new agent. `key` is shown this one time.",
            {"key": _text(), "pin": _text("The SHA-256 of Postroom's own certificate, or empty.")} | _AGENT,
        ),
    }
