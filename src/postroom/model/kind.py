"""Kinds of mail: what a tenant's mail is about, as its applications name it and as its recipients are told.

An application names the kind of each message (`kind`, `X-Postroom-Kind`). A message that names none, or one that is not
set up, is nobody's choice: it leaves at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DIGESTS", "Files", "Kind", "Way"]


class Way(StrEnum):
    """How somebody gets a kind of mail."""

    AT_ONCE = "at-once"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    NONE = "none"


DIGESTS = frozenset({Way.HOURLY, Way.DAILY, Way.WEEKLY})
"""The ways that wait for a digest."""


class Files(StrEnum):
    """What becomes of the attachments of a mail that goes into a digest: they go with it, or a link leads to them."""

    KEEP = "keep"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is the applications' word; `title` and `description` are for recipients, in English and in German; what is
    missing in one language is shown in the other, and at last the name.

    `way`: how who chose nothing gets it. `mandatory`: security mail, which always passes and at once. `bulk`: mail to
    many, which anybody may stop even where recipients choose nothing else.
    """

    id: int
    tenant_id: int
    name: str
    title: str = ""
    title_de: str = ""
    description: str = ""
    description_de: str = ""
    way: Way = Way.AT_ONCE
    mandatory: bool = False
    bulk: bool = False
    attachments: Files = Files.KEEP
    created_ms: int = 0
    version: int = 1

    def called(self, language: str) -> str:
        """What recipients who read this language are told it is."""
        german, english = self.title_de, self.title
        return (german or english if language == "de" else english or german) or self.name

    def explained(self, language: str) -> str:
        german, english = self.description_de, self.description
        return german or english if language == "de" else english or german
