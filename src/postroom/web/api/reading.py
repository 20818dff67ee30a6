"""What `reports` finds, in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postroom import ids
from postroom.model.attempt import Attempt
from postroom.model.message import Message, Priority
from postroom.model.state import State
from postroom.reports import Health, MessageLine, MessageView, Page, QueueLine, Timeline
from postroom.web.api.answers import identity, moment, plain, plain_value

__all__ = ["health_json", "message_json", "page_json", "queue_json", "timeline_json"]


def message_json(view: MessageView) -> dict[str, Any]:
    states = _counts(view.states)
    return _message(view.message) | {
        "application": view.application,
        "state": next(iter(states)) if len(states) == 1 else "mixed",
        "states": states,
        "has_content": view.has_content,
        "recipients": [plain(one, "") for one in view.recipients],
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": ids.encode("m", message.id),
        "tenant_id": identity("t", message.tenant_id),
        "created_at": moment(message.created_ms),
        "from": message.sender,
        "return_path": message.mail_from,
        "subject": message.subject,
        "message_id": message.message_id,
        "size": message.size,
        "priority": priority_word(message.priority),
        "application_id": identity("p", message.application_id),
        "sender_id": identity("s", message.sender_id),
        "kind": message.kind,
        "send_at": moment(message.send_at_ms),
        "expires_at": moment(message.expires_at_ms),
        "unknown": message.unknown_policy,
        "secret": message.secret,
        "resend_of": identity("m", message.resend_of),
        "tags": list(message.tags),
        "metadata": dict(message.metadata),
        "template": message.template,
        "template_version": message.template_version,
        "bulk_id": identity("q", message.bulk_id),
    }


def _counts(states: Mapping[State, int]) -> dict[str, int]:
    return {state.value: count for state, count in states.items()}


def priority_word(priority: int) -> str:
    """The word for a priority; what lies between two words is told by the more urgent one."""
    return next((one.name.lower() for one in reversed(Priority) if priority >= one), Priority.URGENT.name.lower())


def timeline_json(timeline: Timeline) -> dict[str, Any]:
    return {
        "id": ids.encode("m", timeline.message_id),
        "events": [
            {
                "id": str(event.id),
                "at": moment(event.at_ms),
                "kind": event.kind.value,
                "n": event.n,
                "detail": {name: plain_value(name, value) for name, value in event.detail.items()},
            }
            for event in timeline.events
        ],
        "attempts": [_attempt(timeline, one) for one in timeline.attempts],
        "more": timeline.more,
    }


def _attempt(timeline: Timeline, attempt: Attempt) -> dict[str, Any]:
    shown = plain(attempt, "", without=("id", "tenant_id", "message_id", "session_id"))
    return {"id": str(attempt.id), "account": timeline.accounts.get(attempt.account_id or 0, "")} | shown


def page_json(page: Page) -> dict[str, Any]:
    return {
        "messages": [_line(line) for line in page.items],
        "next": page.next,
        "searched_to": moment(page.searched_to_ms),
    }


def _line(line: MessageLine) -> dict[str, Any]:
    return _message(line.message) | {
        "to": line.to,
        "recipients": line.recipients,
        "state": line.state.value,
        "states": _counts(line.states),
        "reply": line.reply,
        "diagnosis": line.diagnosis,
        "reason": line.reason,
        "account_id": identity("a", line.account_id),
        "due_at": moment(line.due_ms),
    }


def queue_json(line: QueueLine) -> dict[str, Any]:
    return plain(line, "")


def health_json(health: Health) -> dict[str, Any]:
    """For anybody who asks, without a key: no names, no counts, nothing of a tenant."""
    return {
        "status": "troubled" if health.problems else "ok",
        "ready": health.ready,
        "delivering": health.delivering,
        "database": health.database,
        "now": moment(health.now_ms),
        "oldest_due_at": moment(health.oldest_due_ms),
        "problems": list(health.problems),
    }
