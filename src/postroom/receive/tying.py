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
from collections.abc import Callable, Collection, Iterator, Sequence
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
from postroom.store.bulk import Row, insert_rows

__all__ = ["Mail", "apply_all"]

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


class Mail(NamedTuple):
    """One that came in: understood, its octets, and the SHA-256 by which it is known again."""

    found: Incoming
    content: bytes
    digest: bytes


class _Told(NamedTuple):
    kind: EventKind
    n: int | None
    detail: dict[str, object]


class _Sent(NamedTuple):
    """What we sent that a batch of mail may be about."""

    messages: dict[int, Message]
    recipients: dict[int, list[Recipient]]


def apply_all(
    connection: Connection, tenant_id: int, mails: Sequence[Mail], now_ms: int, next_id: Callable[[], int]
) -> list[tuple[Received, bool]]:
    """Of each, in order: what is kept of it, and whether it had come before, in which case nothing changes.

    However many they are, the database is asked a fixed number of times.
    """
    known = incoming.by_digests(connection, tenant_id, {one.digest for one in mails})
    fresh = {one.digest: one for one in mails if one.digest not in known}
    sent = _sent(connection, tenant_id, fresh.values())
    kept: dict[bytes, Received] = {}
    rows: list[Row] = []
    for mail in fresh.values():
        kept[mail.digest] = _applied(sent, tenant_id, mail, now_ms, next_id, rows)
    incoming.put(connection, [(one, digest, fresh[digest].content) for digest, one in kept.items()])
    insert_rows(connection, tables.event, EVENT_COLUMNS, rows)
    answers = []
    for mail in mails:
        first = kept.pop(mail.digest, None)
        if first is not None:
            known[mail.digest] = first
        answers.append((known[mail.digest], first is None))
    return answers


def _applied(
    sent: _Sent, tenant_id: int, mail: Mail, now_ms: int, next_id: Callable[[], int], rows: list[Row]
) -> Received:
    """What is kept of one; its events join `rows`."""
    found = mail.found
    message = _message(sent, found)
    recipients = [] if message is None else sent.recipients[message.id]
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
        len(mail.content),
        None if message is None else message.id,
        numbers.pop() if len(numbers) == 1 else None,
    )
    if message is not None:
        rows += _events(message, received, told, now_ms, next_id)
    return received


def _sent(connection: Connection, tenant_id: int, mails: Collection[Mail]) -> _Sent:
    """Every message that one of them may be about, with its recipients."""
    numbers = {number for mail in mails for number, _ in _candidates(mail.found)}
    found = messages.get_many(connection, tenant_id, numbers) if numbers else {}
    return _Sent(found, messages.recipients_of(connection, tenant_id, found.keys()) if found else {})


def _candidates(found: Incoming) -> Iterator[tuple[int, str]]:
    """By the id that MAIL carried (RFC 3461, 4.4), or by a Message-ID: ours carry the message's number. With each the
    Message-ID that it needs to have, if any.
    """
    number = decode("m", found.envelope_id)
    if number is not None:
        yield number, ""
    for header_id in found.message_ids:
        number = decode("m", f"m_{header_id.partition('@')[0].partition('.')[0].rjust(_WIDTH, '0')}")
        if number is not None:
            yield number, header_id


def _message(sent: _Sent, found: Incoming) -> Message | None:
    for number, header_id in _candidates(found):
        message = sent.messages.get(number)
        if message is not None and header_id in ("", message.message_id):
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


def _events(
    message: Message, received: Received, told: Sequence[_Told], now_ms: int, next_id: Callable[[], int]
) -> list[Row]:
    link = {"incoming": encode("b", received.id)}
    return [
        (message.id, next_id(), message.tenant_id, one.n, now_ms, one.kind.value, json.dumps(one.detail | link))
        for one in told
    ]
