"""A header with raw UTF-8 in it, as many programs write it although nobody promised them a road for that.

Such a header is internationalised mail (RFC 6532) and may be sent only to servers that offer SMTPUTF8 (RFC 6531). Who
asked for that gets it. For who did not, what can be said in ASCII is said in ASCII, as a submission server may (RFC
6409, 8): names and free text as encoded words (RFC 2047).

Rules kept here:
- A field is written anew only where it holds octets beyond ASCII, and only where that can be done whole: not in fields
  that machines read, not for addresses that are not ASCII themselves, not where an address field can't be read. What is
  left over needs SMTPUTF8.
- A message that is signed (DKIM) keeps its octets: its signature is worth more.
- What was hidden in encoded words beside the raw text does not come out as a control character.
"""

from __future__ import annotations

from postroom.addresses import BadAddress
from postroom.compose.headers import addresses, unstructured
from postroom.compose.submitted import Submitted, read
from postroom.compose.submitted_header import Field, Header, mailboxes, readable

__all__ = ["in_ascii"]

_ADDRESSES = frozenset(
    {
        "from", "sender", "reply-to", "to", "cc", "bcc", "disposition-notification-to", "return-receipt-to",
        "errors-to", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc",
    }
)  # fmt: skip
_MACHINES_READ = frozenset(
    {
        "archived-at", "authentication-results", "auto-submitted", "date", "feedback-id", "in-reply-to", "message-id",
        "mime-version", "original-recipient", "precedence", "received", "received-spf", "references", "resent-date",
        "resent-message-id", "return-path",
    }
)  # fmt: skip
_MACHINES_BEGIN = ("arc-", "content-", "list-")


def in_ascii(submitted: Submitted) -> Submitted:
    """The same message with as much of its header in ASCII as can be."""
    header = submitted.header
    if header.octets.isascii() or header.first("dkim-signature") is not None:
        return submitted
    octets = _written_anew(header)
    if octets == header.octets:
        return submitted
    return read(b"".join([octets, memoryview(submitted.content)[len(header.octets) :]]))


def _written_anew(header: Header) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for one in header.fields:
        line = None if one.raw.isascii() else _line(header, one)
        if line is not None:
            pieces += (header.octets[position : one.start], line.encode("ascii"), b"\r\n")
            position = one.end
    return b"".join([*pieces, header.octets[position:]])


def _line(header: Header, one: Field) -> str | None:
    """The field in ASCII, without its line end; None where there is no such spelling."""
    if one.name in _MACHINES_READ or one.name.startswith(_MACHINES_BEGIN):
        return None
    name = header.octets[one.start : one.start + len(one.name)].decode("ascii")
    if one.name not in _ADDRESSES:
        return unstructured(name, readable(one.text))
    try:
        line = addresses(name, mailboxes(one))
    except BadAddress:
        return None
    return line if line.isascii() else None
