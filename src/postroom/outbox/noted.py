"""What the audit trail is told of acts on messages: who released, resent, cancelled, held, tried or settled which."""

from __future__ import annotations

from collections.abc import Sequence

from postroom.clock import now_ms
from postroom.ids import encode
from postroom.intake.taking import Taken
from postroom.model.application import Actor
from postroom.model.audit import Entry
from postroom.store import acts, audit
from postroom.store.acts import Act, Acted
from postroom.store.bulk import Row

__all__ = ["VERBS", "act_noted", "resend_noted"]

VERBS = {
    acts.CANCEL.name: "message.cancelled",
    acts.HOLD.name: "message.held",
    acts.RELEASE.name: "message.released",
    acts.RETRY.name: "message.retried",
    acts.SEND_AGAIN.name: "message.sent-again",
    acts.WAS_SENT.name: "message.settled-as-sent",
}
"""The act, as `store.acts` calls it → the trail's verb."""


def act_noted(actor: Actor, message_id: int, act: Act, acted: Acted, moment: int) -> Entry:
    told = {"recipients": list(acted.numbers)}
    return Entry(actor.tenant_id, VERBS[act.name], moment, message_id, after=told).by(actor)


def resend_noted(actor: Actor, taken: Taken, message_id: int, to: Sequence[str] | None, number: int) -> Row:
    """The row to write with the new message."""
    told: dict[str, object] = {"as": encode("m", taken.number)}
    if to:
        told["to"] = list(to)[:100]
    entry = Entry(actor.tenant_id, "message.resent", now_ms(), message_id, after=told).by(actor)
    return audit.row_of(entry, number)
