"""What fields are called where they are compared: as on their own forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from postroom.web.console import (
    account_fields,
    applications,
    connectors,
    kinds,
    layouts,
    mailboxes,
    senders,
    templates,
    webhooks,
)

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["field_label"]

_LABELS: Mapping[str, Mapping[str, str]] = {
    "account": account_fields.LABELS,
    "sender": senders.LABELS,
    "connector": connectors.LABELS,
    "application": applications.LABELS,
    "kind": kinds.LABELS,
    "webhook": webhooks.LABELS,
    "mailbox": mailboxes.LABELS,
    "template": templates.LABELS,
    "layout": layouts.LABELS,
}


def field_label(visit: Visit, noun: str, field: str) -> str:
    """In the reader's language where its form says it, else the name that the API has for it."""
    label = _LABELS.get(noun, {}).get(field)
    return visit.say(label) if label else field.replace("_", " ")
