"""The keys an installation starts with: one for the command line of this machine, and the first one for applications.

The command line's key is kept in `local.json` and made anew when it is missing, revoked or from another database. The
first key is made once, when nobody has a key yet, and is shown once.
"""

from __future__ import annotations

from pathlib import Path

from postroom.cli import local
from postroom.errors import Conflict, Forbidden, Unauthenticated
from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION
from postroom.office import Office

__all__ = ["COMMAND_LINE", "first_key", "local_key"]

COMMAND_LINE = Actor(INSTALLATION, frozenset({Scope.ADMIN}), name="command line")
_COMMAND_LINE = "command line"
_FIRST = "first"


def local_key(office: Office, data: Path) -> str:
    """A key for this machine's command line; `local.json` holds it afterwards. Raises OSError when that fails."""
    known = local.read(data)
    if known is not None and _opens(office, known.key):
        return known.key
    if _COMMAND_LINE not in _names(office):
        _make(office, _COMMAND_LINE)
    key = _key_of(office, _COMMAND_LINE)
    local.write(data, local.Local(key))
    return key


def first_key(office: Office) -> str | None:
    """The first key for applications, or None when this installation has had one already."""
    if _names(office) - {_COMMAND_LINE} or not _make(office, _FIRST):
        return None
    return _key_of(office, _FIRST)


def _opens(office: Office, key: str) -> bool:
    try:
        return office.authenticate(key).result().may(Scope.ADMIN)
    except (Unauthenticated, Forbidden):
        return False


def _names(office: Office) -> set[str]:
    return {each.name for each in office.applications(COMMAND_LINE).result()}


def _make(office: Office, application: str) -> bool:
    """Whether it was made here and now: nodes that start together make it once."""
    try:
        office.create_application(COMMAND_LINE, application).result()
    except Conflict:
        return False
    return True


def _key_of(office: Office, application: str) -> str:
    return office.create_key(COMMAND_LINE, application, [Scope.ADMIN]).result().text
