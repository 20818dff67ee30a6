"""The ways through connectors that this process uses: which one an account goes, what is kept open for it, who dialled
in, and what is to be told of each.

A connector in trouble is told once, in the mail log and in its own log, and once more when it works again. Connections
to jump hosts are shared by all accounts; agents are used by the process they are connected to, and another process
leaves their accounts' mail to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from postroom.agent.needs import ssh_missing
from postroom.errors import BadInput, Fault, PostroomError
from postroom.maillog import MailLog
from postroom.model.account import Account
from postroom.model.application import Actor
from postroom.model.attempt import Failure
from postroom.model.connector import Connector, ConnectorKind
from postroom.office import Office
from postroom.office.changes import Ref
from postroom.settings import Settings
from postroom.smtp.phase import Phase
from postroom.smtp.reply import printable
from postroom.wire.connectors.proxies import ProxyWay
from postroom.wire.connectors.way import Refused, Station, no_way
from postroom.wire.dial import DialTimeouts, NoLink, Target, Way
from postroom.wire.guard import guard_for_connector
from postroom.wire.link import Gone, Link, Tried

if TYPE_CHECKING:
    from postroom.wire.connectors.hub import Hub, LiveAgent
    from postroom.wire.connectors.ssh import SshWay

__all__ = ["Connecting", "Trial"]

_GREETING_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_NEEDS_SSH = frozenset({ConnectorKind.SSH, ConnectorKind.AGENT})


@dataclass(frozen=True, slots=True)
class Trial:
    """What a test of a connector showed. `host_key`: what an SSH server showed. `failure` is None when it works."""

    sentence: str
    steps: tuple[Tried, ...]
    failure: Failure | None = None
    host_key: str = ""


class Connecting:
    """`woken` is called with the ids of accounts whose way may be better than a moment ago."""

    def __init__(self, office: Office, settings: Settings, log: MailLog) -> None:
        self.woken: Callable[[int], None] = lambda account_id: None
        self._office = office
        self._log = log
        self._settings = settings
        self._timeouts = DialTimeouts().scaled(settings.smtp_timeout_scale)
        self._hub: Hub | None = None
        self._jumps: dict[int, tuple[Connector, SshWay]] = {}
        self._said: dict[int, str] = {}
        self._elsewhere: frozenset[int] = frozenset()
        self._versions: dict[int, int] = {}
        self._closing: set[asyncio.Task[None]] = set()
        office.way_of = self.way_of
        office.quiet_way_of = partial(self.way_of, quiet=True)

    # -- ways -------------------------------------------------------------------------------------------------------

    def way_of(self, account: Account, *, quiet: bool = False) -> Way | None:
        """How to come to the account's server; None is directly. `quiet`: nothing is told of how it goes."""
        if account.connector_id is None:
            return None
        connector = self._office.snapshot.connectors.get(account.connector_id)
        if connector is None or connector.tenant_id != account.tenant_id:
            sentence = "The account's connector is not there any more. Choose another one, or none."
            return _NoWay(NoLink(Failure.CONNECTOR_UNREACHABLE, sentence, Phase.CONNECT))
        way: Way = self._way(connector, kept=True)
        return way if quiet else _Watched(self, connector, way)

    def elsewhere(self, account: Account) -> bool:
        """Whether another process has an agent for this account's connector, and this one has not."""
        number = account.connector_id
        if number is None or number not in self._elsewhere:
            return False
        return self._hub is None or not self._hub.live(number)

    def _way(self, connector: Connector, *, kept: bool) -> ProxyWay | SshWay | Any:
        try:
            guard = guard_for_connector(connector, self._settings.tenant_hosts)
            station = Station(connector, self._office.open_connector_secret(connector), guard, guard.discreet)
        except PostroomError as error:
            why = error.text[:1].lower() + error.text[1:].removesuffix(".")
            return _Unusable(Station(connector), Refused(Failure.CONNECTOR_LOGIN, why))
        if connector.kind in _NEEDS_SSH and (why := ssh_missing()):
            return _Unusable(station, Refused(Failure.CONNECTOR_UNREACHABLE, why))
        if connector.kind is ConnectorKind.AGENT:
            return self.hub.way(station)
        if connector.kind is ConnectorKind.SSH:
            return self._jump(station) if kept else _new_jump(station)
        return ProxyWay(station)

    def _jump(self, station: Station) -> SshWay:
        known = self._jumps.get(station.connector.id)
        if known is not None and known[0] == station.connector:
            return known[1]
        if known is not None:
            self.spawn(known[1].close())
        jump = _new_jump(station)
        self._jumps[station.connector.id] = (station.connector, jump)
        return jump

    # -- agents -----------------------------------------------------------------------------------------------------

    @property
    def hub(self) -> Hub:
        """Where agents are; needs asyncssh."""
        if self._hub is None:
            from postroom.wire.connectors.hub import Hub

            self._hub = Hub(self._settings.agent_silence_seconds)
        return self._hub

    async def joined(self, connector: Connector, live: LiveAgent) -> None:
        """An agent is here. A former connection of the same one is over, whether it knows that or not."""
        for other in self.hub.live(connector.id):
            if other is not live and other.agent.id == live.agent.id:
                other.connection.abort()
        await asyncio.wrap_future(self._office.agent_joined(live.agent, live.address))
        self._log.agent_joined(connector.name, live.agent.name, live.address)
        await self.note(connector.id, f"The agent {live.agent.name} connected from {live.address}.", trouble=False)
        self._wake_users(connector.id)

    async def left(self, connector: Connector, live: LiveAgent) -> None:
        """An agent is gone."""
        self.hub.forget(live)
        present = self.hub.live(connector.id)
        if any(other.agent.id == live.agent.id for other in present):
            return
        await asyncio.wrap_future(self._office.agent_left(live.agent))
        self._log.agent_left(connector.name, live.agent.name)
        next_one = f" {present[0].agent.name} takes over." if present else " No other one is connected."
        await self.note(connector.id, f"The agent {live.agent.name} is gone.{next_one}", trouble=not present)

    def pin(self) -> str:
        """What agents may pin: the SHA-256 of the self-signed certificate; "" where the operator gave a certificate,
        which its authority vouches for, and where none is made yet."""
        if self._settings.origins.get("smtp_certificate", "default") != "default":
            return ""
        try:
            found = _CERTIFICATE.search(self._settings.smtp_certificate.read_text("ascii"))
            return "" if found is None else hashlib.sha256(ssl.PEM_cert_to_DER_cert(found[0])).hexdigest()
        except (OSError, ValueError):
            return ""

    # -- what is told -----------------------------------------------------------------------------------------------

    def tell(self, connector: Connector, outcome: Link | NoLink) -> None:
        """Somebody went this way, or tried to."""
        if isinstance(outcome, Link):
            if self._said.pop(connector.id, None) is not None:
                self._log.connector_works(connector.name)
                self.spawn(self.note(connector.id, "It works again.", trouble=False))
        elif outcome.detail != self._said.get(connector.id):
            self._said[connector.id] = outcome.detail
            self._log.connector_trouble(connector.name, outcome.detail)
            self.spawn(self.note(connector.id, outcome.detail, trouble=True))

    async def note(self, connector_id: int, text: str, *, trouble: bool) -> None:
        try:
            await asyncio.wrap_future(self._office.note_connector(connector_id, text, trouble=trouble))
        except Exception as error:  # its own log is not worth more than the mail that goes through it
            self._log.store_trouble(str(error))

    # -- testing ----------------------------------------------------------------------------------------------------

    async def test(
        self, actor: Actor, ref: Ref, host: str = "", port: int | None = None, tenant_id: int | None = None
    ) -> Trial:
        """Tries a connector, afresh and step by step: up to the greeting of the server named, else of one that an
        account reaches through it, else only the connector itself. Raises NotFound, BadInput."""
        if host and port is None:
            raise BadInput([Fault("port", "is missing.", "Give it with the host, like 587.")])
        view = await asyncio.wrap_future(self._office.connector(actor, ref, tenant_id))
        connector = view.connector
        target = self._target(connector, host, port)
        way = self._way(connector, kept=False)
        ends = monotonic() + self._timeouts.total
        try:
            if target is None:
                steps = await way.probe(self._timeouts, ends)
                trial = _probed(connector, steps)
            else:
                link = await way.open(target, self._timeouts, ends)
                trial = await _heard(connector, target, link)
            return _with_key(trial, getattr(way, "offered_key", ""))
        finally:
            if hasattr(way, "close"):
                await way.close()

    def _target(self, connector: Connector, host: str, port: int | None) -> Target | None:
        if host and port is not None:
            return Target(host, port)
        users = [one for one in self._office.snapshot.accounts.values() if one.connector_id == connector.id]
        return Target(users[0].host, users[0].port) if users else None

    # -- the clock's work, and the end ------------------------------------------------------------------------------

    async def look_after(self, *, alone: bool) -> None:
        """Now and then: ends what was revoked or changed, looks what other processes have. `alone`: there are none."""
        present = self._office.snapshot.connectors
        for number, (connector, jump) in list(self._jumps.items()):
            if present.get(number) != connector:
                del self._jumps[number]
                await jump.close()
        versions = {number: connector.version for number, connector in present.items()}
        changed = [number for number, version in versions.items() if self._versions.get(number, version) != version]
        self._versions = versions
        for number in changed:
            self._wake_users(number)
        if self._hub is not None:
            await self._dismiss(self._hub)
        if not alone:
            self._elsewhere = await asyncio.wrap_future(self._office.agents_elsewhere())

    async def _dismiss(self, hub: Hub) -> None:
        agents = hub.agents()
        if agents:
            wanted = await asyncio.wrap_future(self._office.still_wanted(agents))
            hub.dismiss(lambda agent: agent.id not in wanted)

    async def close(self) -> None:
        jumps, self._jumps = self._jumps, {}
        for _, jump in jumps.values():
            await jump.close()
        if self._hub is not None:
            self._hub.close()
        if self._closing:
            _, late = await asyncio.wait(self._closing, timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _wake_users(self, connector_id: int) -> None:
        for account in list(self._office.snapshot.accounts.values()):
            if account.connector_id == connector_id:
                self.woken(account.id)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs it beside everything else; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


@dataclass(frozen=True, slots=True)
class _NoWay:
    """Stands in for a way: says why there is none."""

    why: NoLink

    async def open(self, target: Target, timeouts: DialTimeouts, ends: float) -> Link | NoLink:
        return self.why


@dataclass(frozen=True, slots=True)
class _Unusable:
    """A connector that can't even be tried."""

    station: Station
    why: Refused

    async def open(self, target: Target, timeouts: DialTimeouts, ends: float) -> Link | NoLink:
        return no_way(self.station, target, self.why)

    async def probe(self, timeouts: DialTimeouts, ends: float) -> tuple[Tried, ...] | NoLink:
        return no_way(self.station, Target("", 0), self.why)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A way of which is told how it goes."""

    connecting: Connecting
    connector: Connector
    way: Way

    async def open(self, target: Target, timeouts: DialTimeouts, ends: float) -> Link | NoLink:
        outcome = await self.way.open(target, timeouts, ends)
        self.connecting.tell(self.connector, outcome)
        return outcome


def _new_jump(station: Station) -> SshWay:
    from postroom.wire.connectors.ssh import SshWay

    return SshWay(station)


def _probed(connector: Connector, steps: tuple[Tried, ...] | NoLink) -> Trial:
    if isinstance(steps, NoLink):
        return Trial(steps.detail, steps.tried, steps.failure)
    words = "Name a server's host and port to try the whole way."
    return Trial(f"The connector {connector.name} answers. {words}", steps)


async def _heard(connector: Connector, target: Target, link: Link | NoLink) -> Trial:
    """The last step: what the server behind says first. Only a mail server's words are repeated."""
    if isinstance(link, NoLink):
        return Trial(link.detail, link.tried, link.failure)
    began = monotonic()
    came = await link.read(_GREETING_SECONDS)
    ms = (monotonic() - began) * 1000
    link.close()
    shown = f"{target.shown} port {target.port}"
    if isinstance(came, Gone) and came.failure is Failure.TIMEOUT:
        words = "says nothing, as servers do that expect TLS from the start"
    elif isinstance(came, Gone):
        words = "took the connection and closed it at once"
    elif came.startswith(b"220"):
        words = f"greets: {printable(came.splitlines()[0].decode('utf-8', 'replace'))[:200]}"
    else:
        words = "answers, but not as a mail server does"
    step = Tried(shown, None, words, ms)
    return Trial(f"The way works: through the connector {connector.name}, {shown} {words}.", (*link.tried, step))


def _with_key(trial: Trial, host_key: str) -> Trial:
    return Trial(trial.sentence, trial.steps, trial.failure, host_key) if host_key else trial
