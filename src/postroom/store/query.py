"""What people search the mailing log for, read into what the store understands.

Reports, jobs and saved filters all mean the same by it; it is read here once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from postroom.addresses import Address, BadAddress
from postroom.errors import BadInput, Fault
from postroom.ids import decode, id_at
from postroom.model.account import AccountState
from postroom.model.state import State
from postroom.model.tenant import INSTALLATION
from postroom.policy.snapshot import Snapshot
from postroom.sentence import Sentence
from postroom.store.wanted import Wanted

__all__ = ["MOST_ON_PAGE", "Query", "account_id_of", "kept", "kept_query", "wanted_of"]

MOST_ON_PAGE = 200
_MOST_TEXT = 1_000


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for in the mailing log; everything set must hold. Empty means: not looked at.

    `recipient`: an address finds exactly that one, whatever its case; `abc*` what begins so; anything else a part of
    it. `sender`, `subject`: every word typed is in it. `application`: its id or name; `account`: id or name of the one
    it goes or went through. `since_ms`, `until_ms`: accepted in this time (ms UTC, the end not included). `text`: every
    word typed is in the subject, the sender or a recipient; or the Message-ID, or a message's id. Parts and words are
    found where a word begins, whatever their case and accents; with `*` before them, anywhere. `recipient`, `state`
    and `account` must hold of the same recipient.
    """

    recipient: str = ""
    sender: str = ""
    subject: str = ""
    state: State | str | None = None
    kind: str = ""
    application: str | int | None = None
    account: str | int | None = None
    tag: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    text: str = ""


def kept(query: Query) -> dict[str, str | int]:
    """What is set of it, to be kept as JSON."""
    given = {field.name: getattr(query, field.name) for field in fields(query)}
    return {name: value if isinstance(value, int) else str(value) for name, value in given.items() if value}


def kept_query(search: Mapping[str, str | int]) -> Query:
    """The same again."""
    known = {field.name for field in fields(Query)}
    given: dict[str, Any] = {name: value for name, value in search.items() if name in known}
    return Query(**given)


def wanted_of(snapshot: Snapshot, tenant_id: int, query: Query, cursor: str | None = None, limit: int = 1) -> Wanted:
    """The query as the store understands it. Raises BadInput with every fault."""
    faults: list[Fault] = []
    if not 1 <= limit <= MOST_ON_PAGE:
        faults.append(
            Fault(
                "limit",
                Sentence("is not from 1 to {most_on_page}.", most_on_page=MOST_ON_PAGE),
                "Ask for fewer, and follow `next`.",
            )
        )
    for field in ("recipient", "sender", "subject", "kind", "tag", "text"):
        given = getattr(query, field)
        if len(given) > _MOST_TEXT:
            faults.append(
                Fault(
                    field, Sentence("is longer than {most_text} characters.", most_text=_MOST_TEXT), "Search for less."
                )
            )
        elif any(char < " " or "\ud800" <= char <= "\udfff" for char in given):
            faults.append(Fault(field, "holds a control character.", "Type it again."))
    paused = frozenset(one.id for one in snapshot.accounts.values() if one.state is AccountState.PAUSED)
    wanted = Wanted(
        sender=query.sender.strip(),
        subject=query.subject.strip(),
        kind=query.kind.strip(),
        tag=query.tag,
        state=_state(query.state, faults),
        application_id=_application_id(snapshot, tenant_id, query.application),
        account_id=account_id_of(snapshot, tenant_id, query.account),
        held_accounts=paused,
    )
    wanted = _with_recipient(wanted, query.recipient.strip())
    wanted = _with_bounds(wanted, query, cursor, faults)
    if faults:
        raise BadInput(faults)
    return wanted


def _state(given: State | str | None, faults: list[Fault]) -> State | None:
    if given is None or given == "":
        return None
    try:
        return State(given)
    except ValueError:
        faults.append(Fault("state", "is no state.", Sentence("There are: {state}.", state=", ".join(State))))
        return None


def _application_id(snapshot: Snapshot, tenant_id: int, given: str | int | None) -> int | None:
    """-1, which no message has, for an application that is not there."""
    if given is None or given == "":
        return None
    number = given if isinstance(given, int) else decode("p", given)
    for application in snapshot.applications.values():
        if application.tenant_id == tenant_id and (application.id == number or application.name == given):
            return application.id
    return -1


def account_id_of(snapshot: Snapshot, tenant_id: int, given: str | int | None) -> int | None:
    """-1, which is no account's, for one that is not there; an inherited one is found by its id."""
    if given is None or given == "":
        return None
    number = given if isinstance(given, int) else decode("a", given)
    if number is not None:
        return number
    found = snapshot.account_named(tenant_id, str(given)) or snapshot.account_named(INSTALLATION, str(given))
    return -1 if found is None else found.id


def _with_recipient(wanted: Wanted, given: str) -> Wanted:
    if not given or given.endswith("*"):
        return replace(wanted, recipient=given)
    try:
        address = Address.parse(given)
    except BadAddress:
        return replace(wanted, recipient=given)
    whole = "." in address.domain or address.domain.startswith("[")
    return replace(wanted, recipient=address.spec if whole else given, exact=whole)


def _with_bounds(wanted: Wanted, query: Query, cursor: str | None, faults: list[Fault]) -> Wanted:
    low, high = wanted.low, wanted.high
    if query.since_ms is not None:
        low = max(low, _bound(query.since_ms))
    if query.until_ms is not None:
        high = min(high, _bound(query.until_ms))
    said = query.text.strip()
    named = decode("m", said) if said else None
    if named is not None:
        low, high, said = max(low, named), min(high, named + 1), ""
    if cursor:
        below = decode("c", cursor)
        if below is None:
            faults.append(Fault("cursor", "is no cursor of ours.", "Take it from the page before, or leave it out."))
        else:
            high = min(high, below)
    return replace(wanted, words=said, low=low, high=high)


def _bound(at_ms: int) -> int:
    """An id for a time, whatever was typed: the column takes 63 bits."""
    return min(id_at(min(at_ms, 1 << 45)), (1 << 63) - 1)
