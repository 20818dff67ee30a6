"""The noun of composition: what one mail says, to whom, in whose name, before it is bytes.

`faults` tells everything that is wrong with a letter at once, each with the path of its field; a letter without faults
can be rendered. A letter has no bcc: those recipients belong to the envelope and never reach a header. Contents stay
out of `repr`, because a letter may carry a password reset.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from postroom.addresses import Address, BadAddress
from postroom.compose.footer import Footer
from postroom.compose.headers import check_name, check_value, is_plain
from postroom.compose.media import check_content_id, check_filename, check_media_type
from postroom.errors import Fault
from postroom.sentence import Sentence

__all__ = ["Attachment", "Footer", "Letter", "faults", "is_plainly_right"]

MAX_HEADERS = 50
MAX_ATTACHMENTS = 500
# Fields that RFC 5322 section 3.6 or their own standard allows once.
_ONCE = frozenset(
    ("auto-submitted", "in-reply-to", "list-id", "list-unsubscribe", "list-unsubscribe-post", "references")
)
_SHOWABLE = re.compile(r"[A-Za-z0-9._-]{1,76}").fullmatch
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter. `inline` with a `content_id` shows where the HTML says `cid:content_id`."""

    filename: str
    content: bytes = field(repr=False)
    content_type: str = "application/octet-stream"
    content_id: str | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. `receipt_to` asks for a read receipt (RFC 8098); `originator` is the Sender field (RFC 5322, 3.6.2)."""

    sender: Address
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    text: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    receipt_to: Address | None = None
    footer: Footer | None = field(default=None, repr=False)
    originator: Address | None = None

    def mailboxes(self) -> Iterator[tuple[str, Address]]:
        """Every address that a header will show, with the path of its field."""
        yield "sender", self.sender
        for name, group in (("to", self.to), ("cc", self.cc), ("reply_to", self.reply_to)):
            for index, address in enumerate(group):
                yield f"{name}[{index}]", address
        if self.receipt_to is not None:
            yield "receipt_to", self.receipt_to
        if self.originator is not None:
            yield "originator", self.originator


def faults(letter: Letter) -> tuple[Fault, ...]:
    """Everything that is wrong with the letter, in the order of its fields; empty when it can be rendered."""
    found: list[Fault | None] = [_address_fault(path, address) for path, address in letter.mailboxes()]
    found.append(check_value("subject", letter.subject))
    found.extend(_header_faults(letter.headers))
    found.extend(_body_faults(letter))
    found.extend(_attachment_faults(letter.attachments))
    return tuple(fault for fault in found if fault is not None)


def is_plainly_right(letter: Letter) -> bool:
    """A quick look that knows most simple letters for right; where it says no, `faults` decides."""
    if letter.attachments or letter.headers or letter.footer or letter.receipt_to or letter.originator:
        return False
    text, html = letter.text, letter.html
    if (text is None and html is None) or _is_odd_body(text) or _is_odd_body(html) or not is_plain(letter.subject):
        return False
    try:
        for address in (letter.sender, *letter.to, *letter.cc, *letter.reply_to):
            address.check()
            if address.name and not is_plain(address.name):
                return False
    except BadAddress:
        return False
    return True


def _is_odd_body(body: str | None) -> bool:
    return body is not None and (not body.isascii() or "\0" in body)


def _address_fault(path: str, address: Address) -> Fault | None:
    try:
        address.check()
    except BadAddress as error:
        return Fault(path, error.problem, error.mend)
    return check_value(path, address.name) if address.name else None


def _header_faults(headers: Iterable[tuple[str, str]]) -> Iterator[Fault | None]:
    seen: set[str] = set()
    for index, (name, value) in enumerate(headers):
        if index == MAX_HEADERS:
            yield Fault(
                "headers",
                Sentence("There are more than {max_headers} header fields.", max_headers=MAX_HEADERS),
                "Leave some out.",
            )
            return
        # The path repeats the name only when it is harmless to show.
        path = f"headers.{name}" if _SHOWABLE(name) else f"headers[{index}]"
        fault = check_name(path, name)
        yield fault
        if fault is None:
            yield check_value(path, value, name)
        if name.lower() in seen & _ONCE:
            yield Fault(path, "This header field may stand in a message only once.", "Leave one out.")
        seen.add(name.lower())


def _body_faults(letter: Letter) -> Iterator[Fault]:
    if letter.text is None and letter.html is None and not letter.attachments:
        yield Fault("text", "The message has neither text nor HTML nor an attachment.", "Give at least one of them.")
    bodies = [("text", letter.text), ("html", letter.html)]
    if letter.footer is not None:
        bodies += [("footer.text", letter.footer.text), ("footer.html", letter.footer.html)]
    for path, body in bodies:
        if body is None:
            continue
        if "\0" in body:
            yield Fault(path, "It holds a NUL character, which no mail may have.", "Remove it.")
        if _SURROGATE.search(body):
            yield Fault(path, "It holds half of a character (a lone surrogate).", "Send well-formed Unicode.")


def _attachment_faults(attachments: tuple[Attachment, ...]) -> Iterator[Fault | None]:
    if len(attachments) > MAX_ATTACHMENTS:
        yield Fault(
            "attachments",
            Sentence("There are more than {max_attachments} attachments.", max_attachments=MAX_ATTACHMENTS),
            "Pack them into one file.",
        )
        return
    seen: set[str] = set()
    for index, attachment in enumerate(attachments):
        path = f"attachments[{index}]"
        if attachment.filename or attachment.content_id is None:
            yield check_filename(f"{path}.filename", attachment.filename)
        yield check_media_type(f"{path}.content_type", attachment.content_type)
        if attachment.content_id is not None:
            yield check_content_id(f"{path}.content_id", attachment.content_id)
            if attachment.content_id in seen:
                yield Fault(f"{path}.content_id", "Another attachment has this content id.", "Give each its own.")
            seen.add(attachment.content_id)
