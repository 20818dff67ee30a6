"""A message that somebody else composed: what is read of it, and what a submission server may mend (RFC 6409, 8).

    submitted = read(content)                  raises BadInput
    content = mended(submitted, Mending(...))

Rules kept here:
- Octets stay as they are, but for: Date, Message-ID and From where they are missing, Bcc (which would show its
  recipients to everybody) and our own `X-Postroom-` fields taken out, a Received field put before all (RFC 5321, 4.4),
  and what the settings want: another From, reply address and receipt address, a footer. Same arguments, same octets.
- What of a header is raw UTF-8 although nobody asked for SMTPUTF8 is `submitted_ascii`'s to mend.
- One From field, one Sender at most (RFC 5322, 3.6): of two, every reader might believe another one.
- The Received field tells no address and no name of the client: it names us, the protocol, our number and the time.

Whose addresses may be named, and what the settings want, is decided elsewhere; the footer is `submitted_footer`'s.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from postroom.addresses import Address, BadAddress
from postroom.compose.footer import Footer
from postroom.compose.headers import addresses, unstructured
from postroom.compose.submitted_footer import with_footer
from postroom.compose.submitted_header import Field, Header, address_keys, mailboxes, shown
from postroom.errors import BadInput, Fault
from postroom.sentence import Sentence

__all__ = ["MAX_HOPS", "OURS", "Mending", "Submitted", "mended", "read", "received", "with_crlf"]

MAX_HOPS = 50
"""Received fields a message may bring along: with more it goes round in circles (RFC 5321, 6.3)."""
MAX_OURS = 4
"""How many of them may be a Postroom's: two that are each other's server end after a few mails."""
_BY_US = " (Postroom) with "
OURS = ("kind", "priority", "send-at", "expires-at", "tag", "idempotency-key")
"""What an `X-Postroom-` field may say."""
_PREFIX = "x-postroom-"
_HIDDEN = frozenset({"bcc", "resent-bcc"})
_ONCE = ("from", "sender")
_ID = re.compile(r"<([^<>\s]{1,990})>")
_VOLATILE = frozenset({"date", "message-id", "received", "content-type", "mime-version", "dkim-signature", "x-mailer"})
_BOUNDARY = re.compile(rb"(?m)^--[^\r\n]*|boundary=\"?[^\";\r\n]*", re.IGNORECASE)
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Submitted:
    """A message as it was read. `senders` are the From addresses (none where there is no From), `originator` Sender.

    `start` is where the body begins in `content`: a large one is not kept twice.
    `message_id` is without brackets, "" when there is none. `to` and `cc` are keys of addresses. `asked` are the values
    of our own fields, by the names of `OURS`.
    """

    header: Header
    content: bytes = field(repr=False)
    start: int
    senders: tuple[Address, ...]
    originator: Address | None
    subject: str
    message_id: str
    to: frozenset[str]
    cc: frozenset[str]
    asked: Mapping[str, tuple[str, ...]]

    @property
    def body(self) -> bytes:
        return self.content[self.start :]

    def has(self, name: str) -> bool:
        """Whether there is a field of this name, written in lower case."""
        return self.header.first(name) is not None

    def request(self) -> bytes:
        """What it says, as 32 octets: the same for two renderings of one mail, whose date, id and boundaries differ."""
        hasher = hashlib.blake2b(digest_size=32)
        for one in self.header.fields:
            if one.name not in _VOLATILE:
                hasher.update(b"%b:%b\n" % (one.name.encode("ascii"), one.raw))
        hasher.update(b"\n" + _BOUNDARY.sub(b"", self.body))
        return hasher.digest()


@dataclass(frozen=True, slots=True)
class Mending:
    """What is to be changed. `trace`, `date` and `message_id` are put in where they are given, `added` are
    further fields.

    `sender`: the From that takes the place of the one there, or is put in. `reply_to`, `receipt_to`: None leaves what
    is there, anything else takes its place, an empty tuple removes it.
    """

    trace: str = ""
    date: str = ""
    message_id: str = ""
    sender: Address | None = None
    reply_to: tuple[Address, ...] | None = None
    receipt_to: tuple[Address, ...] | None = None
    footer: Footer | None = None
    added: tuple[tuple[str, str], ...] = ()


def read(content: bytes) -> Submitted:
    """Reads a message whose line ends are CRLF. Raises BadInput with everything that is wrong with it."""
    header, start = Header.read(content)
    faults: list[Fault] = []
    passed = header.all("received")
    if sum(_BY_US in one.text for one in passed) > MAX_OURS:
        problem = "The message has passed several Postrooms one after the other: it goes round in circles."
        faults.append(Fault("received", problem, "Look for two that hand mail over to each other."))
    elif len(passed) > MAX_HOPS:
        problem = Sentence(
            "The message has passed more than {max_hops} servers: it goes round in circles.", max_hops=MAX_HOPS
        )
        faults.append(Fault("received", problem, "Look for two servers that hand mail over to each other."))
    for name in _ONCE:
        if len(header.all(name)) > 1:
            faults.append(Fault(name, Sentence("There are several {name} fields.", name=name.title()), "Write one."))
    senders = _addresses(header.only("from"), "from", faults)
    originators = _addresses(header.only("sender"), "sender", faults)
    if len(originators) > 1:
        faults.append(Fault("sender", "The Sender field names several addresses.", "Name one."))
    asked = _asked(header, faults)
    if faults:
        raise BadInput(faults)
    subject, number = header.first("subject"), header.first("message-id")
    return Submitted(
        header,
        content,
        start,
        senders,
        originators[0] if originators else None,
        "" if subject is None else shown(subject.text),
        "" if number is None else _id_of(number.text),
        address_keys(header.all("to")),
        address_keys(header.all("cc")),
        asked,
    )


def _addresses(one: Field | None, name: str, faults: list[Fault]) -> tuple[Address, ...]:
    if one is None:
        return ()
    try:
        return mailboxes(one)
    except BadAddress as error:
        faults.append(Fault(name, error.problem, error.mend))
        return ()


def _id_of(text: str) -> str:
    found = _ID.search(text)
    return shown(found[1] if found else text.strip("<>"))


def _asked(header: Header, faults: list[Fault]) -> dict[str, tuple[str, ...]]:
    asked: dict[str, tuple[str, ...]] = {}
    for one in header.beginning_with(_PREFIX):
        name = one.name.removeprefix(_PREFIX)
        value = shown(one.text)
        if name not in OURS:
            faults.append(
                Fault(one.name, "There is no such field.", Sentence("There are: {ours}.", ours=", ".join(OURS)))
            )
        elif name in asked and name != "tag":
            faults.append(Fault(one.name, "This field is there twice.", "Write it once."))
        elif not value or "\ufffd" in value:
            faults.append(Fault(one.name, "This field is empty or holds control characters.", "Correct it."))
        else:
            asked[name] = (*asked.get(name, ()), value)
    return asked


def received(host: str, protocol: str, number: str, date: str) -> str:
    """The value of our Received field (RFC 5321, 4.4): who took it, how, under which number, when; not from whom."""
    return f"by {host}{_BY_US}{protocol} id {number};\r\n\t{date}"


def mended(submitted: Submitted, mending: Mending) -> bytes:
    """The octets that leave. Fields that are new stand before all others, those that are replaced where they were."""
    header = submitted.header
    body: bytes | memoryview = memoryview(submitted.content)[submitted.start :]
    replaced: dict[str, str] = {}
    if mending.sender is not None:
        replaced["from"] = addresses("From", (mending.sender,))
    for name, wanted in (("Reply-To", mending.reply_to), ("Disposition-Notification-To", mending.receipt_to)):
        if wanted is not None:
            replaced[name.lower()] = addresses(name, wanted) if wanted else ""
    if mending.footer is not None and not submitted.has("dkim-signature"):
        footed = with_footer(header, submitted.body, mending.footer)
        if footed is not None:
            body = footed.body
            replaced |= footed.fields
    new = _new_fields(submitted, mending)
    kept, left = _kept(header, replaced)
    new += [line for line in left.values() if line]
    return b"".join([*[line.encode() + b"\r\n" for line in new], kept, b"\r\n", body])


def _new_fields(submitted: Submitted, mending: Mending) -> list[str]:
    new = [f"Received: {mending.trace}"] if mending.trace else []
    if mending.date and not submitted.has("date"):
        new.append(f"Date: {mending.date}")
    if mending.message_id and not submitted.message_id:
        new.append(f"Message-ID: <{mending.message_id}>")
    return new + [unstructured(name, value) for name, value in mending.added]


def _kept(header: Header, replaced: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """The fields that stay, with those that are replaced in their places; and what found no place."""
    left = dict(replaced)
    if not any(one.name in replaced or _goes(one) for one in header.fields):
        return header.octets, left
    pieces: list[bytes] = []
    start = 0
    for one in header.fields:
        if one.name not in replaced and not _goes(one):
            continue
        pieces.append(header.octets[start : one.start])
        line = left.pop(one.name, "")
        if line:
            pieces.append(line.encode() + b"\r\n")
        start = one.end
    pieces.append(header.octets[start:])
    return b"".join(pieces), left


def _goes(one: Field) -> bool:
    empty_id = one.name == "message-id" and not _id_of(one.text)
    return one.name in _HIDDEN or one.name.startswith(_PREFIX) or empty_id


def with_crlf(content: bytes) -> bytes:
    """The same with every line ended by CRLF, for doors where programs hand over lines as their system ends them."""
    whole = content.count(b"\r\n")
    if content.count(b"\n") != whole or content.count(b"\r") != whole:
        content = _LINE_END.sub(b"\r\n", content)
    return content if content.endswith(b"\r\n") else content + b"\r\n"
