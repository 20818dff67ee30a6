"""Read receipts (RFC 8098) and complaints (RFC 5965): reports that programs send for people.

Rules kept here: a receipt says what a program claims to have shown, no more. A complaint counts only where it says so;
a report of the type `not-spam` takes nothing from anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from postroom.compose.reading import Part, loose_header
from postroom.compose.submitted_header import Header, shown
from postroom.model.incoming import Fate, FateOf
from postroom.receive.report import address_of

__all__ = ["COMPLAINT", "complaint_in", "receipt_in"]

_READ = "displayed"
_UNREAD = "deleted"
_RECEIPT = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
COMPLAINT = "message/feedback-report"
_NO_COMPLAINT = frozenset({"not-spam", "dmarc", "auth-failure"})


def receipt_in(parts: Sequence[Part]) -> tuple[FateOf | None, str] | None:
    """Who read it, and the Message-ID that was read; None when this is no receipt. A receipt that tells of neither
    reading nor deleting (RFC 8098, 3.2.6) has no fate.
    """
    part = _own(parts, *_RECEIPT)
    if part is None:
        return None
    told = loose_header(part.octets())
    disposition = _said(told, "disposition").rpartition(";")[2].partition("/")[0].strip().lower()
    fate = {_READ: Fate.READ, _UNREAD: Fate.DELETED_UNREAD}.get(disposition)
    original = address_of(_said(told, "original-recipient"))
    address = address_of(_said(told, "final-recipient")) or original
    read = _said(told, "original-message-id").strip().strip("<>")
    return (None if fate is None else FateOf(address, fate, original)), shown(read)


def complaint_in(parts: Sequence[Part]) -> tuple[tuple[FateOf, ...], str] | None:
    """Who complains and the envelope id; None when this is no complaint. Providers may leave out both."""
    part = _own(parts, COMPLAINT)
    if part is None:
        return None
    told = loose_header(part.octets())
    if _said(told, "feedback-type").strip().lower() in _NO_COMPLAINT:
        return None
    reason = shown(_said(told, "feedback-type").strip())
    addresses = (field.text.strip().strip("<>") for field in told.all("original-rcpt-to")[:100])
    fates = tuple(FateOf(shown(address), Fate.COMPLAINED, words=reason) for address in addresses)
    return fates, shown(_said(told, "original-envelope-id"))


def _own(parts: Sequence[Part], *kinds: str) -> Part | None:
    return next((part for part in parts if part.kind in kinds and part.within is None), None)


def _said(header: Header, name: str) -> str:
    found = header.first(name)
    return "" if found is None else found.text
