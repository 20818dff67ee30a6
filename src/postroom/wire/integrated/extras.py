"""Libraries that come with an extra of Postroom: loaded when they are needed, and told of when they are not there."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

__all__ = ["load", "why_not"]


def load(module: str) -> Any:
    """The module, whose types nobody has written down. Raises ImportError; ask `why_not` before."""
    return import_module(module)


@lru_cache(maxsize=8)
def why_not(module: str, extra: str, way: str) -> str:
    """Why `module` can't be used, with the mend; "" when it can. Asked once: installing something needs a restart."""
    try:
        load(module)
    except (ImportError, OSError):  # OSError: a library of the system below it is not there
        return (
            f'Logging in by {way} needs the extra "{extra}", which is not installed on this machine. '
            f"Install it (pip install 'postroom[{extra}]') and start Postroom again, or choose another login."
        )
    return ""
