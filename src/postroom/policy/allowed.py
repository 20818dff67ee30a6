"""What an application may use of its tenant's: which senders, which kinds; and what becomes of a From that it may not.

Refused, or rewritten to the application's own sender with the wanted address as reply address, as the tenant chose
(`foreign_from`); never let through. An application's own sender is the first address in its list; without one, the
tenant's default. A message that names no sender leaves from the tenant's default where the application may use that,
else from its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from postroom.addresses import Address, BadAddress
from postroom.errors import Fault
from postroom.model.application import Application
from postroom.model.message import Draft
from postroom.model.tenant import ForeignFrom
from postroom.policy.way import Route
from postroom.sentence import Sentence

__all__ = ["is_free", "may_use", "within_its_own"]

Find = Callable[[Draft], Route | list[Fault]]


def is_free(application: Application | None, foreign_from: ForeignFrom) -> bool:
    """Whether nothing here could change the way of this application's mail."""
    if application is None:
        return True
    return foreign_from is ForeignFrom.REFUSE and not application.senders and not application.kinds


def may_use(application: Application, address: Address) -> bool:
    """Whether the address is one of the application's; any is, while it has no list."""
    return not application.senders or address.key in application.senders or f"*@{address.domain}" in application.senders


def within_its_own(
    application: Application, foreign_from: ForeignFrom, draft: Draft, find: Find
) -> Route | list[Fault]:
    """The way of this application's message, or all that keeps it from being accepted. `find`: the tenant's rules."""
    kind = _kind_fault(application, draft)
    found = find(draft)
    if isinstance(found, Route):
        wanted = found.effective.wanted or found.sender
        if not may_use(application, wanted):
            found = _foreign(application, foreign_from, draft, wanted, find)
    elif foreign_from is ForeignFrom.REWRITE and found and all(fault.field == "sender" for fault in found):
        address = _parsed(draft.sender)
        found = found if address is None else _foreign(application, foreign_from, draft, address, find)
    if not kind:
        return found
    return kind if isinstance(found, Route) else kind + found


def _foreign(
    application: Application, foreign_from: ForeignFrom, draft: Draft, wanted: Address, find: Find
) -> Route | list[Fault]:
    own = next((text for text in application.senders if not text.startswith("*")), "")
    if not draft.sender and own:
        return find(replace(draft, sender=own))
    if draft.sender and foreign_from is ForeignFrom.REWRITE:
        rewritten = find(replace(draft, sender=own, reply_to=draft.reply_to or (wanted.spec,)))
        if not isinstance(rewritten, Route):
            return rewritten
        if may_use(application, rewritten.effective.wanted or rewritten.sender):
            return replace(rewritten, effective=replace(rewritten.effective, wanted=wanted))
    known = ", ".join(application.senders[:5])
    problem = Sentence(
        "{wanted} is not one of the senders that {application} may use.",
        wanted=wanted.spec,
        application=application.name,
    )
    return [
        Fault("sender", problem, Sentence("Use one of {known}, or let its administrator allow this one.", known=known))
    ]


def _kind_fault(application: Application, draft: Draft) -> list[Fault]:
    if not application.kinds or draft.kind in application.kinds:
        return []
    problem = (
        Sentence("is none of those that {application} may use.", application=application.name)
        if draft.kind
        else "is missing."
    )
    return [Fault("kind", problem, Sentence("There are: {kinds}.", kinds=", ".join(application.kinds[:10])))]


def _parsed(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except BadAddress:
        return None
