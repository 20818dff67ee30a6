"""A database that woke up somewhere else: perhaps a copy, whose mail the original has sent already."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Clone"]


class Clone(NamedTuple):
    """Since when (ms UTC) that is known, how many recipients waited or were under way then, where it is and was."""

    since_ms: int
    waiting: int
    home: str
    was: str
