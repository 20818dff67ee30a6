"""How much a template may do: a count, not a clock, so that the same template with the same values always ends alike.

A unit is about one step of Python, or a line of text that is looked at. What a template costs is told to the meter
before it is done, so nothing large is ever made to find out that it is too large.
"""

from __future__ import annotations

from postroom.sentence import Sentence

__all__ = ["LONGEST", "STEPS", "TOO_LONG", "Meter", "TooMuch"]

STEPS = 200_000
"""Units for one text: a table of 1,000 rows needs about 20,000. All of them take some hundredths of a second."""
LONGEST = 500_000
"""Characters that one text of a message may have."""
_CHARACTERS_A_UNIT = 64


TOO_LONG = Sentence("makes a text of more than {most:,} characters.", most=LONGEST)


class TooMuch(Exception):
    """The template does more than it may."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Meter:
    __slots__ = ("_left",)

    def __init__(self, units: int = STEPS) -> None:
        self._left = units

    def spend(self, units: int) -> None:
        """Raises TooMuch when the units are used up."""
        self._left -= units
        if self._left < 0:
            raise TooMuch("does more than a template may: its loops go round too often.")

    def spend_on(self, characters: int) -> None:
        """For text that is about to be looked at or made."""
        if characters > LONGEST:
            raise TooMuch(TOO_LONG)
        self.spend(1 + characters // _CHARACTERS_A_UNIT)
