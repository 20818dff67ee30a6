"""Tying what came in to the message of ours that it is about, and saying so in that message's timeline.

Rules kept here:
- Nothing is believed further than it can be known. A report may be forged by whoever has seen the message's id, so it
  changes no state, suppresses nobody and pauses nothing: it is told of, in the timeline, with the words of the report.
- An address that a report names counts only where the message was sent to it. Where a message has one recipient, a
  report about it is about him: forwarders report the address they know.
- The same octets are applied once, whoever brings them how often (unique digest, one transaction).
- What can't be tied is kept and says why: a person looks at it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from postroom.addresses import Address, BadAddress
from postroom.ids import decode, encode
from postroom.model.attempt import Result
from postroom.model.event import EventKind
from postroom.model.incoming import Fate, FateOf, Incoming, IncomingKind, Received
from postroom.model.message import Message, Recipient
from postroom.policy.family import family
from postroom.policy.preference import mailbox
from postroom.policy.verdict import Context, judge
from postroom.store import incoming, messages, tables
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import insert_rows

__all__ = ["apply"]

_EVENTS = {
    Fate.FAILED: EventKind.BOUNCED,
    Fate.DELAYED: EventKind.DELAYED,
    Fate.DELIVERED: EventKind.DELIVERED,
    Fate.RELAYED: EventKind.RELAYED,
    Fate.EXPANDED: EventKind.RELAYED,
    Fate.READ: EventKind.READ,
    Fate.DELETED_UNREAD: EventKind.DELETED_UNREAD,
    Fate.COMPLAINED: EventKind.COMPLAINED,
}
_ANSWERS = {IncomingKind.REPLY: EventKind.REPLIED, IncomingKind.AUTOMATIC: EventKind.ANSWERED}
_UNEXPLAINED = (Fate.DELIVERED, Fate.RELAYED, Fate.EXPANDED, Fate.READ, Fate.DELETED_UNREAD, Fate.COMPLAINED)
_WIDTH = 13
_MOST_EVENTS = 100
_ADDRESSING = ("1", "2")
"""Subjects of RFC 3463 codes that speak of an address or a mailbox, as RCPT does."""


class _Told(NamedTuple):
    kind: EventKind
    n: int | None
    detail: dict[str, object]


def apply(
    connection: Connection,
    tenant_id: int,
    found: Incoming,
    content: bytes,
    digest: bytes,
    now_ms: int,
    next_id: Callable[[], int],
) -> tuple[Received, bool]:
    """What is kept of it, and whether it had come before, in which case nothing changes."""
    known = incoming.by_digest(connection, tenant_id, digest)
    if known is not None:
        return known, True
    message = _message(connection, tenant_id, found)
    recipients = [] if message is None else messages.recipients(connection, tenant_id, message.id)
    told = list(_told(found, recipients))[:_MOST_EVENTS]
    numbers = {one.n for one in told}
    received = Received(
        next_id(),
        tenant_id,
        now_ms,
        found.kind,
        found.sender,
        found.subject,
        found.text,
        found.why_automatic if message is not None else _why_untied(found),
        len(content),
        None if message is None else message.id,
        numbers.pop() if len(numbers) == 1 else None,
    )
    incoming.put(connection, received, digest, content)
    if message is not None:
        _tell(connection, message, received, told, now_ms, next_id)
    return received, False


def _message(connection: Connection, tenant_id: int, found: Incoming) -> Message | None:
    """By the id that MAIL carried (RFC 3461, 4.4), or by a Message-ID: ours carry the message's number."""
    number = decode("m", found.envelope_id)
    if number is not None and (message := messages.get(connection, tenant_id, number)) is not None:
        return message
    for header_id in found.message_ids:
        number = decode("m", f"m_{header_id.partition('@')[0].partition('.')[0].rjust(_WIDTH, '0')}")
        if number is None:
            continue
        message = messages.get(connection, tenant_id, number)
        if message is not None and message.message_id == header_id:
            return message
    return None


def _told(found: Incoming, recipients: Sequence[Recipient]) -> Iterator[_Told]:
    answer = _ANSWERS.get(found.kind)
    if answer is not None:
        yield _Told(answer, _number(recipients, found.sender), {"from": found.sender, "subject": found.subject})
    elif found.kind is IncomingKind.COMPLAINT and not found.fates:
        yield _Told(EventKind.COMPLAINED, _number(recipients, ""), {})
    for fate in found.fates:
        n = _number(recipients, fate.original, fate.address)
        yield _Told(_EVENTS[fate.fate], n, {"address": fate.address, **_explained(fate, found)})


def _explained(fate: FateOf, found: Incoming) -> dict[str, object]:
    """The answer that the report tells of, with what the diagnosis makes of it: the same as of one given to us."""
    if fate.fate in _UNEXPLAINED:
        return {"by": found.reporter} if found.reporter else {}
    code = fate.code or (450 if fate.fate is Fate.DELAYED or fate.enhanced[:1] == "4" else 550)
    phase = "rcpt" if fate.enhanced[2:3] in _ADDRESSING else "dot"
    result = Result(phase, code, fate.enhanced, fate.words)
    verdict = judge(result, Context(family=family(fate.remote)))
    words = result.words if fate.code else " ".join(part for part in (fate.enhanced, fate.words) if part)
    told = {"reply": words, "diagnosis": verdict.diagnosis, "title": verdict.title, "by": fate.remote or found.reporter}
    return {name: value for name, value in told.items() if value}


def _number(recipients: Sequence[Recipient], *addresses: str) -> int | None:
    """The recipient's number, by the first of these addresses that the message was sent to."""
    known = {_mailbox(one.address): one.n for one in reversed(recipients)}
    for address in addresses:
        if address and (n := known.get(_mailbox(address))) is not None:
            return n
    return recipients[0].n if len(recipients) == 1 else None


def _mailbox(spec: str) -> str:
    try:
        return mailbox(Address.parse(spec))
    except BadAddress:
        return spec


def _why_untied(found: Incoming) -> str:
    if found.kind is IncomingKind.OTHER:
        return "It answers nothing and reports nothing."
    if not (found.message_ids or found.envelope_id):
        return "It does not say which message it is about."
    return "It is about a message that Postroom did not send, or does not keep any more."


def _tell(
    connection: Connection,
    message: Message,
    received: Received,
    told: Sequence[_Told],
    now_ms: int,
    next_id: Callable[[], int],
) -> None:
    link = {"incoming": encode("b", received.id)}
    rows = [
        (message.id, next_id(), message.tenant_id, one.n, now_ms, one.kind.value, json.dumps(one.detail | link))
        for one in told
    ]
    insert_rows(connection, tables.event, EVENT_COLUMNS, rows)
