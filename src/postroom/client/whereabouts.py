"""Where Postroom is, and the key to it: from arguments, from the environment, or from the Postroom of this machine.

In this order, each for itself: the argument; POSTROOM_API_URL and POSTROOM_API_KEY; `local.json` in the data directory
(POSTROOM_DATA, or the usual place), which a running Postroom writes for its own user.

Rules it keeps: the key of `local.json` goes to the address that stands beside it and to no other. A key is in no `repr`
and in no error (P7).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from postroom.client.errors import NotConfigured, Unreachable

__all__ = ["KEY_VARIABLE", "URL_VARIABLE", "Whereabouts", "data_directory", "find", "is_loopback"]

URL_VARIABLE = "POSTROOM_API_URL"
KEY_VARIABLE = "POSTROOM_API_KEY"
_KEY = re.compile(r"[A-Za-z0-9_-]{8,200}").fullmatch


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`url` without a slash at its end, and the key that is meant for it."""

    url: str
    key: str = field(repr=False)

    @property
    def local(self) -> bool:
        """Whether it is this machine: then no proxy is asked for the way."""
        return is_loopback(urlsplit(self.url).hostname)


def find(url: str = "", key: str = "", environ: Mapping[str, str] | None = None) -> Whereabouts:
    """Raises NotConfigured when something is missing or no use, Unreachable when this machine's Postroom rests."""
    environ = os.environ if environ is None else environ
    url = (url or environ.get(URL_VARIABLE, "")).strip().rstrip("/")
    key = (key or environ.get(KEY_VARIABLE, "")).strip()
    if url and key:
        return Whereabouts(_checked(url), _checked_key(key))
    here, local_key = _of_this_machine(data_directory(environ))
    if url:
        if url != here or not local_key:
            raise NotConfigured(f"A key for {url} is needed: as an argument, or in {KEY_VARIABLE}.")
        return Whereabouts(_checked(url), local_key)
    if not here:
        if local_key:
            raise Unreachable("Postroom is not running on this machine.")
        raise NotConfigured(f"Say where Postroom is: as an argument, or in {URL_VARIABLE}.")
    return Whereabouts(_checked(here), _checked_key(key or local_key))


def data_directory(environ: Mapping[str, str]) -> Path:
    """Where the Postroom of this machine keeps its data, unless its configuration file names another place."""
    given = environ.get("POSTROOM_DATA", "")
    if given:
        return Path(given).expanduser()
    shared = environ.get("XDG_DATA_HOME", "")
    if shared.startswith("/"):
        return Path(shared, "postroom")
    return Path(environ.get("HOME") or os.path.expanduser("~"), ".local", "share", "postroom")


def _of_this_machine(data: Path) -> tuple[str, str]:
    """Address and key in `local.json`; empty where there is none, no address while Postroom does not run."""
    try:
        found = json.loads((data / "local.json").read_text("utf-8"))
        url, key, pid = found["url"], found["key"], found["pid"]
    except (OSError, ValueError, TypeError, KeyError):
        return "", ""
    if not isinstance(url, str) or not isinstance(key, str) or type(pid) is not int:
        return "", ""
    return url.rstrip("/") if _runs(pid) else "", key


def _runs(pid: int) -> bool:
    """Whether the process that wrote the address is there: after a crash its port may be anybody's, and so the key."""
    try:
        os.kill(pid, 0) if pid > 0 else None
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return pid > 0


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        good = good and not (parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url:
        raise NotConfigured("The address of Postroom has to look like https://mail.example.org:8025")
    return url


def _checked_key(key: str) -> str:
    """The key, unless it could not be one; it is not shown, for it may be a good key with a blot on it."""
    if not _KEY(key):
        raise NotConfigured("The key that was given does not look like a key of Postroom's, like pr_….")
    return key


def is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
