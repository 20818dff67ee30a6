"""The shapes of webhooks and of the events that they are told of, in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from postroom.model.webhook import EVENT_TYPES, WebhookState

__all__ = ["REPLAY", "ROTATION", "schemas"]

Schema = dict[str, Any]


def _text(sentence: str = "", **more: Any) -> Schema:
    return {"type": "string"} | ({"description": sentence} if sentence else {}) | more


def _flag(sentence: str) -> Schema:
    return {"type": "boolean", "description": sentence}


def _number(sentence: str) -> Schema:
    return {"type": "integer", "description": sentence}


def _moment(sentence: str) -> Schema:
    return {"anyOf": [_text(sentence, format="date-time"), {"type": "null"}]}


_TYPES: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "description": f"Which events; empty: all. There are {', '.join(EVENT_TYPES)}, and groups like message.*",
}
_VALUES: Schema = {
    "name": _text("What people call it; else its host."),
    "url": _text("Where events are sent to, by POST. https; the operator's own on this machine may be http."),
    "types": _TYPES,
    "authority": _text("An own CA in PEM, where the server's certificate is of none that this machine knows."),
}
_WEBHOOK: Schema = {
    "id": _text("Like `h_…`."),
    "tenant_id": _text(),
    **_VALUES,
    "state": _text("Whether it is told of anything.", enum=[one.value for one in WebhookState]),
    "paused_reason": _text("Why not."),
    "paused_by": _text("`person`, or `verdict`: it has taken nothing for days, or is gone."),
    "paused_at": _moment("Since when."),
    "has_secret": _flag("Whether a secret is kept."),
    "secret_set_at": _moment("When it was made."),
    "created_at": _text(format="date-time"),
    "version": _number("Grows with each change."),
    "after": _text("The cursor up to which everything is delivered."),
    "behind": _flag("Whether events wait for it."),
    "tries": _number("How often in a row the next event was not taken."),
    "failing_since_at": _moment("Since when."),
    "next_try_at": _moment("When it is tried again."),
    "answered_at": _moment("When it last answered, or did not."),
    "status": _number("The HTTP status of that; 0 without one."),
    "fault": _text("Why the last event was not taken."),
}
_SECRET = _text("What deliveries are signed with: `whsec_…`. Shown this one time.")
_EVENT: Schema = {
    "id": _text("The same wherever this event is told of."),
    "type": _text("What happened, like message.sent."),
    "timestamp": _text("When.", format="date-time"),
    "tenant_id": _text("Whose."),
    "data": {"type": "object", "description": "More about it: the message, the recipient, the server's reply."},
}
_EVENTS: Schema = {
    "events": {
        "type": "array",
        "items": {"$ref": "#/components/schemas/FeedEvent"},
        "description": "The oldest first.",
    },
    "next": _text("The cursor for the next question."),
    "more": _flag("There is more already."),
    "missed": _flag("Some events after the cursor were so old that they are gone."),
}
_TRIAL: Schema = {
    "ok": _flag("Whether it was taken."),
    "status": _number("The HTTP status, 0 without one."),
    "sentence": _text("What came of it, in plain words."),
    "ms": {"type": "number", "description": "How long it took."},
}
_DELIVERY: Schema = {
    "event_id": _text("The event's id, as its receiver saw it."),
    "type": _text("What happened, like message.sent; webhook.test for a test."),
    "at": _text("When.", format="date-time"),
    "ok": _flag("Whether it was taken."),
    "status": _number("The HTTP status, 0 without one."),
    "sentence": _text("What came of it, in plain words."),
    "ms": _number("How long it took."),
    "after": {
        "anyOf": [_text("The cursor before it, to deliver again from there on."), {"type": "null"}],
    },
}
REPLAY: Schema = {
    "type": "object",
    "properties": {
        "after": _text("A cursor: what came after it is delivered again."),
        "since": _text("Or a time.", format="date-time"),
    },
}
ROTATION: Schema = {
    "type": "object",
    "properties": {"overlap_hours": _number("How long the old secret signs beside the new one; without it 24.")},
}


def _answer(sentence: str, properties: Schema) -> Schema:
    return {"type": "object", "description": sentence, "properties": properties, "required": list(properties)}


def schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    shown = _answer("A webhook, and how far it has come.", _WEBHOOK)
    shown["properties"] = _WEBHOOK | {"secret": _SECRET}
    return {
        "Webhook": shown,
        "NewWebhook": _answer("A webhook with its new secret.", _WEBHOOK | {"secret": _SECRET}),
        "WebhookValues": {
            "type": "object",
            "description": "A webhook, as it is given. What is not named stays as it is.",
            "properties": _VALUES,
        },
        "WebhookTrial": _answer("What a test of a webhook showed.", _TRIAL),
        "WebhookDelivery": _answer("One attempt to deliver an event, as it went.", _DELIVERY),
        "FeedEvent": _answer("Something that happened, as the feed and webhooks tell it.", _EVENT),
        "Events": _answer("Events after a cursor.", _EVENTS),
    }
