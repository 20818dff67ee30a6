"""Reading a draft: addresses, limits and times, with every fault found at once (the letter's own are found by
`compose`).
"""

from __future__ import annotations

from collections.abc import Sequence

from postroom.addresses import Address, BadAddress
from postroom.errors import Fault
from postroom.model.message import Draft, RecipientRole
from postroom.sentence import Sentence

__all__ = ["Addressed", "address_fault", "addressees", "check_labels", "check_times"]

Addressed = list[tuple[RecipientRole, Address]]

_ROLES = (RecipientRole.TO, RecipientRole.CC, RecipientRole.BCC)
_LONGEST_LABEL = 100
_LONGEST_VALUE = 1_000
_MOST_LABELS = 50
_UNFIT = (
    Sentence(
        "It is empty, holds control characters, or is longer than {longest_label} characters.",
        longest_label=_LONGEST_LABEL,
    ),
    "Shorten it.",
)
_LONGEST_AHEAD_MS = 366 * 24 * 3600 * 1000


def address_fault(field: str, error: BadAddress) -> Fault:
    return Fault(field, error.problem, error.mend)


def addressees(draft: Draft, most: int, faults: list[Fault]) -> Addressed:
    """Everyone the message goes to, in order, each mailbox once; faults are added to the list."""
    found: Addressed = []
    given = len(draft.to) + len(draft.cc) + len(draft.bcc)
    if given > most:
        # Said before any of them is read: reading a million takes seconds.
        problem = Sentence("The message has {given:,} recipients; {most:,} are allowed.", given=given, most=most)
        faults.append(Fault("to", problem, "Split the message."))
        return found
    seen: set[str] = set()
    for role, texts in zip(_ROLES, (draft.to, draft.cc, draft.bcc), strict=True):
        for place, text in enumerate(texts):
            try:
                address = Address.parse(text)
            except BadAddress as error:
                faults.append(address_fault(f"{role.value}[{place}]", error))
                continue
            if address.key not in seen:
                seen.add(address.key)
                found.append((role, address))
    if not found and not faults:
        faults.append(Fault("to", "The message has no recipient.", "Name at least one in to, cc or bcc."))
    return found


def parse_each(field: str, texts: Sequence[str], faults: list[Fault]) -> tuple[Address, ...]:
    """The addresses of a field that may hold several."""
    found = []
    for place, text in enumerate(texts):
        try:
            found.append(Address.parse(text))
        except BadAddress as error:
            faults.append(address_fault(f"{field}[{place}]", error))
    return tuple(found)


def check_labels(draft: Draft, faults: list[Fault]) -> None:
    """Kind, tags and metadata are the application's own words: short, and fit to be shown on one line."""
    if draft.kind and not _fit(draft.kind, _LONGEST_LABEL):
        faults.append(Fault("kind", *_UNFIT))
    if len(draft.tags) > _MOST_LABELS:
        faults.append(
            Fault(
                "tags", Sentence("There are more than {most_labels} tags.", most_labels=_MOST_LABELS), "Leave some out."
            )
        )
    elif any(not _fit(tag, _LONGEST_LABEL) or not tag for tag in draft.tags):
        faults.append(Fault("tags", *_UNFIT))
    if len(draft.metadata) > _MOST_LABELS:
        faults.append(
            Fault(
                "metadata",
                Sentence("There are more than {most_labels} entries.", most_labels=_MOST_LABELS),
                "Leave some out.",
            )
        )
    for name, value in draft.metadata[:_MOST_LABELS]:
        if not name or not _fit(name, _LONGEST_LABEL) or not _fit(value, _LONGEST_VALUE):
            problem = Sentence(
                "An entry is empty, holds control characters, or is longer than {longest_value:,} characters.",
                longest_value=_LONGEST_VALUE,
            )
            faults.append(Fault("metadata", problem, "Shorten it, and keep it to plain text."))
            break


def _fit(text: str, longest: int) -> bool:
    return len(text) <= longest and (text.isprintable() or all(c.isprintable() or c == "\t" for c in text))


def check_times(draft: Draft, now_ms: int, faults: list[Fault]) -> None:
    if draft.expires_at_ms is not None and draft.expires_at_ms <= now_ms:
        faults.append(Fault("expires_at", "This time is over already.", "Give a time in the future, or leave it out."))
    if draft.send_at_ms is not None and draft.send_at_ms > now_ms + _LONGEST_AHEAD_MS:
        faults.append(Fault("send_at", "This is more than a year ahead.", "Give a time within a year."))
    if (
        draft.send_at_ms is not None
        and draft.expires_at_ms is not None
        and draft.expires_at_ms <= max(draft.send_at_ms, now_ms)
    ):
        faults.append(Fault("expires_at", "The message would expire before it may leave.", "Put it after send_at."))
