"""Settings about looking after the installation: how often it is checked, and whether a copy is recognised.

A part of the one table (`Settings`), in a module of its own for its length.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroom.settings import spelling
from postroom.settings.setting import setting

__all__ = ["CheckSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """The part of the table that is about checks."""

    check_seconds: float = setting(
        spelling.duration("s", at_least=0.05), 60.0, "How often settings, queue and machine are checked, in seconds."
    )
    clone_guard: bool = setting(
        spelling.SWITCH,
        True,
        "Whether a database that wakes up in another place holds its mail until somebody says that it is the real one. "
        "Off only where the place changes with every start, and nobody copies it.",
    )
    webhook_retry_seconds: float = setting(
        spelling.duration("s", at_least=0.05),
        5.0,
        "How long a webhook that did not take an event is left alone after the first time, in seconds; later ever "
        "longer, in the end 2,880 times as long.",
    )
