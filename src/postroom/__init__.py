"""Postroom: the outgoing-mail department of business applications.

`from postroom import Postroom` embeds the engine in a program; it is loaded only when it is asked for.
"""

from typing import Any

__all__ = ["Postroom", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Postroom":
        from postroom.embedded import Postroom

        return Postroom
    raise AttributeError(f"module 'postroom' has no attribute {name!r}")
