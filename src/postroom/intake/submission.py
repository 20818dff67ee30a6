"""Taking in a message that somebody else composed: what it asks for, which way it goes, what is mended.

A short ordered list of steps like that for drafts (`taking`): read, check, route, mend. `compose.submitted` says what
the octets say, `policy.route` whether this sender may be used and which way the message goes.

Rules kept here: every address in From and Sender, and the envelope's sender, must be one that may be used; where the
settings rewrite From, it is rewritten in the octets. The envelope's sender is a wish of its own only where it is
another address than From: programs name it without meaning anything by it, and then the settings decide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from postroom.addresses import Address
from postroom.clock import parse_iso
from postroom.compose.footer import Footer
from postroom.compose.message_id import message_id
from postroom.compose.render import date_of
from postroom.compose.submitted import Mending, Submitted, mended, read, received
from postroom.compose.submitted_ascii import in_ascii
from postroom.compose.submitted_header import shown
from postroom.errors import BadInput, Fault, TooLarge
from postroom.ids import encode
from postroom.intake.checks import Addressed, check_labels, check_times
from postroom.intake.saying import Said
from postroom.model.account import AddressTag
from postroom.model.message import Draft, Priority, RecipientRole
from postroom.model.submission import Submission
from postroom.model.tenant import ForeignFrom
from postroom.policy.allowed import may_use
from postroom.policy.route import Route, route
from postroom.policy.snapshot import Snapshot
from postroom.policy.sourced import addresses_of
from postroom.sentence import Sentence

__all__ = ["Ready", "Terms", "envelope_faults", "ready"]

_PRIORITIES = {priority.name.lower(): priority for priority in Priority}
_LONGEST_KEY = 255


class Terms(NamedTuple):
    """What a submission is judged by. `mark` tells installations apart (see `message_id`).

    `largest`: octets of the finished message; `most`: recipients.
    """

    mark: str
    largest: int
    most: int


@dataclass(frozen=True, slots=True)
class Ready:
    """All that acceptance needs. `request` stands for what was asked, where `key` is an idempotency key."""

    draft: Draft
    to: Addressed
    way: Route
    header_id: str
    content: bytes = field(repr=False)
    eight_bit: bool
    smtputf8: bool
    key: str | None
    request: bytes | None
    reports: dict[str, tuple[str | None, str | None]]


def ready(
    submission: Submission,
    snapshot: Snapshot,
    tenant_id: int,
    terms: Terms,
    *,
    number: int,
    now_ms: int,
    key: str | None,
    application_id: int | None = None,
    saying: Callable[[Route, Draft, Addressed], Said] = lambda _way, _draft, _to: Said(),
    replies: Callable[[Route, Addressed], tuple[Address, ...]] = lambda way, _to: way.reply_to,
) -> Ready:
    """`key`: the door's own idempotency key; it goes before the message's. `application_id`: who hands it over.

    Raises BadInput (all faults) or TooLarge.
    """
    submitted = read(submission.content)
    if not submission.smtputf8:
        submitted = in_ascii(submitted)
    faults: list[Fault] = []
    to, reports = _recipients(submission, submitted, terms.most, faults)
    foreign = bool(_foreign_faults(snapshot, tenant_id, application_id, submission.mail_from))
    draft, named = _draft(submission, submitted, now_ms, faults, foreign=foreign)
    key = key or named
    way = route(snapshot, tenant_id, draft, application_id=application_id)
    if not isinstance(way, Route):
        raise BadInput(faults + _in_header_names(way))
    faults += _others(submission, submitted, snapshot, tenant_id, application_id)
    if faults:
        raise BadInput(faults)
    header_id = message_id(number, way.sender.domain, mark=terms.mark)
    more = saying(way, draft, to)
    if way.reply_tag is not AddressTag.OFF:
        way = replace(way, reply_to=replies(way, to))
    content = mended(submitted, _mending(submission, submitted, way, more, header_id, number, now_ms))
    if len(content) > terms.largest:
        raise TooLarge(
            Sentence(
                "The message has {content:,} octets; this installation takes {largest:,}.",
                content=len(content),
                largest=terms.largest,
            )
        )
    international = not content[: content.find(b"\r\n\r\n")].isascii()
    return Ready(
        draft,
        to,
        way,
        submitted.message_id or header_id,
        content,
        not content.isascii(),
        international or any(address.needs_smtputf8 for _, address in to),
        key,
        None if key is None else _request(submission, submitted),
        reports,
    )


def envelope_faults(
    snapshot: Snapshot, tenant_id: int, application_id: int | None, sender: Address | None
) -> list[Fault]:
    """What keeps the envelope from naming this sender; nothing where a foreign one is rewritten anyway."""
    faults = _foreign_faults(snapshot, tenant_id, application_id, sender)
    rewrites = snapshot.settings(tenant_id).foreign_from.value is ForeignFrom.REWRITE
    return [] if rewrites else list(faults)


def _foreign_faults(
    snapshot: Snapshot, tenant_id: int, application_id: int | None, sender: Address | None
) -> tuple[Fault, ...]:
    """Why this is none of ours: it may be nobody (RFC 5321, 4.5.5), a sender that may be used, or a return path of the
    settings; each also with something behind a plus, as programs mark their bounces.
    """
    if sender is None:
        return ()
    key = ("envelope", tenant_id, application_id, sender.key)
    found: tuple[Fault, ...] = snapshot.remembered(
        key, lambda: tuple(_worked_out(snapshot, tenant_id, application_id, sender))
    )
    return found


def _worked_out(snapshot: Snapshot, tenant_id: int, application_id: int | None, sender: Address) -> list[Fault]:
    faults: list[Fault] = []
    marked = sender.local.partition("+")[0]
    for local in (sender.local, marked) if marked else (sender.local,):
        address = Address(local, sender.domain)
        if address.key in _return_paths(snapshot, tenant_id):
            return []
        found = _sender_faults(snapshot, tenant_id, application_id, address)
        if not found:
            return []
        faults = faults or found
    return faults


def _sender_faults(snapshot: Snapshot, tenant_id: int, application_id: int | None, address: Address) -> list[Fault]:
    """What keeps the application from naming this address as a sender."""
    way = route(snapshot, tenant_id, Draft(sender=address.spec))
    if not isinstance(way, Route):
        return _in_header_names(way)
    application = None if application_id is None else snapshot.applications.get(application_id)
    if application is None or may_use(application, address):
        return []
    problem = Sentence(
        "{address} is not one of the senders that {application} may use.",
        address=address.spec,
        application=application.name,
    )
    return [Fault("from", problem, "Name only senders that it may use.")]


def _return_paths(snapshot: Snapshot, tenant_id: int) -> frozenset[str]:
    """Keys of the return paths that are set up for this tenant, or for one it inherits from."""

    def found() -> frozenset[str]:
        line = {tenant.id for tenant in snapshot.line(tenant_id)}
        senders = [row.return_path for row in snapshot.senders.values() if row.tenant_id in line]
        accounts = [row.return_path for row in snapshot.accounts.values() if row.tenant_id in line]
        return frozenset(address.key for text in senders + accounts for address in addresses_of(text))

    paths: frozenset[str] = snapshot.remembered(("return-paths", tenant_id), found)
    return paths


def _recipients(
    submission: Submission, submitted: Submitted, most: int, faults: list[Fault]
) -> tuple[Addressed, dict[str, tuple[str | None, str | None]]]:
    """Each mailbox once, with the role its header gives it: who stands neither in To nor in Cc got a blind copy."""
    to: Addressed = []
    reports: dict[str, tuple[str | None, str | None]] = {}
    seen: set[str] = set()
    for recipient in submission.recipients:
        key = recipient.address.key
        if key in seen:
            continue
        seen.add(key)
        if key in submitted.to:
            role = RecipientRole.TO
        else:
            role = RecipientRole.CC if key in submitted.cc else RecipientRole.BCC
        to.append((role, recipient.address))
        if recipient.notify is not None or recipient.orcpt is not None:
            reports[key] = (recipient.notify, recipient.orcpt)
    if not to:
        faults.append(Fault("to", "The message has no recipient.", "Name at least one in the envelope."))
    if len(to) > most:
        problem = Sentence("The message has {to:,} recipients; {most:,} are allowed.", to=len(to), most=most)
        faults.append(Fault("to", problem, "Split the message."))
    return to, reports


def _draft(
    submission: Submission, submitted: Submitted, now_ms: int, faults: list[Fault], *, foreign: bool
) -> tuple[Draft, str | None]:
    """What the message asks for, in the words of a draft; and its idempotency key. `foreign`: the envelope's sender is
    none that could be wished for.
    """
    asked, sender = submitted.asked, submission.mail_from
    named = submitted.senders[0] if submitted.senders else None
    path = "<>" if sender is None and not submission.unnamed else ""
    if sender is not None and named is not None and sender.key != named.key and not foreign:
        path = sender.spec
    chosen = named or sender
    draft = Draft(
        sender="" if chosen is None else chosen.spec,
        return_path=path,
        subject=submitted.subject,
        request_receipt=True if submitted.has("disposition-notification-to") else None,
    )
    if not asked:
        return draft, None
    draft = Draft(
        sender=draft.sender,
        return_path=path,
        subject=draft.subject,
        request_receipt=draft.request_receipt,
        kind=_one(submitted, "kind"),
        priority=_priority(_one(submitted, "priority"), faults),
        send_at_ms=_moment(submitted, "send-at", faults),
        expires_at_ms=_moment(submitted, "expires-at", faults),
        tags=_tags(asked.get("tag", ())),
    )
    wrong: list[Fault] = []
    check_times(draft, now_ms, wrong)
    check_labels(draft, wrong)
    faults += _in_header_names(wrong)
    return draft, _key(_one(submitted, "idempotency-key"), faults)


def _one(submitted: Submitted, name: str) -> str:
    return next(iter(submitted.asked.get(name, ())), "")


def _priority(word: str, faults: list[Fault]) -> Priority:
    found = _PRIORITIES.get(word.lower() or "normal")
    if found is None:
        faults.append(
            Fault(
                "x-postroom-priority",
                "This is no priority.",
                Sentence("Write one of: {priorities}.", priorities=", ".join(_PRIORITIES)),
            )
        )
    return found or Priority.NORMAL


def _moment(submitted: Submitted, name: str, faults: list[Fault]) -> int | None:
    text = _one(submitted, name)
    if not text:
        return None
    try:
        return parse_iso(text)
    except (ValueError, OverflowError) as error:
        faults.append(
            Fault(
                f"x-postroom-{name}",
                Sentence("It {error}.", error=error),
                "Write a time like 2026-11-20T14:30:00+01:00.",
            )
        )
        return None


def _tags(values: tuple[str, ...]) -> tuple[str, ...]:
    """One field may hold several with commas between them, and there may be several fields."""
    return tuple(dict.fromkeys(tag for value in values for part in value.split(",") if (tag := part.strip())))


def _key(text: str, faults: list[Fault]) -> str | None:
    if len(text) > _LONGEST_KEY or not text.isascii():
        problem = Sentence("It is longer than {longest_key} characters, or not ASCII.", longest_key=_LONGEST_KEY)
        faults.append(Fault("x-postroom-idempotency-key", problem, "Send a UUID."))
    return text or None


def _others(
    submission: Submission, submitted: Submitted, snapshot: Snapshot, tenant_id: int, application_id: int | None
) -> list[Fault]:
    """Whether everybody else whom the message names as its sender may be one. They are never rewritten."""
    faults = envelope_faults(snapshot, tenant_id, application_id, submission.mail_from)
    for address in submitted.senders[1:]:
        faults += _sender_faults(snapshot, tenant_id, application_id, address)
    if submitted.originator is not None:
        faults += _sender_faults(snapshot, tenant_id, application_id, submitted.originator)
    return faults


_HEADER_NAMES = {
    "sender": "from",
    "priority": "x-postroom-priority",
    "kind": "x-postroom-kind",
    "tags": "x-postroom-tag",
    "send_at": "x-postroom-send-at",
    "expires_at": "x-postroom-expires-at",
}


def _in_header_names(faults: list[Fault]) -> list[Fault]:
    return [Fault(_HEADER_NAMES.get(fault.field, fault.field), fault.problem, fault.mend) for fault in faults]


def _mending(
    submission: Submission,
    submitted: Submitted,
    way: Route,
    more: Said,
    header_id: str,
    number: int,
    now_ms: int,
) -> Mending:
    account = way.effective.account.value
    forced = account is not None and account.force_settings
    date = date_of(now_ms)
    reply_to = way.reply_to if forced or (way.reply_to and not submitted.has("reply-to")) else None
    receipt = () if way.receipt_to is None else (way.receipt_to,)
    ask = bool(receipt) and (forced or not submitted.has("disposition-notification-to"))
    return Mending(
        trace=received(submission.origin.host, submission.origin.protocol or "local", encode("m", number), date),
        date=date,
        message_id=header_id,
        sender=_sender(submitted, way),
        reply_to=reply_to,
        receipt_to=receipt if ask else None,
        footer=more.footer or (Footer(way.footer.text or None, way.footer.html or None) if way.footer else None),
        added=() if submitted.has("list-unsubscribe") else more.headers,
    )


def _sender(submitted: Submitted, way: Route) -> Address | None:
    """The From that is to be written: none where the one that is there stays."""
    if not submitted.senders:
        return way.sender
    if way.effective.wanted is None:
        return None
    name = shown(submitted.senders[0].name)
    return Address(way.sender.local, way.sender.domain, name or way.sender.name)


def _request(submission: Submission, submitted: Submitted) -> bytes:
    envelope = [submission.mail_from and submission.mail_from.key, *[r.address.key for r in submission.recipients]]
    hasher = hashlib.blake2b(repr(envelope).encode("utf-8", "surrogatepass"), digest_size=32)
    hasher.update(submitted.request())
    return hasher.digest()
