"""What importing settings as code changes, or would change: one entry a thing, field by field, never a secret."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from postroom.model.version import Difference

__all__ = ["Plan", "Planned", "What"]


class What(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    SUSPEND = "suspend"


@dataclass(frozen=True, slots=True)
class Planned:
    """`noun`: settings, connector, account, sender or application; `name` is empty for settings."""

    what: What
    noun: str
    name: str
    fields: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """`warnings` are sentences. Nothing to change: `changes` is empty."""

    changes: tuple[Planned, ...] = ()
    warnings: tuple[str, ...] = ()
