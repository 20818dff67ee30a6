"""Values for a template's variables: checked all at once, and turned into what the sandbox takes.

What the sandbox gets is text, numbers, days, yes or no, and plain lists and objects of these; bounded in depth and
size. A link is whole and leads to the web or to a mailbox, so no value can make one that runs something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from postroom.compose.templates.filters import DEEPEST
from postroom.errors import Fault
from postroom.model.template import Variable, VariableType
from postroom.sentence import N_, Sentence

__all__ = ["checked", "is_link", "samples"]

_MOST_FAULTS = 50
_MOST_PARTS = 5_000
_LONGEST = 200_000
_LARGEST = 10**15
_LINK = re.compile(r"(?:https?://[^\s/?#@\\]+(?:[/?#]\S*)?|mailto:[^\s@<>]+@[^\s@<>]+)", re.IGNORECASE)
_LONGEST_LINK = 2_048
_NAMED = re.compile(r"[A-Za-z0-9_.-]{1,60}").fullmatch
_ODD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

_WORDS: Mapping[VariableType, tuple[str, str]] = {
    VariableType.TEXT: (N_("is not text."), N_("Give text in quotes.")),
    VariableType.NUMBER: (N_("is not a number."), N_("Give it without quotes, with a dot for fractions: 12.5")),
    VariableType.DATE: (N_("is not a date."), N_("Write it like 2026-11-20, or 2026-11-20T14:30:00+01:00.")),
    VariableType.URL: (
        N_("is not a link."),
        N_("Give the whole address, which begins with https://, http:// or mailto:"),
    ),
    VariableType.BOOLEAN: (N_("is not true or false."), N_("Write true or false, without quotes.")),
    VariableType.LIST: (N_("is not a list."), N_("Write [ … ].")),
    VariableType.OBJECT: (N_("is not an object."), N_('Write {"name": … }.')),
}
_TAKES_NONE = N_("The template takes none.")


class _Odd(Exception):
    """`problem` and `mend` as in a fault."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(problem)
        self.problem, self.mend = problem, mend


def checked(
    variables: Sequence[Variable], given: Mapping[str, Any], faults: list[Fault], where: str = "variables"
) -> dict[str, Any]:
    """The values as the sandbox takes them; None for what is not required and not given. Adds every fault."""
    known = {one.name: one for one in variables}
    before = len(faults)
    for name in given:
        if name not in known:
            mend = Sentence("There are: {names}.", names=", ".join(known)) if known else _TAKES_NONE
            faults.append(Fault(_path(where, name), "is no variable of the template.", mend))
            if len(faults) - before >= _MOST_FAULTS:
                break
    left = [_MOST_PARTS, _LONGEST]
    values: dict[str, Any] = {}
    for variable in variables:
        value = given.get(variable.name)
        if value is None:
            values[variable.name] = None
            if variable.required:
                mend = variable.description or _WORDS[variable.type][1]
                faults.append(Fault(_path(where, variable.name), "is missing.", mend))
            continue
        try:
            values[variable.name] = _value(variable, value, left)
        except _Odd as error:
            faults.append(Fault(_path(where, variable.name), error.problem, error.mend))
    return values


def samples(variables: Sequence[Variable]) -> dict[str, Any]:
    """The sample of each variable; of one that has none, something of its type."""
    made = {one.name: _SAMPLES[one.type] if one.sample is None else one.sample for one in variables}
    for one in variables:
        if one.sample is None and one.type is VariableType.TEXT:
            made[one.name] = f"[{one.name}]"
    return made


_SAMPLES: Mapping[VariableType, Any] = {
    VariableType.TEXT: "",
    VariableType.NUMBER: 42,
    VariableType.DATE: "2026-11-20",
    VariableType.URL: "https://example.com/",
    VariableType.BOOLEAN: True,
    VariableType.LIST: [],
    VariableType.OBJECT: {},
}


def is_link(text: str) -> bool:
    return len(text) <= _LONGEST_LINK and _LINK.fullmatch(text) is not None and text.isprintable()


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if _NAMED(name) else where


def _value(variable: Variable, value: Any, left: list[int]) -> Any:
    kind = variable.type
    problem, mend = _WORDS[kind]
    made: Any = None
    if kind in (VariableType.TEXT, VariableType.URL) and type(value) is str:
        made = _plain(value, left, 0)
        if kind is VariableType.URL and not is_link(value):
            raise _Odd(problem, mend)
        if kind is VariableType.TEXT and variable.required and not value.strip():
            raise _Odd("is empty.", "Give a text, or say in the template that it is not required.")
    elif kind is VariableType.NUMBER and type(value) in (int, float):
        made = _plain(value, left, 0)
    elif kind is VariableType.BOOLEAN and type(value) is bool:
        made = value
    elif kind is VariableType.DATE and type(value) is str:
        made = _moment(value, mend)
    elif (kind is VariableType.LIST and type(value) in (list, tuple)) or (
        kind is VariableType.OBJECT and type(value) is dict
    ):
        made = _plain(value, left, 0)
    if made is None:
        raise _Odd(problem, mend)
    return made


def _moment(text: str, mend: str) -> date:
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise _Odd("is no date that there is.", mend) from None


def _plain(value: Any, left: list[int], depth: int) -> Any:
    """A copy of what JSON can hold. `left`: how many parts and characters more there may be."""
    left[0] -= 1
    if type(value) is str:
        left[1] -= len(value)
    if left[0] < 0 or left[1] < 0 or depth > DEEPEST:
        raise _Odd("holds more than a mail can say, or is nested too deeply.", "Give less.")
    if type(value) is str:
        if _ODD.search(value):
            raise _Odd("holds control characters, or half of one.", "Take them out.")
        return value
    if value is None or type(value) is bool:
        return value
    if type(value) in (int, float):
        if not -_LARGEST <= value <= _LARGEST:  # what is no number at all is in no order either
            raise _Odd("is a number that is too large.", "Give it as text.")
        return value
    if type(value) in (list, tuple):
        return [_plain(one, left, depth + 1) for one in value]
    if type(value) is dict and all(type(name) is str for name in value):
        return {name: _plain(one, left, depth + 1) for name, one in value.items()}
    raise _Odd("holds something that JSON does not have.", "Give texts, numbers, true or false, lists and objects.")
