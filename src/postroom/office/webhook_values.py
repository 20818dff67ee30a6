"""What can be set on a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from postroom.model.tenant import INSTALLATION
from postroom.model.webhook import EVENT_TYPES, Webhook
from postroom.office.certificate_values import authority
from postroom.office.fields import Reader, Reading, Unfit, line, name
from postroom.sentence import Sentence
from postroom.settings import Settings
from postroom.wire.guard import AccountGuard
from postroom.wire.http import fault_of_url

__all__ = ["WEBHOOK_PORTS", "check_place", "guard_for_webhook", "read"]

WEBHOOK_PORTS = (443, 8443)
"""Where web servers that take webhooks usually are."""
_MOST_TYPES = 100
_LONGEST_URL = 1_000
_GROUPS = frozenset(one.partition(".")[0] for one in EVENT_TYPES)


def _url(value: object) -> str:
    text: str = line(_LONGEST_URL)(value)
    if not text:
        raise Unfit("is empty.", "Give the address that events are sent to, like https://app.example.com/postroom.")
    if fault := fault_of_url(text, plain_on_loopback=True):
        raise Unfit(Sentence("can't be used. {fault}", fault=fault), "Write it like https://app.example.com/postroom.")
    return text


def _types(value: object) -> tuple[str, ...]:
    """A list, or text with commas; empty or None is everything."""
    parts = [] if value is None else value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or len(parts) > _MOST_TYPES:
        raise Unfit(
            Sentence("is no list of at most {most_types} types.", most_types=_MOST_TYPES),
            'Write ["message.sent", "message.failed"].',
        )
    for part in parts:
        if not isinstance(part, str) or not (part in EVENT_TYPES or part == "*" or _is_group(part)):
            raise Unfit(
                "names a type of event that there is not.",
                Sentence("There are: {event_types}.", event_types=", ".join(EVENT_TYPES)),
            )
    return tuple(dict.fromkeys(parts))


def _is_group(text: str) -> bool:
    return text.endswith(".*") and text[:-2] in _GROUPS


_READERS: dict[str, Reader] = {"name": name, "url": _url, "types": _types, "authority": authority}
_ALIASES = {"events": "types", "kinds": "types", "certificate_authority": "authority", "endpoint": "url"}


def read(given: Mapping[str, object], reading: Reading) -> dict[str, Any]:
    """The values by our names. Only what was given is in it; faults go to `reading`."""
    for typed, value in given.items():
        plain = typed.strip().lower().replace("-", "_")
        field = _ALIASES.get(plain, plain)
        if field not in _READERS:
            reading.unknown(typed, _READERS)
        elif field == "authority" and value in (None, ""):
            reading.values[field] = ""
        else:
            reading.take(field, _READERS[field], value)
    return reading.values


def guard_for_webhook(webhook: Webhook, settings: Settings) -> AccountGuard:
    """Where its deliveries may go: the operator's own anywhere, a tenant's to the public internet (threat A32)."""
    parts = urlsplit(webhook.url)
    host, port = (parts.hostname or "").lower().removesuffix("."), parts.port or 443
    return AccountGuard(host, port, webhook.tenant_id == INSTALLATION, settings.tenant_hosts, WEBHOOK_PORTS)


def check_place(webhook: Webhook, settings: Settings, reading: Reading) -> None:
    """Adds a fault for a host or port that only the operator may name. What a name leads to shows later."""
    if webhook.tenant_id != INSTALLATION and (fault := fault_of_url(webhook.url)):
        reading.fault(
            "url", Sentence("can't be used. {fault}", fault=fault), "Write it like https://app.example.com/postroom."
        )
        return
    guard = guard_for_webhook(webhook, settings)
    if guard.wrong_port:
        problem = "has a port that only the operator of this installation can allow."
        reading.fault(
            "url", problem, Sentence("Use one of {ports}, or ask him (setting tenant_hosts).", ports=guard.ports)
        )
    if guard.wrong_literal:
        problem = "is an address that only the operator of this installation can allow."
        reading.fault("url", problem, "Give a server's name, or ask him to allow it (setting tenant_hosts).")
