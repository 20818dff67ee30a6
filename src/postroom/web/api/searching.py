"""What is searched for in the mailing log, as requests say it: in an address, or as `search` of a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from postroom.clock import iso, parse_iso
from postroom.errors import BadInput
from postroom.model.state import State
from postroom.reports import Query
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.requests import TenantQuery

__all__ = ["SEARCH", "Filters", "search_json", "search_of", "searched"]

_TIMES = ("since", "until")


class Filters(TenantQuery):
    """The parameters of everything that searches the log."""

    recipient: str = Field(
        "",
        description="An address; or its beginning with * behind it; or a part that begins a word.",
    )
    sender: str = Field("", description="A part of the sender that begins a word.")
    subject: str = Field("", description="Words of the subject, or their beginnings; with * before it, a part.")
    state: State | None = Field(None, description="Messages with a recipient in this state.")
    kind: str = Field("", description="The kind, as it was given.")
    application: str = Field("", description="The application's id or name.")
    account: str = Field("", description="The id or name of the account that it goes or went through.")
    tag: str = Field("", description="One of its tags.")
    since: str = Field("", description="Not older than this time (RFC 3339).")
    until: str = Field("", description="Older than this time (RFC 3339).")
    text: str = Field("", description="Words of subject, sender or recipients; a Message-ID; a message's id.")


_NAMES = tuple(name for name in Filters.model_fields if name != "tenant")
SEARCH: dict[str, Any] = {
    "type": "object",
    "description": "What is searched for, as when messages are listed; every filter that is given has to fit.",
    "additionalProperties": False,
    "properties": {
        name: {"type": "string", "description": str(Filters.model_fields[name].description)}
        | ({"enum": [state.value for state in State]} if name == "state" else {})
        for name in _NAMES
    },
}
"""The shape of a `search` in a body."""


def searched(filters: Filters) -> Query:
    """Raises BadInput with every fault."""
    return _query({name: getattr(filters, name) or "" for name in _NAMES}, Faults(), "")


def search_of(given: Any, field: str = "search") -> Query:
    """The same of an object in a body. Raises BadInput with every fault."""
    faults = Faults()
    if not isinstance(given, Mapping):
        problem = "is missing." if given is None else f"is {kind_of(given)}, but has to be an object."
        faults.add(field, problem, 'Write {"state": "failed"}; {} means every message.')
        raise BadInput(faults)
    for name, value in given.items():
        if name not in _NAMES:
            faults.unknown(field, name, _NAMES, {})
        elif value is not None and not isinstance(value, str):
            faults.add(
                f"{field}.{name}",
                f"is {kind_of(value)}, but has to be text.",
                "Give text in quotes.",
            )
    if faults:
        raise BadInput(faults)
    return _query({name: given.get(name) or "" for name in _NAMES}, faults, f"{field}.")


def _query(given: Mapping[str, str], faults: Faults, before: str) -> Query:
    since, until = (_moment(name, given[name], faults, before) for name in _TIMES)
    if faults:
        raise BadInput(faults)
    others: dict[str, Any] = {name: value for name, value in given.items() if name not in _TIMES}
    return Query(since_ms=since, until_ms=until, **others)


def _moment(name: str, text: str, faults: Faults, before: str) -> int | None:
    if not text:
        return None
    try:
        return parse_iso(text)
    except ValueError as error:
        faults.add(before + name, f"{error}.", "In an address, write + as %2B.")
        return None


def search_json(search: Mapping[str, str | int]) -> dict[str, str]:
    """A search that was kept, as it would be asked for again."""
    return {
        name.removesuffix("_ms"): iso(int(value)) if name.endswith("_ms") else str(value)
        for name, value in search.items()
    }
