"""`/v1/accounts/{account}/tests` and `/v1/tests`: testing an account step by step, live or in one answer.

Whoever accepts `text/event-stream` hears each step as it happens (event `step`, its number as the id, then one event
`end`); everybody else gets JSON, and may wait for what is new. The test goes on whoever listens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from postroom import ids
from postroom.clock import iso
from postroom.errors import BadInput, NotFound
from postroom.model.application import Actor
from postroom.model.staged import StagedState, StagedStep, StagedTest
from postroom.policy.staged_words import NAMES, explained, sentence
from postroom.web.api.answers import identity, moment
from postroom.web.api.describing import answers, json_answer, object_of, ref
from postroom.web.api.eventful import as_events, event, events_answer, in_language, wants_events
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.fields import in_json_names
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, TenantQuery, Tongue, Values, chosen
from postroom.web.desk import Desk
from postroom.work.testing import Asked

__all__ = ["router", "test_json"]

router = APIRouter(prefix="/v1", tags=["accounts"], route_class=Route)

_LETTER = "e"
_BEAT_SECONDS = 15.0
_MOST_WAIT_SECONDS = 60.0
_ASKED = object_of(
    to={"type": "string", "description": "Who gets the message; else the address of the user who asks."},
    subject={"type": "string", "description": "Its subject."},
    text={"type": "string", "description": "Its text."},
    values={"type": "object", "description": "Values to test that are not saved, as for changing an account."},
    secret={
        "type": "string",
        "writeOnly": True,
        "description": "The password for these values: no stored one is used.",
    },
    wait={"type": "boolean", "default": False, "description": "Answer when the test is over, with all its steps."},
) | {"required": []}
_EXAMPLE = {"to": "you@example.org"}
_NEW_EXAMPLE = {"to": "you@example.org", "values": {"host": "smtp.example.com", "sender_address": "me@example.com"}}
_FORM = object_of(to={"type": "string"}, subject={"type": "string"}, text={"type": "string"})


def test_json(test: StagedTest, tongue: str) -> dict[str, Any]:
    """A test with the reports that it holds."""
    return _line(test) | {"steps": [_step(test, one, tongue) for one in test.steps]}


def _line(test: StagedTest) -> dict[str, Any]:
    return {
        "id": ids.encode(_LETTER, test.id),
        "account_id": identity("a", test.account_id) if (test.account_id or 0) >= 0 else None,
        "account": test.account,
        "edited": test.edited,
        "state": test.state.value,
        "started_at": moment(test.started_ms),
        "ended_at": moment(test.ended_ms),
        "by": test.by,
        "to": test.to,
        "subject": test.subject,
        "host": test.host,
        "port": test.port,
        "user": test.user,
        "sender": test.sender,
        "mode": test.mode,
        "message_id": identity("m", test.message_id),
    }


def _step(test: StagedTest, step: StagedStep, tongue: str) -> dict[str, Any]:
    return {
        "n": step.n,
        "step": step.step.value,
        "name": NAMES[tongue][step.step],
        "finding": step.finding.value,
        "at": moment(step.at_ms),
        "ms": step.ms,
        "sentence": sentence(step, tongue),
        "said": step.said,
        "answered": step.answered,
        "seen": _facts(step.seen),
        "lines": list(step.lines),
        "diagnosis": _diagnosis(test, step, tongue),
    }


def _facts(value: Any) -> Any:
    """Facts as JSON: times are told as everywhere."""
    if isinstance(value, Mapping):
        return {_named(name): _fact(name, one) for name, one in value.items()}
    return [_facts(one) for one in value] if isinstance(value, list) else value


def _named(name: str) -> str:
    return f"{name[:-3]}_at" if name.endswith("_ms") else name


def _fact(name: str, value: Any) -> Any:
    return iso(value) if name.endswith("_ms") and isinstance(value, int) else _facts(value)


def _diagnosis(test: StagedTest, step: StagedStep, tongue: str) -> dict[str, Any] | None:
    told = explained(test, step, tongue)
    if told is None or step.diagnosis is None:
        return None
    rule = told.rule
    return {
        "id": rule.id,
        "family": step.diagnosis.family,
        "scope": rule.scope.value,
        "severity": rule.severity.value,
        "action": rule.action.value,
        "title": told.title,
        "explanation": told.explanation,
        "remedy": told.remedy,
        "field": rule.field,
        "apply": dict(step.diagnosis.apply),
    }


# -- starting ---------------------------------------------------------------------------------------------------------


@router.post(
    "/accounts/{account}/tests",
    **as_events(
        answers(ref("Test"), "It runs.", status=202, takes=_ASKED, example=_EXAMPLE, may_be_empty=True, conflicts=True),
        "202",
    ),
)
async def start_test(
    account: str,
    actor: SettingsWriter,
    desk: At,
    tenant: Chosen,
    values: OptionalValues,
    tongue: Tongue,
    request: Request,
) -> Response:
    """Test an account, step by step

    Name, connector, connection, encryption, greeting, login, sender, recipient; then a real message on the road that
    all mail takes, whatever the mode is. With `values` it tests what is not saved yet, only with a secret given along.
    Answers with the events for who accepts `text/event-stream`, with `wait` when the test is over, else at once.
    """
    return await _start(request, desk, actor, tenant, account, values, tongue)


@router.post(
    "/tests",
    **as_events(
        answers(ref("Test"), "It runs.", status=202, takes=_ASKED, example=_NEW_EXAMPLE, conflicts=True), "202"
    ),
)
async def start_test_of_values(
    actor: SettingsWriter, desk: At, tenant: Chosen, values: Values, tongue: Tongue, request: Request
) -> Response:
    """Test the values of an account that is not saved

    As the test of an account; nothing is saved by it.
    """
    return await _start(request, desk, actor, tenant, "", values, tongue)


async def _start(
    request: Request, desk: Desk, actor: Actor, tenant: int | None, account: str, values: Mapping[str, Any], tongue: str
) -> Response:
    asked, wait = _asked(account, values)
    try:
        test = await desk.testing.start(actor, asked, tenant)
    except BadInput as error:
        raise in_json_names(error) from None
    if wants_events(request):
        return _stream(desk, actor, test, 0, tenant, tongue)
    if wait:
        while test.state is StagedState.RUNNING:
            test = await desk.testing.news(actor, test.id, len(test.steps), _MOST_WAIT_SECONDS, tenant)
            test = await desk.testing.read(actor, test.id, tenant)
    where = {"location": f"/v1/tests/{ids.encode(_LETTER, test.id)}"}
    return json_answer(test_json(test, tongue), 202, where | in_language(tongue))


def _asked(account: str, values: Mapping[str, Any]) -> tuple[Asked, bool]:
    """Raises BadInput with every fault."""
    faults = Faults()
    known = ("to", "subject", "text", "secret", "values", "wait")
    for name, value in values.items():
        if name not in known:
            faults.unknown("", name, known, {})
        elif name == "values":
            if value is not None and not isinstance(value, dict):
                faults.add(name, f"is {kind_of(value)}, but has to be an object.", 'Write {"host": "…"}.')
        elif name == "wait":
            if not isinstance(value, bool):
                faults.add(name, f"is {kind_of(value)}, but has to be true or false.", "Say true or false.")
        elif value is not None and not isinstance(value, str):
            faults.add(name, f"is {kind_of(value)}, but has to be text.", "Give text in quotes.")
    if not account and not values.get("values"):
        faults.add("values", "is missing.", "Give the values to test; a saved account is tested under its own path.")
    if faults:
        raise BadInput(faults)
    given = {name: values.get(name) or "" for name in ("to", "subject", "text")}
    asked = Asked(account, **given, values=values.get("values") or {}, secret=values.get("secret") or None)
    return asked, values.get("wait") is True


# -- looking ----------------------------------------------------------------------------------------------------------


@router.get(
    "/accounts/{account}/tests",
    **answers(
        object_of(tests={"type": "array", "items": ref("TestLine")}, prefilled=_FORM),
        "The tests of the last days, and what a form for another one begins with (`prefilled`).",
    ),
)
async def list_tests(account: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List an account's tests, the newest first"""
    found = await desk.testing.recent(actor, account, tenant)
    prefilled = await desk.testing.prefilled(actor, account, tenant)
    return json_answer({"tests": [_line(one) for one in found], "prefilled": prefilled})


class _News(TenantQuery):
    after: int = Field(0, ge=0, le=10_000, description="Only reports after this number.")
    wait: float = Field(0.0, ge=0, le=_MOST_WAIT_SECONDS, description="Seconds to wait for a newer report.")


@router.get("/tests/{test}", **answers(ref("Test"), "The test."))
async def read_test(test: str, actor: SettingsReader, desk: At, tenant: Chosen, tongue: Tongue) -> Response:
    """Read a test

    Its steps are told in the language of Accept-Language, as far as Postroom knows it (English, German). Tests are
    kept for two weeks.
    """
    found = await desk.testing.read(actor, _number(test), tenant)
    return json_answer(test_json(found, tongue), headers=in_language(tongue))


@router.get("/tests/{test}/events", **as_events(answers(ref("Test"), "The test, with newer reports only."), "200"))
async def follow_test(
    test: str, actor: SettingsReader, desk: At, tongue: Tongue, request: Request, query: Annotated[_News, Query()]
) -> Response:
    """Follow a test

    As events for who accepts `text/event-stream`; else as JSON, with the reports after the one named, waiting for some
    if asked to.
    """
    tenant, number = chosen(desk, query), _number(test)
    if wants_events(request):
        found = await desk.testing.read(actor, number, tenant)
        return _stream(desk, actor, found, _last_heard(request, query.after), tenant, tongue)
    found = await desk.testing.news(actor, number, query.after, query.wait, tenant)
    return json_answer(test_json(found, tongue), headers=in_language(tongue))


def _number(text: str) -> int:
    number = ids.decode(_LETTER, text)
    if number is None:
        raise NotFound("There is no such test here, or not any more.")
    return number


def _last_heard(request: Request, after: int) -> int:
    """A browser that connects anew says how far it heard."""
    said = request.headers.get("last-event-id", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 6 else after


def _stream(desk: Desk, actor: Actor, test: StagedTest, after: int, tenant: int | None, tongue: str) -> Response:
    return events_answer(_events(desk, actor, test, after, tenant, tongue), tongue)


async def _events(
    desk: Desk, actor: Actor, test: StagedTest, after: int, tenant: int | None, tongue: str
) -> AsyncIterator[str]:
    yield event("test", _line(test))
    while True:
        found = await desk.testing.news(actor, test.id, after, _BEAT_SECONDS, tenant)
        for step in found.steps:
            after = step.n
            yield f"id: {after}\n{event('step', _step(found, step, tongue))}"
        if found.state is not StagedState.RUNNING and not found.steps:
            yield event("end", _line(found))
            return
        if not found.steps:
            yield ": still running\n\n"
