"""Settings about the DNS and about looking for a domain's mail servers.

A part of the one table (`Settings`), in a module of its own for its length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from postroom.settings import spelling
from postroom.settings.checking import CheckSettings
from postroom.settings.setting import setting
from postroom.settings.spelling import Spelling

__all__ = ["NameServer", "NameServerSettings"]

_AND_PORT = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*))(?::([0-9]{1,5}))?"
)


class NameServer(NamedTuple):
    """A server that is asked about names. `host` is an address."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == 53 else f"{shown}:{self.port}"


def _servers(value: object, base: Path, environ: Mapping[str, str]) -> tuple[NameServer, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise ValueError("is no list of addresses.")
    return tuple(_server(word.strip()) for word in words if word.strip())


def _server(text: str) -> NameServer:
    matched = _AND_PORT.fullmatch(text)
    port = int(matched[3] or 53) if matched is not None else 0
    try:
        host = ip_address((matched[1] or matched[2]) if matched is not None else "")
    except ValueError:
        raise ValueError("holds something that is no address of a name server.") from None
    if not 1 <= port <= 65_535:
        raise ValueError("names a port that there is not (1 to 65535).")
    return NameServer(host.compressed, port)


_NAME_SERVERS = Spelling(
    "list of addresses, with :port where it is not 53",
    '["192.0.2.53", "[2001:db8::53]:5353"]',
    _servers,
    lambda value: ", ".join(map(str, value)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameServerSettings(CheckSettings):
    dns_servers: tuple[NameServer, ...] = setting(
        _NAME_SERVERS,
        (),
        "The name servers that checks of the DNS and the search for mail servers ask. Empty: those of the system. Mail "
        "itself always finds its servers as the system does.",
    )
    dns_seconds: float = setting(
        spelling.duration("s", at_least=0.1), 5.0, "How long one question to them may take, in seconds."
    )
    discovery_autoconfig: bool = setting(
        spelling.SWITCH,
        True,
        "Whether the search for an address's mail server may also ask the web server of its domain (autoconfig).",
    )
    discovery_seconds: float = setting(
        spelling.duration("s", at_least=1.0), 30.0, "How long such a search may take, in seconds."
    )
