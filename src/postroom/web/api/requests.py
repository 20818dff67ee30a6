"""What the routes of the API take from a request: a JSON object, an id, and only the query they know.

Rules it keeps: a body is bounded and read strictly (see `body`), a query parameter nobody knows is refused, an id that
can't be one is answered like an id of somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi import Query as FromQuery
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from postroom import ids
from postroom.errors import BadInput, Fault, NotFound
from postroom.policy.tongue import preferred
from postroom.web.api.body import declared_length, parse_json, read_body, refuse_other_media
from postroom.web.api.faults import Faults, kind_of
from postroom.web.desk import Desk

__all__ = [
    "At",
    "Chosen",
    "OptionalValues",
    "Query",
    "Route",
    "TenantQuery",
    "Tongue",
    "Values",
    "chosen",
    "flags_of",
    "message_number",
    "query_faults",
    "tenant_number",
    "words_of",
]

_LONGEST_SETTINGS = 1024 * 1024
"""Octets: settings are small; only messages may be long."""


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


async def _at(request: Request) -> Desk:
    return _desk(request)


At = Annotated[Desk, Depends(_at)]


async def _object(request: Request) -> dict[str, Any]:
    value = await _value(request)
    if type(value) is not dict:
        problem = "is missing." if value is None else f"is {kind_of(value)}, but has to be an object."
        raise BadInput([Fault("body", problem, 'Write {"name": value}.')])
    return value


async def _object_or_nothing(request: Request) -> dict[str, Any]:
    value = await _value(request)
    if value is not None and type(value) is not dict:
        raise BadInput([Fault("body", f"is {kind_of(value)}, but has to be an object.", "Or send no body.")])
    return value or {}


async def _value(request: Request) -> Any:
    headers = dict(request.scope["headers"])
    refuse_other_media(headers)
    limit = min(_LONGEST_SETTINGS, _desk(request).settings.max_body_bytes)
    declared_length(headers, limit)
    body = await read_body(request.receive, limit)
    return parse_json(body) if body else None


Values = Annotated[dict[str, Any], Depends(_object)]
"""The JSON object in the body."""
OptionalValues = Annotated[dict[str, Any], Depends(_object_or_nothing)]
"""The JSON object in the body, empty when there is no body."""


def message_number(text: str) -> int:
    """The number behind `m_…`. Raises NotFound, as for an id that belongs to somebody else."""
    number = ids.decode("m", text)
    if number is None:
        raise NotFound("There is no message with this id.")
    return number


def words_of(values: Mapping[str, Any], known: Mapping[str, str | None]) -> dict[str, str]:
    """The texts of a small body. `known`: name → what it is when it is not given; None: it has to be given."""
    faults = Faults()
    for name, value in values.items():
        if name not in known:
            faults.unknown("", name, known, {})
        elif value is not None and not isinstance(value, str):
            faults.add(name, f"is {kind_of(value)}, but has to be text.", "Give text in quotes.")
    for name, default in known.items():
        if default is None and values.get(name) is None:
            faults.add(name, "is missing.", "Give it as text.")
    if faults:
        raise BadInput(faults)
    return {name: values[name] if values.get(name) is not None else default or "" for name, default in known.items()}


def flags_of(values: Mapping[str, Any], known: Sequence[str]) -> dict[str, bool]:
    """What a small body says of these; what it does not name is false."""
    faults = Faults()
    for name, value in values.items():
        if name not in known:
            faults.unknown("", name, known, {})
        elif not isinstance(value, bool):
            faults.add(name, f"is {kind_of(value)}, but has to be true or false.", "Say true or false.")
    if faults:
        raise BadInput(faults)
    return {name: bool(values.get(name, False)) for name in known}


class Query(BaseModel):
    """The root of every query: parameters nobody knows are faults, not shrugs (a misspelt filter would show all)."""

    model_config = ConfigDict(extra="forbid")


class TenantQuery(Query):
    tenant: str = Field("", description="For the installation's administrator: another tenant, by id or name.")


def tenant_number(desk: Desk, text: str) -> int:
    """The number behind `t_…` or a tenant's name. Raises NotFound; whether it may be seen is the office's to say."""
    tenants = desk.office.snapshot.tenants
    number = ids.decode("t", text)
    if number is not None and number in tenants:
        return number
    for tenant in tenants.values():
        if tenant.name == text:
            return tenant.id
    raise NotFound("There is no such tenant here.")


def chosen(desk: Desk, query: TenantQuery) -> int | None:
    """The number of the tenant that the query names, or None. Raises NotFound."""
    return tenant_number(desk, query.tenant) if query.tenant else None


async def _chosen(request: Request, query: Annotated[TenantQuery, FromQuery()]) -> int | None:
    return chosen(_desk(request), query)


async def _tongue(request: Request) -> str:
    return preferred(request.headers.get("accept-language", ""))


Tongue = Annotated[str, Depends(_tongue)]
"""The language of the Accept-Language header, as far as diagnoses are told in it."""

Chosen = Annotated[int | None, Depends(_chosen)]
"""The tenant that is meant; None is the caller's own."""


class Route(APIRoute):
    """A route that takes no query unless it declares one as a `Query`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_none = not _takes_query(self.dependant)

        async def strictly(request: Request) -> Response:
            if takes_none and request.scope["query_string"]:
                raise BadInput(_unknown(request.query_params, ()))
            return await handle(request)

        return strictly


def _takes_query(dependant: Dependant) -> bool:
    return bool(dependant.query_params) or any(_takes_query(one) for one in dependant.dependencies)


def _unknown(names: Iterable[str], known: Sequence[str]) -> Faults:
    faults = Faults()
    for name in names:
        if name not in known:
            faults.unknown("", name, known, {})
    return faults


def query_faults(found: Sequence[Mapping[str, Any]]) -> BadInput:
    """What FastAPI found wrong with a query, in our words."""
    faults = Faults()
    for one in found:
        name = str(one["loc"][-1])
        if one["type"] == "extra_forbidden":
            faults.unknown("", name, (), {})
        else:
            reason = str(one.get("ctx", {}).get("error", "")) or str(one["msg"]).replace("Input should", "should")
            faults.add(name, f"{reason}.", "The documentation at /docs says what this parameter takes.")
    return BadInput(faults)
