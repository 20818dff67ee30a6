"""The office's verbs for agents: a key for each, shown once; knowing one by it; where each is connected."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Conflict, NotFound, Unauthenticated
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.connector import Agent, Connector, ConnectorKind
from postroom.office import fields
from postroom.office.changes import Ref, number_of, require, tenant_for
from postroom.office.connectors import ConnectorVerbs, found_connector
from postroom.office.fields import Reading
from postroom.sentence import Sentence
from postroom.store import agents, connectors

__all__ = ["AgentVerbs", "NewAgent"]

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_KEY = re.compile(r"pa_([0-9a-z]{8})_[A-Za-z0-9_-]{43}")
_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class NewAgent:
    """The only time an agent's key is known. Show it once; it can't be asked for again."""

    text: str = field(repr=False)
    agent: Agent


class AgentVerbs(ConnectorVerbs):
    def create_agent(self, actor: Actor, ref: Ref, name: object, tenant_id: int | None = None) -> Future[NewAgent]:
        """One more agent for a connector. Raises Conflict for another kind of connector, BadInput for the name."""
        require(actor, Scope.SETTINGS_WRITE)
        number, moment, agent_id = tenant_for(actor, tenant_id), now_ms(), self._store.ids.next()
        reading = Reading()
        reading.take("name", fields.name, name)
        wanted: str = reading.close()["name"]
        prefix = "".join(secrets.choice(_LETTERS) for _ in range(8))
        text = f"pa_{prefix}_{secrets.token_urlsafe(32)}"

        def work(connection: Connection) -> NewAgent:
            connector = found_connector(connection, number, ref)
            if connector.kind is not ConnectorKind.AGENT:
                raise Conflict(Sentence("{connector} is no connector for agents.", connector=connector.name))
            for present in agents.of_connector(connection, number, connector.id):
                if present.name.casefold() == wanted.casefold():
                    if present.revoked_ms is None:
                        raise Conflict("It has an agent of this name already. Revoke that one first.")
                    agents.remove(connection, number, present.id)
            agent = Agent(agent_id, number, connector.id, wanted, prefix, moment)
            agents.create(connection, agent, _digest(text))
            told = {"connector": connector.name, "prefix": prefix}
            self._note(connection, actor, Entry(number, "agent.created", moment, agent_id, wanted, after=told))
            return NewAgent(text, agent)

        return self._change(work, actor)

    def revoke_agent(self, actor: Actor, ref: Ref, agent_ref: Ref, tenant_id: int | None = None) -> Future[Agent]:
        """Its key is refused from now on, and its connection ended within seconds. Twice is no error."""
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> Agent:
            connector = found_connector(connection, number, ref)
            agent = _found_agent(connection, connector, agent_ref)
            if agents.revoke(connection, number, agent.id, moment):
                entry = Entry(number, "agent.revoked", moment, agent.id, agent.name, after={"revoked_ms": moment})
                self._note(connection, actor, entry)
            return replace(agent, revoked_ms=agent.revoked_ms or moment)

        return self._change(work, actor)

    # -- for the door through which agents come ---------------------------------------------------------------------

    def authenticate_agent(self, text: str) -> Future[tuple[Connector, Agent]]:
        """Whose key this is. Raises Unauthenticated, in the same words for whatever is wrong with it."""
        presented = _digest(text)
        shaped = _KEY.fullmatch(text)
        prefix = shaped.group(1) if shaped else ""

        def work(connection: Connection) -> tuple[Connector, Agent]:
            known = agents.known(connection, prefix)
            right = hmac.compare_digest(presented, _NOBODY if known is None else known.digest)
            connector = None if known is None else connectors.get(
                connection, known.agent.tenant_id, known.agent.connector_id
            )  # fmt: skip
            if known is None or not right or not shaped or connector is None or known.agent.revoked_ms is not None:
                raise Unauthenticated("the key is not valid, or was revoked")
            return connector, known.agent

        return self._store.read(work)

    def agent_joined(self, agent: Agent, address: str) -> Future[None]:
        moment, node = now_ms(), self._store.worker
        return self._store.write(lambda c: agents.joined(c, agent, node, address, moment))

    def agent_left(self, agent: Agent) -> Future[None]:
        moment, node = now_ms(), self._store.worker
        return self._store.write(lambda c: agents.left(c, agent, node, moment))

    def no_agents_here(self) -> Future[None]:
        """At the start and the end of a process. Where there is only one, no agent is connected to any other."""
        node = None if self._store.sqlite else self._store.worker
        return self._store.write(lambda c: agents.left_all(c, node))

    def agents_elsewhere(self) -> Future[frozenset[int]]:
        """The connectors that have an agent at another living process."""
        return self._store.read(lambda c: agents.elsewhere(c, self._store.worker))

    def still_wanted(self, present: list[Agent]) -> Future[frozenset[int]]:
        """The ids of those agents that were neither revoked nor deleted meanwhile."""

        def work(connection: Connection) -> frozenset[int]:
            found = [agents.get(connection, one.tenant_id, one.id) for one in present]
            return frozenset(one.id for one in found if one is not None and one.revoked_ms is None)

        return self._store.read(work)


def _digest(text: str) -> bytes:
    """SHA-256: enough for 256 random bits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _found_agent(connection: Connection, connector: Connector, ref: Ref) -> Agent:
    number = number_of("g", ref)
    for agent in agents.of_connector(connection, connector.tenant_id, connector.id):
        if agent.id == number or (isinstance(ref, str) and ref.strip() in (agent.name, agent.prefix)):
            return agent
    raise NotFound("This connector has no such agent.")
