"""How this machine's sendmail is set up: which Postroom, which key, where mail waits, who the local users are.

The first of these files that is there counts: the one named with -C; `~/.config/postroom/sendmail.toml`;
`/etc/postroom/sendmail.toml`. Without any of them everything has its usual value.

    url = "https://mail.example.org"        key = "pr_…", or key_file = "/etc/postroom/sendmail.key"
    spool = "/var/spool/postroom"           where mail waits while Postroom can't be reached
    domain = "example.org"                  what is added to addresses without a domain, like `root`
    aliases_file = "/etc/aliases"           who gets the mail of local users
    [aliases]
    root = "admin@example.org"              the same, before that file

Rules it keeps: address and key come from the same place, so no key is sent where somebody else points. The order is:
-C, POSTROOM_API_URL and POSTROOM_API_KEY, the file, the Postroom of this machine.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postroom.client.errors import NotConfigured
from postroom.client.whereabouts import KEY_VARIABLE, URL_VARIABLE, Whereabouts, data_directory, find
from postroom.sendmail.exits import Ending, Exit

__all__ = ["Configuration", "load"]

SYSTEM_FILE = Path("/etc/postroom/sendmail.toml")
SYSTEM_SPOOL = Path("/var/spool/postroom")
_KINDS = {
    "url": str,
    "key": str,
    "key_file": str,
    "spool": str,
    "domain": str,
    "aliases_file": str,
    "aliases": dict,
}
_MOST_ALIASES = 10
_LONGEST_ALIASES = 1_000_000


@dataclass(frozen=True, slots=True)
class Configuration:
    """`spool` is where mail waits; `private` says that it has to be this user's own folder."""

    spool: Path
    private: bool = True
    domain: str = ""
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _url: str = ""
    _key: str = field(default="", repr=False)
    _environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @staticmethod
    def of_this_machine(data: Path) -> Configuration:
        """The Postroom with this data directory, and the folder in it that is its user's alone."""
        return Configuration(data / "spool", _environ={"POSTROOM_DATA": str(data)})

    @property
    def has_key(self) -> bool:
        """Whether somebody gave sendmail a key of its own; else it goes with that of this machine's Postroom."""
        return bool(self._key or self._environ.get(KEY_VARIABLE))

    def whereabouts(self) -> Whereabouts:
        """Which Postroom, and the key for it. Raises Unreachable, or Ending (CONFIG)."""
        try:
            if self._url or self._key:
                return find(self._url, self._key, {"POSTROOM_DATA": str(data_directory(self._environ))})
            return find("", "", self._environ)
        except NotConfigured as error:
            raise Ending(Exit.CONFIG, f"{error.text} A file {SYSTEM_FILE} can say it, too.") from None

    def resolve(self, address: str) -> tuple[str, ...]:
        """Where mail for this goes: itself, or for a local name what the aliases say, or the name at the domain."""
        found: list[str] = []
        self._resolve(address, found, set())
        return tuple(found)

    def _resolve(self, address: str, found: list[str], seen: set[str]) -> None:
        name = address.lower()
        if "@" in address or name in seen:
            if "@" in address and address not in found:
                found.append(address)
            return
        seen.add(name)
        if name in self.aliases and len(seen) <= _MOST_ALIASES:
            for each in self.aliases[name]:
                self._resolve(each, found, seen)
        elif self.domain:
            self._resolve(f"{address}@{self.domain}", found, seen)


def load(given: str, environ: Mapping[str, str]) -> Configuration:
    """`given`: the file named with -C. Raises Ending (CONFIG) with what is wrong, never with what stands in a file."""
    path = Path(given) if given else _first_file(environ)
    values = _values(path) if path is not None else {}
    from_environment = bool(environ.get(URL_VARIABLE)) and not given
    url, key = ("", "") if from_environment else (values.get("url", ""), _key(values))
    spool, private = _spool(values, environ)
    aliases = _aliases_of(Path(values.get("aliases_file", "/etc/aliases")), optional="aliases_file" not in values)
    aliases |= {name.lower(): _several(value) for name, value in values.get("aliases", {}).items()}
    return Configuration(spool, private, values.get("domain", ""), aliases, url, key, dict(environ))


def _first_file(environ: Mapping[str, str]) -> Path | None:
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    for path in (Path(home, "postroom", "sendmail.toml"), SYSTEM_FILE):
        if path.is_file():
            return path
    return None


def _values(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        with path.open("rb") as file:
            _refuse_foreign(path, os.fstat(file.fileno()))
            values = tomllib.loads(file.read().decode("utf-8"))
    except OSError as error:
        raise Ending(Exit.CONFIG, f"{path} can't be read: {error.strerror}.") from None
    except ValueError:
        raise Ending(Exit.CONFIG, f"{path} is not TOML.") from None
    for name, value in values.items():
        kind = _KINDS.get(name)
        if kind is None or not isinstance(value, kind):
            what = f"there is no {name[:40]!a}" if kind is None else f"{name} is not {kind.__name__}"
            raise Ending(Exit.CONFIG, f"{path}: {what}.")
    return values


def _refuse_foreign(path: Path, found: os.stat_result) -> None:
    """Who may write the file decides where mail goes: that has to be root or the user himself."""
    if found.st_uid not in (0, os.geteuid()):
        raise Ending(Exit.CONFIG, f"{path} belongs to another user.")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Ending(Exit.CONFIG, f"{path} may be written to by others: chmod go-w it.")


def _key(values: Mapping[str, Any]) -> str:
    file = values.get("key_file", "")
    if not file:
        return str(values.get("key", ""))
    try:
        return Path(file).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Ending(Exit.CONFIG, f"{file} can't be read: {getattr(error, 'strerror', 'it holds no key')}.") from None


def _spool(values: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Path, bool]:
    """The folder, and whether it has to be private: one that is shared was set up by an administrator."""
    if "spool" in values:
        return Path(values["spool"]), False
    if SYSTEM_SPOOL.is_dir():
        return SYSTEM_SPOOL, False
    return data_directory(environ) / "spool", True


def _several(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else str(value).split(",")
    return tuple(text for one in listed if (text := str(one).strip()))


def _aliases_of(path: Path, *, optional: bool) -> dict[str, tuple[str, ...]]:
    """The entries of an aliases file that are addresses or names; commands, files and includes are passed over."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_ALIASES).decode("utf-8", "replace")
    except OSError as error:
        if optional:
            return {}
        raise Ending(Exit.CONFIG, f"{path} can't be read: {error.strerror}.") from None
    lines = (line for line in re.sub(r"\n[ \t]+", " ", text).split("\n") if line.strip() and line[0] != "#")
    found = {}
    for line in lines:
        name, _, value = line.partition(":")
        people = tuple(one.lstrip("\\") for one in _several(value) if one[0] not in '|/":')
        if people:
            found[name.strip().strip('"').lower()] = people
    return found
