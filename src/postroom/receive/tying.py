"""Tying what came in to the message of ours that it is about, and saying so in that message's timeline.

Rules kept here:
- Nothing is believed further than it can be known. A report may be forged by whoever has seen the message's id, so it
  changes no state and pauses nothing: it is told of, in the timeline, with the words of the report. What follows from
  one that is proven, `acting` says; where a tag leads to another message than the rest of the report, the tag is right.
- An address that a report names counts only where the message was sent to it. Where a message has one recipient, a
  report about it is about him: forwarders report the address they know.
- What nobody should answer is never told of as a reply: programs' answers, answers that come as only programs give
  them, and our own mail come back (RFC 3834). That is where loops end.
- The same octets are applied once, whoever brings them how often (unique digest, one transaction).
- What can't be tied is kept and says why: a person looks at it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from postroom.addresses import Address, BadAddress
from postroom.ids import decode, encode
from postroom.model.attempt import Result, Verdict
from postroom.model.event import EventKind
from postroom.model.incoming import Fate, FateOf, Incoming, IncomingKind, Received
from postroom.model.message import Message, Recipient
from postroom.policy.address_tag import Tag
from postroom.policy.family import family
from postroom.policy.preference import mailbox
from postroom.policy.verdict import Context, judge
from postroom.receive.acting import Around, Follows, carry_out, follows, proof_in
from postroom.receive.going_round import QUICK_MS, WATCHED_MS, goes_round
from postroom.store import incoming, messages, suppressions, tables
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import Row, insert_rows
from postroom.store.incoming import Answered

__all__ = ["Mail", "apply_all", "candidates"]

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
_ACTING = frozenset({EventKind.BOUNCED, EventKind.COMPLAINED})
_OWN = "It is mail of this Postroom itself, which came back."
_UNREADABLE = "It came to an address that leads to this message, but says nothing that Postroom understands."
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
    follows: Follows = Follows()


class _Sent(NamedTuple):
    """What we sent that a batch of mail may be about; and how often whom answered lately."""

    messages: dict[int, Message]
    recipients: dict[int, list[Recipient]]
    answered: dict[str, Answered]


class _Batch(NamedTuple):
    """What is gathered of all mails of a batch, to be written with few statements."""

    events: list[Row]
    follows: list[Follows]


def apply_all(
    connection: Connection,
    tenant_id: int,
    mails: Sequence[Mail],
    around: Around,
    now_ms: int,
    next_id: Callable[[], int],
) -> list[tuple[Received, bool]]:
    """Of each, in order: what is kept of it, and whether it had come before, in which case nothing changes.

    However many they are, the database is asked a fixed number of times.
    """
    known = incoming.by_digests(connection, tenant_id, {one.digest for one in mails})
    fresh = {one.digest: one for one in mails if one.digest not in known}
    leads = {digest: _Leads.of(mail.found, around) for digest, mail in fresh.items()}
    sent = _sent(connection, tenant_id, [mail.found for mail in fresh.values()], leads.values(), now_ms)
    kept: dict[bytes, Received] = {}
    batch = _Batch([], [])
    for digest, mail in fresh.items():
        kept[digest] = _applied(sent, tenant_id, mail, leads[digest], around, now_ms, next_id, batch)
    incoming.put(connection, [(one, digest, fresh[digest].content) for digest, one in kept.items()])
    insert_rows(connection, tables.event, EVENT_COLUMNS, batch.events)
    suppressions.add(connection, carry_out(connection, batch.follows, around), replace=False)
    answers = []
    for mail in mails:
        first = kept.pop(mail.digest, None)
        if first is not None:
            known[mail.digest] = first
        answers.append((known[mail.digest], first is None))
    return answers


class _Leads(NamedTuple):
    """What leads to the message that a mail is about. `proof`: see `acting`; `tag`: another of ours that it came to."""

    proof: Tag | None
    tag: Tag | None
    candidates: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, found: Incoming, around: Around) -> _Leads:
        tags = (around.read_tag(text) for text in found.tags)
        proof = proof_in(found, around)
        return cls(proof, proof or next((tag for tag in tags if tag is not None), None), tuple(candidates(found)))

    @property
    def numbers(self) -> set[int]:
        own = set() if self.tag is None else {self.tag.message_id}
        return own | {number for number, _ in self.candidates}


def _applied(
    sent: _Sent,
    tenant_id: int,
    mail: Mail,
    leads: _Leads,
    around: Around,
    now_ms: int,
    next_id: Callable[[], int],
    batch: _Batch,
) -> Received:
    """What is kept of one; its events and what follows from it join the batch."""
    message = _message(sent, leads)
    found = _unless_it_goes_round(mail.found, message, sent, now_ms)
    recipients = [] if message is None else sent.recipients[message.id]
    told = [] if message is None else list(_told(found, message, recipients, leads, around, now_ms))[:_MOST_EVENTS]
    numbers = {one.n for one in told}
    received = Received(
        next_id(),
        tenant_id,
        now_ms,
        found.kind,
        found.sender,
        found.subject,
        found.text,
        _why(found, message),
        len(mail.content),
        None if message is None else message.id,
        numbers.pop() if len(numbers) == 1 else None,
        now_ms if found.why_automatic == _OWN else None,
        "Postroom" if found.why_automatic == _OWN else "",
    )
    if message is not None:
        batch.events.extend(_events(message, received, told, now_ms, next_id))
        batch.follows.extend(one.follows for one in told)
    return received


def _sent(
    connection: Connection, tenant_id: int, found: Collection[Incoming], leads: Collection[_Leads], now_ms: int
) -> _Sent:
    """Every message that one of them may be about, with its recipients."""
    numbers = {number for one in leads for number in one.numbers}
    there = messages.get_many(connection, tenant_id, numbers) if numbers else {}
    to = messages.recipients_of(connection, tenant_id, there.keys()) if there else {}
    writers = {one.sender for one in found if one.kind is IncomingKind.REPLY and one.sender}
    since = now_ms - WATCHED_MS
    return _Sent(there, to, incoming.answered(connection, tenant_id, writers, since, QUICK_MS) if writers else {})


def candidates(found: Incoming) -> Iterator[tuple[int, str]]:
    """By the id that MAIL carried (RFC 3461, 4.4), or by a Message-ID: ours carry the message's number. With each the
    Message-ID that it needs to have, if any. Its own is the last: mail of ours that came back.
    """
    number = decode("m", found.envelope_id)
    if number is not None:
        yield number, ""
    for header_id in (*found.message_ids, found.message_id):
        number = decode("m", f"m_{header_id.partition('@')[0].partition('.')[0].rjust(_WIDTH, '0')}")
        if number is not None:
            yield number, header_id


def _message(sent: _Sent, leads: _Leads) -> Message | None:
    if leads.tag is not None and (message := sent.messages.get(leads.tag.message_id)) is not None:
        return message
    for number, header_id in leads.candidates:
        message = sent.messages.get(number)
        if message is not None and header_id in ("", message.message_id):
            return message
    return None


def _unless_it_goes_round(found: Incoming, message: Message | None, sent: _Sent, now_ms: int) -> Incoming:
    """As it came, or as what it is when it can't be a person's reply."""
    if message is not None and found.message_id == message.message_id:
        return replace(found, kind=IncomingKind.OTHER, fates=(), why_automatic=_OWN)
    if found.kind is not IncomingKind.REPLY or not found.sender:
        return found
    before = sent.answered.get(found.sender, Answered())
    quick = message is not None and now_ms - message.created_ms < QUICK_MS
    sent.answered[found.sender] = Answered(before.all + 1, before.quick + quick)
    why = goes_round(before, quick=quick)
    return replace(found, kind=IncomingKind.AUTOMATIC, why_automatic=why) if why else found


def _told(
    found: Incoming, message: Message, recipients: Sequence[Recipient], leads: _Leads, around: Around, now_ms: int
) -> Iterator[_Told]:
    answer = _ANSWERS.get(found.kind)
    if answer is not None:
        n = _number(recipients, leads.tag, found.sender)
        yield _Told(answer, n, {"from": found.sender, "subject": found.subject})
    fates: Sequence[FateOf | None] = found.fates
    if found.kind is IncomingKind.COMPLAINT and not fates:
        fates = (None,)
    for fate in fates:
        verdict, detail = (None, {}) if fate is None else _explained(fate, found)
        kind = EventKind.COMPLAINED if fate is None else _EVENTS[fate.fate]
        addresses = () if fate is None else (fate.original, fate.address)
        n = _number(recipients, leads.proof, *addresses, proven=leads.proof is not None)
        detail = {"address": fate.address, **detail} if fate is not None else detail
        after = Follows()
        if leads.proof is not None and kind in _ACTING and n is not None:
            (recipient,) = (one for one in recipients if one.n == n)
            after = follows(message, recipient, fate, verdict, around, now_ms)
            detail |= {"proven": True, **after.told()}
        yield _Told(kind, n, detail, after)


def _explained(fate: FateOf, found: Incoming) -> tuple[Verdict | None, dict[str, object]]:
    """The answer that the report tells of, with what the diagnosis makes of it: the same as of one given to us."""
    if fate.fate in _UNEXPLAINED:
        return None, {"by": found.reporter} if found.reporter else {}
    code = fate.code or (450 if fate.fate is Fate.DELAYED or fate.enhanced[:1] == "4" else 550)
    phase = "rcpt" if fate.enhanced[2:3] in _ADDRESSING else "dot"
    result = Result(phase, code, fate.enhanced, fate.words)
    verdict = judge(result, Context(family=family(fate.remote)))
    words = result.words if fate.code else " ".join(part for part in (fate.enhanced, fate.words) if part)
    told = {"reply": words, "diagnosis": verdict.diagnosis, "title": verdict.title, "by": fate.remote or found.reporter}
    return verdict, {name: value for name, value in told.items() if value}


def _number(recipients: Sequence[Recipient], tag: Tag | None, *addresses: str, proven: bool = False) -> int | None:
    """The recipient's number: that of a tag which proves it, else by the first of these addresses that the message was
    sent to, else that of any tag.
    """
    tagged = None if tag is None or all(one.n != tag.n for one in recipients) else tag.n
    if proven:
        return tagged
    known = {_mailbox(one.address): one.n for one in reversed(recipients)}
    for address in addresses:
        if address and (n := known.get(_mailbox(address))) is not None:
            return n
    return recipients[0].n if len(recipients) == 1 else tagged


def _mailbox(spec: str) -> str:
    try:
        return mailbox(Address.parse(spec))
    except BadAddress:
        return spec


def _why(found: Incoming, message: Message | None) -> str:
    """By what a program was recognised, or why it could not be tied."""
    if found.kind is IncomingKind.OTHER:
        nothing = "It answers nothing and reports nothing."
        return found.why_automatic or (nothing if message is None else _UNREADABLE)
    if message is not None:
        return found.why_automatic if found.kind is IncomingKind.AUTOMATIC else ""
    if not (found.message_ids or found.envelope_id or found.tags):
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
