"""The way over an SSH jump host (RFC 4251 to 4254): one connection, shared by all sessions that go through it.

Rules: nothing is said to a server whose host key was not confirmed, least of all a password; whether the key is the
confirmed one is decided here and by nothing on this machine, so no known_hosts, configuration, agent or key of the
account that runs Postroom plays a part. Who asks while somebody else is just being refused gets the same answer: a
wrong password is tried once, not once for each session.
"""

from __future__ import annotations

import asyncio
from time import monotonic

import asyncssh

from postroom.model.attempt import Failure
from postroom.smtp.reply import printable
from postroom.wire.connectors.channels import refused_channel, through_channel
from postroom.wire.connectors.proxies import not_reached
from postroom.wire.connectors.way import Refused, Station, no_way
from postroom.wire.dial import DialTimeouts, NoLink, Target, reach
from postroom.wire.link import Link, Tried
from postroom.wire.names import host_name

__all__ = ["IDLE_SECONDS", "SshWay"]

IDLE_SECONDS = 60.0
"""How long the connection is kept when nobody goes through it."""
_KEEPALIVE_SECONDS, _KEEPALIVES = 15.0, 3
_KEY_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""In this order, so that a server with several keys always shows the same one."""
_BY_KEY = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


class SshWay:
    """Over one jump host; see `dial.Way`. Close it when the connector is changed or not used any more.

    `offered_key`: the host key that the server showed last, `algorithm SHA256:…`.
    """

    def __init__(self, station: Station) -> None:
        self._station = station
        self._lock = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._tried: tuple[Tried, ...] = ()
        self._failed: tuple[float, Refused | NoLink] | None = None
        self._users = 0
        self.offered_key = ""
        self._idle: asyncio.TimerHandle | None = None

    async def open(self, target: Target, timeouts: DialTimeouts, ends: float) -> Link | NoLink:
        station = self._station
        name = host_name(target.host)
        if name is None:
            return no_way(station, target, Refused(Failure.CONNECTOR_SERVER, "this is no host name"))
        for attempt in (1, 2):
            connection = await self._connected(timeouts, ends)
            if isinstance(connection, NoLink):
                return not_reached(station, target, connection)
            if isinstance(connection, Refused):
                return no_way(station, target, connection, self._tried)
            link = await self._through(connection, target, name, ends, timeouts)
            if link is not None:
                return link
            if attempt == 1 and self._connection is connection:
                self._connection = None  # a kept connection that turned out to be dead: a fresh one is worth a try
        return no_way(station, target, Refused(Failure.CONNECTOR_BROKEN, "it closed the connection"), self._tried)

    async def probe(self, timeouts: DialTimeouts, ends: float) -> tuple[Tried, ...] | NoLink:
        """Whether the jump host can be reached, is the right one, and lets us in."""
        connector = self._station.connector
        host = Target(connector.host, connector.port)
        connection = await self._connected(timeouts, ends)
        if isinstance(connection, NoLink):
            return not_reached(self._station, host, connection)
        if isinstance(connection, Refused):
            return no_way(self._station, host, connection, self._tried)
        return self._tried

    async def close(self) -> None:
        """Ends the connection, with all that still goes over it."""
        self._rest_no_more()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            await connection.wait_closed()

    async def _through(
        self, connection: asyncssh.SSHClientConnection, target: Target, name: str, ends: float, timeouts: DialTimeouts
    ) -> Link | NoLink | None:
        """None: the connection was dead."""
        began = monotonic()
        shown = f"{target.shown}:{target.port}"
        link = Link(None, name, f"{self._station.connector.host} for {shown}", block=timeouts.block)
        self._users += 1
        self._rest_no_more()
        try:
            async with asyncio.timeout(max(ends - began, 0.001)):
                await through_channel(connection, name, target.port, link, self._left)
        except asyncssh.ChannelOpenError as error:
            if connection.is_closed():
                return None
            return no_way(self._station, target, refused_channel(error), self._tried)
        except TimeoutError:
            late = Refused(Failure.CONNECTOR_SERVER, "nothing came back in time")
            return no_way(self._station, target, late, self._tried)
        except (asyncssh.Error, OSError):
            return None
        step = self._station.step(f"the way to {target.shown} port {target.port} is open", (monotonic() - began) * 1000)
        link.tried = (*self._tried, step)
        return link

    # -- the shared connection --------------------------------------------------------------------------------------

    async def _connected(self, timeouts: DialTimeouts, ends: float) -> asyncssh.SSHClientConnection | Refused | NoLink:
        asked = monotonic()
        async with self._lock:
            if self._connection is not None and not self._connection.is_closed():
                return self._connection
            if self._failed is not None and self._failed[0] >= asked:
                return self._failed[1]
            connection = await self._connect(timeouts, ends)
            if isinstance(connection, (Refused, NoLink)):
                self._failed = (monotonic(), connection)
                return connection
            self._connection, self._failed = connection, None
            return connection

    async def _connect(self, timeouts: DialTimeouts, ends: float) -> asyncssh.SSHClientConnection | Refused | NoLink:
        connector = self._station.connector
        self._tried = ()
        host = Target(connector.host, connector.port)
        reached = await reach(host, timeouts, ends, self._station.guard, self._station.discreet)
        if isinstance(reached, NoLink):
            return reached
        (sock, _), self._tried = reached
        client = _Client(connector.host_key)
        began = monotonic()
        try:
            async with asyncio.timeout(max(ends - began, 0.001)):
                connection = await asyncssh.connect(
                    connector.host,
                    connector.port,
                    sock=sock,
                    client_factory=lambda: client,
                    server_host_key_algs=_algorithms(connector.host_key),
                    **_NOTHING_OF_THIS_MACHINE,
                    **_credentials(self._station),
                )
        except BaseException as error:
            self.offered_key = client.offered
            sock.close()
            refused = _refused(error, client, connector.host_key)
            if refused is None:
                raise
            return refused
        self.offered_key = client.offered
        ms = (monotonic() - began) * 1000
        words = f"the host key {client.offered} is the confirmed one, and it let {connector.user} in"
        self._tried = (*self._tried, self._station.step(words, ms))
        return connection

    def _left(self) -> None:
        self._users -= 1
        if self._users == 0 and self._connection is not None:
            self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._rest)

    def _rest(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _rest_no_more(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


_NOTHING_OF_THIS_MACHINE: dict[str, object] = {
    "known_hosts": ([], [], []),
    "config": [],
    "agent_path": None,
    "gss_host": None,
    "x509_trusted_certs": None,
    "keepalive_interval": _KEEPALIVE_SECONDS,
    "keepalive_count_max": _KEEPALIVES,
}


class _Client(asyncssh.SSHClient):
    """Knows the server by its confirmed key. `offered`: the key that it showed, `algorithm SHA256:…`."""

    def __init__(self, confirmed: str) -> None:
        self._confirmed = confirmed.rpartition(" ")[2]
        self.offered = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        fingerprint = key.get_fingerprint()
        self.offered = f"{key.get_algorithm()} {fingerprint}"
        return fingerprint == self._confirmed


def _algorithms(host_key: str) -> list[str]:
    """What the confirmed key is good for comes first: a server that has got another key besides still shows it."""
    kind = host_key.partition(" ")[0]
    first = _BY_KEY.get(kind, (kind,) if kind in _KEY_ALGORITHMS else ())
    return [*first, *(one for one in _KEY_ALGORITHMS if one not in first)]


def _credentials(station: Station) -> dict[str, object]:
    """Raises asyncssh.KeyImportError for a private key that can't be read."""
    secret = station.secret.reveal() if station.secret is not None else ""
    user = station.connector.user
    if secret.startswith("-----BEGIN"):
        key = asyncssh.import_private_key(secret)
        return {"username": user, "client_keys": [key], "password": None, "preferred_auth": "publickey"}
    methods = "password,keyboard-interactive" if secret else "none"
    return {"username": user, "client_keys": None, "password": secret or None, "preferred_auth": methods}


def _refused(error: BaseException, client: _Client, confirmed: str) -> Refused | None:
    """What an attempt to connect ended with; None for what is no failure of the other side."""
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return Refused(Failure.CONNECTOR_KEY, _key_words(client.offered, confirmed))
    if isinstance(error, asyncssh.PermissionDenied):
        return Refused(Failure.CONNECTOR_LOGIN, "the SSH server does not accept this user with this password or key")
    if isinstance(error, asyncssh.KeyImportError):
        why = "the private key can't be read; it has to be without a passphrase, for it is kept sealed here"
        return Refused(Failure.CONNECTOR_LOGIN, why)
    if isinstance(error, asyncssh.ConnectionLost):
        return Refused(Failure.CONNECTOR_BROKEN, "it closed the connection")
    if isinstance(error, TimeoutError):
        return Refused(Failure.CONNECTOR_UNREACHABLE, "it took the connection, but did not answer in time")
    if isinstance(error, (asyncssh.Error, OSError, ValueError)):
        said = printable(str(error))[:200].rstrip(".")
        return Refused(Failure.CONNECTOR_BROKEN, said or "it closed the connection")
    return None


def _key_words(offered: str, confirmed: str) -> str:
    if not confirmed:
        return f"has no confirmed host key yet; the server shows {offered or 'none that is known here'}"
    shown = f"shows another host key than the confirmed one: {offered or 'none that is known here'}"
    return f"{shown}; confirmed was {confirmed}"
