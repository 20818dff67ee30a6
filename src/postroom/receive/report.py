"""Delivery reports as RFC 3464 defines them (and RFC 6533 for addresses beyond ASCII).

Rules kept here: a field that is missing or odd costs that field and nothing else. An answer is believed as it stands in
Diagnostic-Code; where there is none, the Status decides and no reply code is invented beyond its class.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroom.compose.reading import Part, loose_header
from postroom.compose.submitted_header import Header, shown
from postroom.model.incoming import Fate, FateOf

__all__ = ["STATUS_KINDS", "address_of", "answer_in", "envelope_id_of", "fates_of", "reporter_of", "status_part"]

STATUS_KINDS = frozenset({"message/delivery-status", "message/global-delivery-status"})
MAX_RECIPIENTS = 1_000

_BLOCKS = re.compile(rb"(?:\r?\n[ \t]*){2,}")
_TYPED = re.compile(r"[ \t]*[A-Za-z0-9-]+[ \t]*;[ \t]*(.*)", re.DOTALL)
_ANSWER = re.compile(
    r"(?<![\d.])([245]\d\d)(?:[ \t-]+#?|[ \t]*\(#?)?(?:([245]\.\d{1,3}\.\d{1,3})\)?)?(?![\d.])[ \t:-]*(.*)", re.DOTALL
)
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_FATES = {fate.value: fate for fate in (Fate.FAILED, Fate.DELAYED, Fate.DELIVERED, Fate.RELAYED, Fate.EXPANDED)}


def status_part(parts: Sequence[Part]) -> Part | None:
    """The part that programs read, if this is such a report; one in a forwarded message is not this message's."""
    return next((part for part in parts if part.kind in STATUS_KINDS and part.within is None), None)


def fates_of(status: Part) -> tuple[FateOf, ...]:
    """Everyone whom it tells of."""
    found = (_fate(block) for block in _blocks(status)[1:])
    return tuple(fate for fate in found if fate is not None)


def envelope_id_of(status: Part) -> str:
    """What MAIL said with ENVID (RFC 3464, 2.2.1)."""
    return shown(_said(_blocks(status)[0], "original-envelope-id").strip())[:100]


def reporter_of(status: Part) -> str:
    return _after_type(_said(_blocks(status)[0], "reporting-mta"))


def answer_in(text: str) -> tuple[int, str, str]:
    """Reply code, enhanced code and words of an SMTP answer that is told of in a text; 0 and "" for what it lacks."""
    found = _ANSWER.search(text)
    if found is None:
        status = _STATUS.search(text)
        return 0, status[0] if status else "", _line(text)
    code, enhanced, words = found.groups()
    if enhanced is None and (status := _STATUS.search(words)) is not None and status[1] == code[0]:
        enhanced = status[0]
    return int(code), enhanced or "", _line(words)


def _blocks(status: Part) -> list[Header]:
    """The fields about the message, then those about each recipient, which an empty line parts (RFC 3464, 2.1)."""
    octets = status.octets().strip()
    blocks = [loose_header(block) for block in _BLOCKS.split(octets, MAX_RECIPIENTS)]
    if len(blocks) == 1 and blocks[0].first("final-recipient") is not None:
        blocks = [blocks[0], blocks[0]]  # some forget the empty line
    return blocks


def _fate(block: Header) -> FateOf | None:
    final, original = (address_of(_said(block, name)) for name in ("final-recipient", "original-recipient"))
    if not final and not original:
        return None
    status = _STATUS.search(_said(block, "status"))
    fate = _FATES.get(_said(block, "action").strip().lower().split(" ")[0])
    if fate is None:
        fate = {"2": Fate.DELIVERED, "4": Fate.DELAYED}.get(status[1] if status else "5", Fate.FAILED)
    code, enhanced, words = answer_in(_after_type(_said(block, "diagnostic-code")))
    return FateOf(
        final or original,
        fate,
        original,
        code,
        enhanced or (status[0] if status else ""),
        words,
        _after_type(_said(block, "remote-mta")),
    )


def _said(block: Header, name: str) -> str:
    found = block.first(name)
    return "" if found is None else found.text


def _after_type(text: str) -> str:
    """`smtp; 550 no` → `550 no`; the name of the type says nothing that the field's does not."""
    found = _TYPED.fullmatch(text)
    return _line(found[1] if found else text)


def address_of(text: str) -> str:
    """`rfc822; a@b` → `a@b`."""
    found = _TYPED.fullmatch(text)
    return shown((found[1] if found else text).strip().strip("<>"))[:320]


def _line(text: str) -> str:
    return shown(" ".join(text.split()))
