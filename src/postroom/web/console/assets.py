"""The console's own files: one style sheet, one script, one picture. Read once, named by what is in them.

An address carries a piece of the file's hash, so a browser may keep it for a year and still sees a new one at once.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Asset", "asset", "find"]

FOLDER = Path(__file__).parent / "static"
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(NamedTuple):
    body: bytes
    kind: str
    mark: str


@cache
def _all() -> dict[str, Asset]:
    found = {}
    for path in FOLDER.iterdir():
        if path.suffix in _KINDS:
            body = path.read_bytes()
            found[path.name] = Asset(body, _KINDS[path.suffix], hashlib.sha256(body).hexdigest()[:12])
    return found


def find(name: str) -> Asset | None:
    return _all().get(name)


def asset(name: str) -> str:
    """Its address. Raises KeyError for a file that is not there."""
    return f"/console/static/{name}?v={_all()[name].mark}"
