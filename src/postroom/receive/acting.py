"""What follows from what came back: who gets nothing more, or nothing more of a kind.

Whoever has seen a message can write a report about it, so a report is *proven* only when it came to the return path
that we signed for this one recipient (see `policy.address_tag`), or names that in a complaint. Nobody but he and the
servers on the way to him has seen it: whoever forges such a report speaks for that recipient alone.

Rules kept here:
- Nothing follows from a report that is not proven, comes long after the mail, or is about mail that did not leave.
- A mailbox is suppressed where the same rule says so that judges answers given to us, where the tenant wants it, and
  where the report names this very mailbox: what a forwarder says of another one says nothing of his.
- Who complains wants no more of that kind. Where the mail had no kind that can be stopped, he gets nothing more, if the
  tenant suppresses anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from postroom.addresses import Address, BadAddress
from postroom.model.attempt import Action, Verdict
from postroom.model.incoming import FateOf, Incoming, IncomingKind
from postroom.model.message import Message, Recipient
from postroom.model.preference import SUPPRESSED_MS, Suppression, Why
from postroom.model.state import State
from postroom.policy.address_tag import BOUNCE, Tag
from postroom.policy.preference import mailbox

__all__ = ["Around", "Follows", "carry_out", "follows", "proof_in"]

_BELIEVED_MS = 14 * 24 * 3600 * 1000
"""Servers report within five days at most (RFC 5321, 4.5.4.1), several one after the other."""
_LEFT = frozenset({State.SENT, State.UNKNOWN})
_MOST_NOTE = 300


class Around(NamedTuple):
    """What the settings say. `read_tag`: the tag, if it is ours and this tenant's; `suppresses`: the tenant wants that
    who has no mailbox gets nothing more; `may_stop`: whether mail of a kind can be stopped; `stop`: does that, for a
    mailbox and a kind.
    """

    read_tag: Callable[[str], Tag | None]
    suppresses: bool
    may_stop: Callable[[str], bool]
    stop: Callable[[Connection, str, str], None]


class Follows(NamedTuple):
    """`suppress`: who is put on the list; `stop`: whose mail of a kind ends (mailbox, kind)."""

    suppress: Suppression | None = None
    stop: tuple[str, str] | None = None

    def told(self) -> dict[str, object]:
        """What of it the event tells."""
        if self.suppress is not None:
            return {"suppressed": self.suppress.why.value}
        return {"stopped": self.stop[1]} if self.stop is not None else {}


_NOTHING = Follows()


def proof_in(found: Incoming, around: Around) -> Tag | None:
    """By which of our return paths it is known to be about one recipient of ours."""
    if found.kind not in (IncomingKind.REPORT, IncomingKind.COMPLAINT):
        return None
    tags = (around.read_tag(text) for text in found.tags)
    return next((tag for tag in tags if tag is not None and tag.purpose == BOUNCE), None)


def follows(
    message: Message, recipient: Recipient, fate: FateOf | None, verdict: Verdict | None, around: Around, now_ms: int
) -> Follows:
    """Of one line of a proven report. `fate` is None in a complaint that names nobody; `verdict`: of a failure."""
    if recipient.state not in _LEFT or now_ms - recipient.updated_ms > _BELIEVED_MS:
        return _NOTHING
    box = _mailbox(recipient.address)
    if verdict is None:
        return _after_complaint(message, box, around, now_ms)
    named = fate is not None and box in (_mailbox(fate.address), _mailbox(fate.original))
    if verdict.action is not Action.SUPPRESS or not named or not around.suppresses:
        return _NOTHING
    words = "" if fate is None else f"{fate.code or ''} {fate.enhanced} {fate.words}".strip()
    return Follows(
        Suppression(
            message.tenant_id, box, Why.NO_MAILBOX, "report", words[:_MOST_NOTE], now_ms, now_ms + SUPPRESSED_MS,
            message.id,
        )
    )  # fmt: skip


def _after_complaint(message: Message, box: str, around: Around, now_ms: int) -> Follows:
    if message.kind and around.may_stop(message.kind):
        return Follows(stop=(box, message.kind))
    if not around.suppresses:
        return _NOTHING
    return Follows(Suppression(message.tenant_id, box, Why.COMPLAINT, "report", "", now_ms, None, message.id))


def carry_out(connection: Connection, found: Sequence[Follows], around: Around) -> Sequence[Suppression]:
    """Does it but for the list, whose new rows it returns."""
    for box, kind in dict.fromkeys(one.stop for one in found if one.stop is not None):
        around.stop(connection, box, kind)
    return [one.suppress for one in found if one.suppress is not None]


def _mailbox(spec: str) -> str:
    try:
        return mailbox(Address.parse(spec))
    except BadAddress:
        return spec
