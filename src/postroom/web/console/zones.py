"""Which time zone somebody reads times in: his profile's, else his browser's, else UTC."""

from __future__ import annotations

import re
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

__all__ = ["UTC", "names", "zone_of"]

UTC = ZoneInfo("UTC")
_SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}", re.ASCII)


def zone_of(*wanted: str) -> ZoneInfo:
    """The first that is a zone."""
    for name in wanted:
        found = _known(name[:60]) if name else None
        if found is not None:
            return found
    return UTC


@lru_cache(maxsize=256)
def _known(name: str) -> ZoneInfo | None:
    if not _SHAPE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=1)
def names() -> list[str]:
    """Every zone there is to choose from: places, without the old names kept for programs."""
    places = (
        "Africa/",
        "America/",
        "Antarctica/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    )
    return ["UTC", *sorted(name for name in available_timezones() if name.startswith(places))]
