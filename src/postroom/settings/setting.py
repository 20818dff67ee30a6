"""One setting: how it is spelled, what holds without it, and the sentence people read. The tables are made of these."""

from __future__ import annotations

from dataclasses import field
from typing import Any, NamedTuple

from postroom.settings.spelling import Spelling

__all__ = ["Meta", "setting"]


class Meta(NamedTuple):
    spelling: Spelling
    default: object
    sentence: str
    default_words: str
    environment_only: bool


def setting(
    kind: Spelling,
    default: object,
    sentence: str,
    *,
    default_words: str = "",
    environment_only: bool = False,
) -> Any:
    """A field of a table. `default` is a value, or a function of the settings before it in the table."""
    meta = Meta(kind, default, sentence, default_words, environment_only)
    return field(metadata={"setting": meta})
