"""Connectors: ways to servers that can't be reached directly, tried step by step, and the agents that dial in."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from postroom.errors import PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.connector import Connector, ConnectorKind, default_connector_port
from postroom.office.connectors import ConnectorView
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_
from postroom.work.connecting import Trial

__all__ = ["LABELS", "pages"]

pages = Pages()

KINDS = (
    (ConnectorKind.SOCKS5, N_("SOCKS5 proxy"), N_("Usual with port 1080.")),
    (ConnectorKind.HTTP, N_("HTTP proxy"), N_("One that allows CONNECT; usual with port 8080.")),
    (ConnectorKind.SSH, N_("SSH jump host"), N_("A server that one logs in to by SSH; usual with port 22.")),
    (ConnectorKind.AGENT, N_("Agent"), N_("A program that dials out of a closed network.")),
)  # fmt: skip
_FIELDS = ("name", "kind", "host", "port", "user", "host_key", "secret")
LABELS = {
    "name": N_("Name"),
    "kind": N_("Kind"),
    "host": N_("Server"),
    "port": N_("Port"),
    "user": N_("User name"),
    "host_key": N_("Host key"),
    "secret": N_("Password or private key"),
}


@pages.get("/connectors", Scope.SETTINGS_READ)
async def list_connectors(visit: Visit) -> Response:
    views = await visit.wait(visit.office.connectors(visit.actor, visit.tenant))
    return visit.page("connectors/list.html", views=views, kinds={kind: text for kind, text, _ in KINDS})


@pages.get("/connectors/new", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    return _form(visit, Form.of({"kind": ConnectorKind.SOCKS5}), None)


@pages.post("/connectors/new", Scope.SETTINGS_WRITE)
async def create(visit: Visit) -> Response:
    if visit.form.text("do") == "again":
        return _form(visit, visit.form, None)
    try:
        made = await visit.wait(visit.office.create_connector(visit.actor, _values(visit.form), visit.tenant))
    except PostroomError as error:
        return _form(visit, visit.form.refused(error), None, status=error.status)
    return visit.go(_path(made.connector), visit.say("%(name)s is there. Try it now.", name=made.connector.name))


@pages.get("/connectors/{connector}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    return await _page(visit, await _meant(visit))


@pages.get("/connectors/{connector}/edit", Scope.SETTINGS_WRITE)
async def show_form(visit: Visit) -> Response:
    view = await _meant(visit)
    one = view.connector
    stored = {name: getattr(one, name) for name in _FIELDS if name != "secret"}
    return _form(visit, Form.of(stored | {"port": one.port or ""}), view)


@pages.post("/connectors/{connector}/edit", Scope.SETTINGS_WRITE)
async def change(visit: Visit) -> Response:
    view = await _meant(visit)
    if visit.form.text("do") == "again":
        return _form(visit, visit.form, view)
    try:
        changing = visit.office.change_connector(visit.actor, view.connector.id, _values(visit.form), visit.tenant)
        changed = await visit.wait(changing)
    except PostroomError as error:
        return _form(visit, visit.form.refused(error), view, status=error.status)
    said = visit.say("%(name)s is changed.", name=changed.connector.name)
    if changed.secret_dropped:
        said += " " + visit.say("Its password was typed for another server or user, and has to be typed again.")
    return visit.go(_path(changed.connector), said, "trouble" if changed.secret_dropped else "done")


@pages.post("/connectors/{connector}/test", Scope.SETTINGS_WRITE)
async def test(visit: Visit) -> Response:
    """Every step with what was seen; nothing is sent."""
    view, form = await _meant(visit), visit.form
    host, port = form.text("test_host").strip(), form.text("test_port").strip()
    try:
        number = int(port) if port.isascii() and port.isdigit() and len(port) < _DIGITS else None
        testing = visit.desk.connecting.test(visit.actor, view.connector.id, host, number, visit.tenant)
        trial = await testing
    except PostroomError as error:
        refused = form.refused(error).renamed("port", "test_port").renamed("host", "test_host")
        return await _page(visit, view, form=refused, status=error.status)
    return await _page(visit, await _meant(visit), form=form, trial=trial)


@pages.post("/connectors/{connector}/host-key", Scope.SETTINGS_WRITE)
async def confirm_key(visit: Visit) -> Response:
    """The host key that a test showed and somebody compared."""
    view = await _meant(visit)
    values = {"host_key": visit.form.text("host_key")}
    try:
        await visit.wait(visit.office.change_connector(visit.actor, view.connector.id, values, visit.tenant))
    except PostroomError as error:
        return await _page(visit, view, form=visit.form.refused(error), status=error.status)
    return visit.go(_path(view.connector), visit.say("The host key is confirmed; no other is believed."))


@pages.post("/connectors/{connector}/agents", Scope.SETTINGS_WRITE)
async def add_agent(visit: Visit) -> Response:
    """A new agent; its key is on this one page and nowhere else."""
    view = await _meant(visit)
    try:
        making = visit.office.create_agent(visit.actor, view.connector.id, visit.form.text("agent_name"), visit.tenant)
        made = await visit.wait(making)
    except PostroomError as error:
        form = visit.form.refused(error).renamed("name", "agent_name")
        return await _page(visit, view, form=form, status=error.status)
    pin = await asyncio.to_thread(visit.desk.connecting.pin)
    return visit.page("connectors/new_agent.html", view=view, made=made, pin=pin, back=_path(view.connector))


@pages.post("/connectors/{connector}/agents/{agent}/revoke", Scope.SETTINGS_WRITE)
async def revoke_agent(visit: Visit) -> Response:
    view = await _meant(visit)
    revoking = visit.office.revoke_agent(
        visit.actor, view.connector.id, visit.request.path_params["agent"], visit.tenant
    )
    agent = await visit.wait(revoking)
    return visit.go(_path(view.connector), visit.say("%(name)s is not let in any more.", name=agent.name))


@pages.get("/connectors/{connector}/delete", Scope.SETTINGS_WRITE)
async def ask_delete(visit: Visit) -> Response:
    return _delete_page(visit, await _meant(visit), Form())


@pages.post("/connectors/{connector}/delete", Scope.SETTINGS_WRITE)
async def delete(visit: Visit) -> Response:
    view = await _meant(visit)
    try:
        await visit.wait(visit.office.delete_connector(visit.actor, view.connector.id, visit.tenant))
    except PostroomError as error:
        return _delete_page(visit, view, visit.form.refused(error), status=error.status)
    return visit.go("/connectors", visit.say("%(name)s is deleted.", name=view.connector.name))


def _delete_page(visit: Visit, view: ConnectorView, form: Form, *, status: int = 200) -> Response:
    one = view.connector
    told = []
    if view.accounts:
        told.append(visit.say("These accounts go through it; change them first:") + " " + ", ".join(view.accounts))
    if view.agents:
        told.append(visit.say("Its agents are not let in any more."))
    if one.has_secret:
        told.append(visit.say("Its password goes with it."))
    return visit.page(
        "confirm.html",
        status,
        form=form,
        title=visit.say("Delete %(name)s?", name=one.name),
        sentence=visit.say("It can be restored, without its password and its agents."),
        consequences=told,
        action=visit.url(f"{_path(one)}/delete"),
        save=visit.say("Delete"),
        cancel=visit.url(_path(one)),
    )


async def _page(
    visit: Visit, view: ConnectorView, *, form: Form | None = None, trial: Trial | None = None, status: int = 200
) -> Response:
    log = await visit.wait(visit.office.connector_log(visit.actor, view.connector.id, tenant_id=visit.tenant))
    return visit.page(
        "connectors/show.html",
        status,
        view=view,
        one=view.connector,
        id=encode("x", view.connector.id),
        kind=next(text for kind, text, _ in KINDS if kind is view.connector.kind),
        form=form or Form(),
        trial=trial,
        log=log,
        labels={
            "agent_name": visit.say("Name of the agent"),
            "test_host": visit.say("Server behind it"),
            "test_port": visit.say("Port"),
        },
    )


def _form(visit: Visit, form: Form, view: ConnectorView | None, *, status: int = 200) -> Response:
    return visit.page(
        "connectors/form.html",
        status,
        form=form,
        view=view,
        kinds=[(kind, visit.say(text), visit.say(sentence)) for kind, text, sentence in KINDS],
        ports={kind: default_connector_port(kind) for kind, _, _ in KINDS},
        labels={name: visit.say(text) for name, text in LABELS.items()},
        back=_path(view.connector) if view else "/connectors",
    )


def _values(form: Form) -> dict[str, object]:
    """An agent has neither host, port nor user, whatever the page still held of them."""
    values: dict[str, object] = dict(form.given(*_FIELDS))
    if values.get("kind") == ConnectorKind.AGENT:
        values |= {"host": "", "port": None, "user": "", "secret": ""}
    if values.get("port") == "":
        values["port"] = None
    if values.get("kind") != ConnectorKind.SSH and "kind" in values:
        values["host_key"] = ""
    if not str(values.get("name", "")).strip():
        values.pop("name", None)  # then it is called by its server, or keeps its name
    if not values.get("secret"):
        values.pop("secret", None)
    return values


def _path(connector: Connector) -> str:
    return f"/connectors/{encode('x', connector.id)}"


async def _meant(visit: Visit) -> ConnectorView:
    ref = visit.request.path_params["connector"]
    return await visit.wait(visit.office.connector(visit.actor, ref, visit.tenant))


_DIGITS = 6
