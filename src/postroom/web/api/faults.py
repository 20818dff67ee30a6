"""Collecting what is wrong with an input: every fault at once, in words, and never more of them than can be read.

Without a bound a body of a million wrong values would be answered by a hundred megabytes of complaints.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from postroom.errors import Fault

__all__ = ["MOST", "Faults", "kind_of", "shown"]

MOST = 100
_LONGEST_NAME = 60


class Faults(list[Fault]):
    """A list of at most `most` faults; `full` says that looking further is pointless."""

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self._most = most
        self.full = False

    def add(self, field: str, problem: str, mend: str) -> None:
        if self.full:
            return
        self.append(Fault(field, problem, mend))
        if len(self) >= self._most:
            self.full = True
            self.append(Fault("", "there is more wrong than is listed here.", "Mend these first."))

    def unknown(self, where: str, name: str, known: Iterable[str], other_words: Mapping[str, str]) -> None:
        """A name nobody knows, with the one that was probably meant. `other_words`: what other products call it."""
        place = f"{where}.{shown(name)}" if where else shown(name)
        hint = other_words.get(name, "")
        if hint and hint not in set(known):
            self.add(place, "can't be given.", hint)
            return
        if not hint and len(name) <= _LONGEST_NAME:
            hint = next(iter(difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)), "")
        self.add(place, "there is no such field.", f"Did you mean {hint}?" if hint else "Leave it out.")


def shown(name: str) -> str:
    """A name from outside, fit for an answer: short, and without what could disturb a line or a terminal."""
    if len(name) > _LONGEST_NAME:
        name = name[: _LONGEST_NAME - 1] + "…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)


def kind_of(value: object) -> str:
    """What a JSON value is, in words: `a number`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"
