"""A way to a server: what `dial` goes instead of connecting itself, and the words for what is wrong with one.

Four things that look alike to who waits for his mail are kept apart, because four different people mend them: the
connector can't be reached, it refuses us, it may not go there, or the server behind it does not answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from postroom.model.attempt import Failure
from postroom.model.connector import KIND_WORDS, Connector, ConnectorKind
from postroom.secrets import Secret
from postroom.smtp.phase import Phase
from postroom.wire.dial import NoLink, Target
from postroom.wire.guard import AddressGuard, allow_all
from postroom.wire.link import Tried

__all__ = ["Refused", "Station", "no_way"]


@dataclass(frozen=True, slots=True)
class Station:
    """A connector with its secret opened: what is needed to go through it.

    `guard` is asked about the addresses of its host. `discreet`: whoever named that learns nothing of what is not
    public, and reads nothing of what answers there.
    """

    connector: Connector
    secret: Secret | None = field(default=None, repr=False)
    guard: AddressGuard = allow_all
    discreet: bool = False

    @property
    def name(self) -> str:
        return self.connector.name

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return KIND_WORDS[self.connector.kind]

    def step(self, words: str, ms: float, failure: Failure | None = None) -> Tried:
        """A line of the conversation about this connector."""
        return Tried(f"connector {self.name}", failure, words, ms)


@dataclass(frozen=True, slots=True)
class Refused:
    """What ended the way. `why` goes on a sentence that `no_way` begins."""

    failure: Failure
    why: str


_MOST_SHOWN = 255
_SENTENCES = {
    Failure.CONNECTOR_UNREACHABLE: "The connector {name} can't be reached: {why}.",
    Failure.CONNECTOR_ADDRESS: "The connector {name} is not at an address that may be connected to{why}.",
    Failure.CONNECTOR_LOGIN: "The connector {name} refused us: {why}.",
    Failure.CONNECTOR_FORBIDS: "The connector {name} may not reach {host} port {port}: {why}.",
    Failure.CONNECTOR_SERVER: "Behind the connector {name} {host} port {port} can't be reached: {why}.",
    Failure.CONNECTOR_KEY: "The connector {name} {why}.",
    Failure.CONNECTOR_BROKEN: "What answers for the connector {name} is no {kind} as it should be: {why}.",
}


_MENDS = {
    Failure.CONNECTOR_UNREACHABLE: "Check the connector's host and port.",
    Failure.CONNECTOR_ADDRESS: "Correct the connector's host.",
    Failure.CONNECTOR_LOGIN: "Check the connector's user and password.",
    Failure.CONNECTOR_FORBIDS: "Have its administrator allow that.",
    Failure.CONNECTOR_SERVER: "Check the account's host and port.",
    Failure.CONNECTOR_KEY: "Compare the fingerprint before you confirm it.",
    Failure.CONNECTOR_BROKEN: "Check the connector's kind, host and port.",
}
_MENDS_OF_AGENTS = {
    Failure.CONNECTOR_UNREACHABLE: "Check that the agent runs, and what its log says.",
    Failure.CONNECTOR_FORBIDS: "Allow it in the agent's configuration.",
}


def no_way(station: Station, target: Target, refused: Refused, tried: tuple[Tried, ...] = ()) -> NoLink:
    """Why there is no link through this connector, as `dial` tells it."""
    if station.discreet and refused.failure is Failure.CONNECTOR_BROKEN:
        refused = Refused(refused.failure, "it does not speak as one does")
    sentence = _SENTENCES[refused.failure].format(
        name=station.name, kind=station.kind, host=target.shown[:_MOST_SHOWN], port=target.port, why=refused.why
    )
    agents = _MENDS_OF_AGENTS if station.connector.kind is ConnectorKind.AGENT else {}
    mend = agents.get(refused.failure, _MENDS[refused.failure])
    step = station.step(refused.why or "its address is not allowed", 0.0, refused.failure)
    return NoLink(refused.failure, f"{sentence} {mend}", Phase.CONNECT, (*tried, step))
