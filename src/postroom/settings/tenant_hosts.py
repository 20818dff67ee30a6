"""The setting `tenant_hosts`: internal servers that the accounts of tenants may use, by network or by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import NamedTuple

from postroom.settings.spelling import Spelling

__all__ = ["TENANT_HOSTS", "TenantHost"]

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z", re.ASCII)


class TenantHost(NamedTuple):
    """Servers that tenants may use besides those of the public internet: a network, or a name whatever it leads to.

    `port`: None for the ports of mail, 0 for any, else this one.
    """

    network: IPv4Network | IPv6Network | None
    name: str = ""
    port: int | None = None

    def __str__(self) -> str:
        host = self.name or str(self.network)
        if self.port is None:
            return host
        return f"{f'[{host}]' if ':' in host else host}:{self.port or '*'}"


def _tenant_hosts(value: object, base: Path, environ: Mapping[str, str]) -> tuple[TenantHost, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise ValueError("is no list of networks and host names.")
    return tuple(_tenant_host(word.strip()) for word in words if word.strip())


_HOST_AND_PORT = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::([0-9]{1,5}|\*))?\Z", re.ASCII)


def _tenant_host(text: str) -> TenantHost:
    if text.count(":") > 1 and "[" not in text:
        text = f"[{text}]"
    matched = _HOST_AND_PORT.match(text)
    if matched is None:
        raise ValueError("holds something that is neither a network nor a host name, with or without :port.")
    host, port = matched[1] or matched[2], {None: None, "*": 0}.get(matched[3], matched[3])
    number = None if port is None else int(port)
    if number is not None and (number > 65_535 or (number == 0 and matched[3] != "*")):
        raise ValueError("names a port that there is not (1 to 65535, or * for any).")
    try:
        return TenantHost(ip_network(host), "", number)
    except ValueError:
        name = host.lower().removesuffix(".")
    if len(name) > 253 or not all(_LABEL.match(label) for label in name.split(".")) or re.search(r"[0-9/]\Z", name):
        raise ValueError("names something that is neither a network like 10.1.0.0/16 nor a host like relay.internal.")
    return TenantHost(None, name, number)


TENANT_HOSTS = Spelling(
    "list of networks and host names, with :port where it is none of mail",
    '["10.1.2.0/24", "relay.internal", "192.0.2.7:2526"]',
    _tenant_hosts,
    lambda value: ", ".join(map(str, value)),
)
