"""Connectors: ways to a server that can't be reached directly. Made once, chosen by any number of accounts.

A connector only carries: the encryption, its certificate and the login of an account stay between Postroom and the real
server. Its own secret (a password, or for SSH a private key) is not part of it: it is sealed to the connector's host.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["KIND_WORDS", "Agent", "Connector", "ConnectorEvent", "ConnectorKind", "default_connector_port"]


class ConnectorKind(StrEnum):
    """`socks5` and `http` are proxies, `ssh` a jump host, `agent` a program of ours that dials in from elsewhere."""

    SOCKS5 = "socks5"
    HTTP = "http"
    SSH = "ssh"
    AGENT = "agent"


KIND_WORDS = {
    ConnectorKind.SOCKS5: "SOCKS5 proxy",
    ConnectorKind.HTTP: "HTTP proxy",
    ConnectorKind.SSH: "SSH server",
    ConnectorKind.AGENT: "agent",
}
"""What people call the other side of a connector."""

_PORTS = {ConnectorKind.SOCKS5: 1080, ConnectorKind.HTTP: 8080, ConnectorKind.SSH: 22, ConnectorKind.AGENT: 0}


def default_connector_port(kind: ConnectorKind) -> int:
    """The port such a server usually has (SOCKS5: RFC 1928; SSH: RFC 4253); 0 for agents, who dial in themselves."""
    return _PORTS[kind]


@dataclass(frozen=True, slots=True)
class Connector:
    """`host_key`: the SSH server's confirmed key, `[algorithm ]SHA256:…` as ssh-keygen shows it; "" is not confirmed.

    Agents have neither host, port nor user. Times: ms UTC.
    """

    id: int
    tenant_id: int
    name: str
    kind: ConnectorKind
    host: str = ""
    port: int = 0
    user: str = ""
    host_key: str = ""
    has_secret: bool = False
    secret_set_ms: int | None = None
    created_ms: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class Agent:
    """One program that dials in for a connector. Its key is kept as a digest; `prefix` is how people tell keys apart.

    `node`: the process of Postroom that it is connected to since `connected_ms`; that is None when it is not.
    `address`: where it dialled from last. Times: ms UTC.
    """

    id: int
    tenant_id: int
    connector_id: int
    name: str
    prefix: str
    created_ms: int = 0
    node: str = ""
    address: str = ""
    connected_ms: int | None = None
    seen_ms: int | None = None
    revoked_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectorEvent:
    """A line of a connector's log. `trouble`: something is wrong since then."""

    id: int
    tenant_id: int
    connector_id: int
    at_ms: int
    trouble: bool
    text: str
