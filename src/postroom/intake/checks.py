"""Reading a draft: addresses, limits and times, with every fault found at once (the letter's own are found by
`compose`).
"""

from __future__ import annotations

from collections.abc import Sequence

from postroom.addresses import Address, BadAddress
from postroom.errors import Fault
from postroom.model.message import Draft, RecipientRole

__all__ = ["Addressed", "address_fault", "addressees", "check_times"]

Addressed = list[tuple[RecipientRole, Address]]

_ROLES = (RecipientRole.TO, RecipientRole.CC, RecipientRole.BCC)
_LONGEST_AHEAD_MS = 366 * 24 * 3600 * 1000


def address_fault(field: str, error: BadAddress) -> Fault:
    return Fault(field, error.problem, error.mend)


def addressees(draft: Draft, most: int, faults: list[Fault]) -> Addressed:
    """Everyone the message goes to, in order, each mailbox once; faults are added to the list."""
    found: Addressed = []
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
    if len(found) > most:
        faults.append(
            Fault("to", f"The message has {len(found):,} recipients; {most:,} are allowed.", "Split the message.")
        )
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
