"""Which language somebody reads: from an `Accept-Language` header, or from the locale of a terminal.

English is what everything was written in first, and what whoever asks for another language gets.
"""

from __future__ import annotations

import re

__all__ = ["ENGLISH", "LANGUAGES", "of_locale", "preferred"]

ENGLISH = "en"
LANGUAGES = (ENGLISH, "de")
"""Every language that diagnoses are told in, English first."""

_LONGEST = 500
_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?"
)
_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[_.@-].*)?", re.DOTALL)


def preferred(accepted: str) -> str:
    """The best of `LANGUAGES` for an Accept-Language header (RFC 9110, 12.5.4); what can't be read is not looked at.

    A region is ignored: whoever reads de-AT reads our German.
    """
    best, weight = ENGLISH, 0.0
    for part in accepted[:_LONGEST].split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            continue
        language = ENGLISH if found[1] == "*" else found[1].lower()
        wanted = float(found[2] or 1)
        if language in LANGUAGES and wanted > weight:
            best, weight = language, wanted
    return best


def of_locale(name: str) -> str:
    """The language of a locale like `de_AT.UTF-8` (POSIX, 8.2), or of a bare `de`."""
    found = _LOCALE.fullmatch(name.strip()[:_LONGEST])
    language = found[1].lower() if found else ENGLISH
    return language if language in LANGUAGES else ENGLISH
