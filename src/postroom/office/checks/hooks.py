"""Webhooks that take nothing: failing for a while, paused for that, or so late that events are gone."""

from __future__ import annotations

from collections.abc import Iterator

from postroom.clock import iso
from postroom.ids import encode
from postroom.model.problem import Finding
from postroom.model.webhook import WebhookState
from postroom.office.checks.circumstances import Circumstances
from postroom.store import feed, webhooks

__all__ = ["look"]

_LATE_MS = 10 * 60_000


def look(at: Circumstances) -> Iterator[Finding]:
    there, progress = set(at.tenants), {one.webhook_id: one for one in webhooks.all_progress(at.connection)}
    for webhook in at.snapshot.webhooks.values():
        if webhook.tenant_id not in there or webhook.id not in progress:
            continue
        come = progress[webhook.id]
        subject, values = encode("h", webhook.id), {"name": webhook.name}
        if webhook.state is WebhookState.PAUSED:
            check = "webhook-given-up" if webhook.paused_by == "verdict" else "webhook-paused"
            yield Finding(check, webhook.tenant_id, subject, values | {"why": webhook.paused_reason})
        elif come.failing_ms is not None and at.now_ms - come.failing_ms >= _LATE_MS:
            since = iso(come.failing_ms)[:16] + "Z"
            yield Finding("webhook-failing", webhook.tenant_id, subject, values | {"why": come.fault, "since": since})
        if feed.missed_since(at.connection, come.position) and feed.entries(
            at.connection, webhook.tenant_id, come.position, 1
        ):
            yield Finding("webhook-events-gone", webhook.tenant_id, subject, values)
