"""`/v1/connectors`: the ways to servers that can't be reached directly, and the agents that dial in for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from postroom.errors import BadInput, Fault
from postroom.model.connector import Agent, ConnectorEvent
from postroom.office.connectors import ConnectorView
from postroom.web.api.answers import moment, plain
from postroom.web.api.connector_shapes import AGENT_NAME, TRIAL
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, ref
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, Values, words_of
from postroom.work.connecting import Trial

__all__ = ["router"]

router = APIRouter(prefix="/v1/connectors", tags=["connectors"], route_class=Route)

_EXAMPLE = {"name": "Office proxy", "kind": "socks5", "host": "proxy.example.com", "user": "mail", "secret": "the word"}


def _json(view: ConnectorView) -> dict[str, Any]:
    return plain(view.connector, "x") | {
        "accounts": list(view.accounts),
        "agents": [_agent_json(agent) for agent in view.agents],
        "needs": list(view.needs),
        "trouble": "" if view.trouble is None else view.trouble.text,
        "trouble_at": moment(None if view.trouble is None else view.trouble.at_ms),
        "secret_dropped": view.secret_dropped,
        "accounts_dropped": list(view.accounts_dropped),
    }


def _agent_json(agent: Agent) -> dict[str, Any]:
    return plain(agent, "g", without=("tenant_id", "connector_id")) | {"connected": agent.connected_ms is not None}


def _event_json(event: ConnectorEvent) -> dict[str, Any]:
    return {"at": moment(event.at_ms), "trouble": event.trouble, "text": event.text}


def _trial_json(trial: Trial) -> dict[str, Any]:
    steps = [
        {"step": one.address, "ok": one.failure is None, "words": one.detail, "ms": round(one.ms, 1)}
        for one in trial.steps
    ]
    failure = None if trial.failure is None else trial.failure.value
    return {
        "ok": trial.failure is None,
        "sentence": trial.sentence,
        "failure": failure,
        "steps": steps,
        "host_key": trial.host_key,
    }


@router.get("", **answers(list_of("connectors", "Connector"), "The connectors."))
async def list_connectors(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the connectors"""
    found = await asyncio.wrap_future(desk.office.connectors(actor, tenant))
    return json_answer({"connectors": [_json(view) for view in found]})


@router.post("", **answers(ref("Connector"), "It is made.", status=201, takes=ref("ConnectorValues"), example=_EXAMPLE))
async def create_connector(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a connector

    Accounts choose it by `connector_id`. An `ssh` connector carries nothing before its host key is confirmed: test it,
    compare, and set `host_key`. An `agent` connector needs an agent.
    """
    made = _json(await asyncio.wrap_future(desk.office.create_connector(actor, values, tenant)))
    return json_answer(made, 201, {"location": f"/v1/connectors/{made['id']}"})


@router.get("/{connector}", **answers(ref("Connector"), "The connector."))
async def read_connector(connector: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read a connector, by id or name"""
    return json_answer(_json(await asyncio.wrap_future(desk.office.connector(actor, connector, tenant))))


@router.patch(
    "/{connector}",
    **answers(ref("Connector"), "It is changed.", takes=ref("ConnectorValues"), example={"name": "Proxy"}),
)
async def change_connector(connector: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change a connector

    What is not named stays. Another kind, host, port or user needs the secret again: the old one is deleted, and
    `secret_dropped` says so. Accounts that a trouble of the connector had paused get another try.
    """
    view = await asyncio.wrap_future(desk.office.change_connector(actor, connector, values, tenant))
    return json_answer(_json(view))


@router.delete("/{connector}", **answers_nothing("It is deleted, with its secret and its agents.", conflicts=True))
async def delete_connector(connector: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Delete a connector that no account goes through"""
    await asyncio.wrap_future(desk.office.delete_connector(actor, connector, tenant))
    return Response(status_code=204)


@router.post(
    "/{connector}/test",
    **answers(ref("ConnectorTrial"), "How far it came.", takes=TRIAL, example={}, may_be_empty=True),
)
async def test_connector(
    connector: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues
) -> Response:
    """Try a connector, step by step

    Up to the greeting of the server that `host` and `port` name; without them of one that an account reaches through
    it; without such an account, only the connector itself. Nothing is sent.
    """
    host, port = _place(values)
    return json_answer(_trial_json(await desk.connecting.test(actor, connector, host, port, tenant)))


def _place(values: Mapping[str, Any]) -> tuple[str, int | None]:
    host = words_of({name: value for name, value in values.items() if name != "port"}, {"host": ""})["host"]
    port = values.get("port")
    if port is not None and (type(port) is not int or not 1 <= port <= 65_535):
        raise BadInput([Fault("port", "is not a number from 1 to 65,535.", "Correct the number.")])
    if port is not None and not host:
        raise BadInput([Fault("host", "is missing.", "Give it with the port.")])
    return host, port


@router.get("/{connector}/log", **answers(list_of("events", "ConnectorEvent"), "The log, the newest line first."))
async def read_connector_log(connector: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read what happened to a connector"""
    found = await asyncio.wrap_future(desk.office.connector_log(actor, connector, tenant_id=tenant))
    return json_answer({"events": [_event_json(event) for event in found]})


@router.post(
    "/{connector}/agents",
    **answers(ref("NewAgent"), "It is made.", status=201, takes=AGENT_NAME, example={"name": "cellar"}, conflicts=True),
)
async def create_agent(connector: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make an agent

    `key` is shown this one time. `pin`: what the agent pins, where Postroom's certificate is one that it made itself.
    """
    name = words_of(values, {"name": None})["name"]
    new = await asyncio.wrap_future(desk.office.create_agent(actor, connector, name, tenant))
    pin = await asyncio.to_thread(desk.connecting.pin)
    return json_answer({"key": new.text, "pin": pin} | _agent_json(new.agent), 201)


@router.post("/{connector}/agents/{agent}/revoke", **answers(ref("Agent"), "Its key is refused from now on."))
async def revoke_agent(connector: str, agent: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Revoke an agent's key, by the agent's id or name

    Its connection is ended within seconds.
    """
    revoked = await asyncio.wrap_future(desk.office.revoke_agent(actor, connector, agent, tenant))
    return json_answer(_agent_json(revoked))
