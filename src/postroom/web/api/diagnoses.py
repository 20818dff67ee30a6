"""`/v1/diagnoses`: every explanation there is, what an answer means, and what was answered that no rule knows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from postroom.errors import BadInput, Fault, NotFound
from postroom.model.account import Account
from postroom.policy.asked import read_asked
from postroom.policy.diagnosis import catalogue
from postroom.policy.family import family
from postroom.policy.mending import change_of
from postroom.policy.rule import Case, Context, Rule, Words
from postroom.policy.rulebook import PHASES
from postroom.policy.translation import told
from postroom.web.api.answers import moment
from postroom.web.api.describing import answers, json_answer, list_of, object_of, ref
from postroom.web.api.login import Reader, SettingsReader, at
from postroom.web.api.requests import At, Chosen, Route, Tongue, Values, words_of

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["insight"], route_class=Route)

_NO_CASE = Case(phase="", code=0, enhanced=None, text="", failure=None, in_doubt=False)
_ASKED = object_of(
    answer={"type": "string", "description": "The server's answer, as it stands in a log: `550 5.1.1 User unknown`."},
    phase={"type": "string", "description": "Where it came, such as auth, mail, rcpt, dot; guessed without it."},
    account={"type": "string", "description": "The account it came through, by id or name."},
    host={"type": "string", "description": "Without an account: the server's name."},
    greeting={"type": "string", "description": "How the server greets, where its name does not tell what it is."},
) | {"required": ["answer"]}
_EXAMPLE = {"answer": "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "phase": "mail"}
_UNKNOWN = Fault(
    "answer",
    "is neither a server's reply nor the word of a local failure.",
    "Paste it from its code on, like 550 5.1.1 User unknown.",
)


@router.get("/diagnoses", **answers(list_of("diagnoses", "Diagnosis"), "All of them."))
async def list_diagnoses(_actor: Reader, tongue: Tongue) -> Response:
    """List every diagnosis

    In the language of Accept-Language, as far as Postroom knows it (English, German); the same words that messages,
    tests and alerts are explained with.
    """
    every = [_rule_json(rule, told(rule, _NO_CASE, Context(), tongue)) for rule in catalogue().rules]
    return json_answer({"diagnoses": every}, headers=_in(tongue))


@router.get("/diagnoses/{diagnosis}", **answers(ref("Diagnosis"), "The diagnosis."))
async def read_diagnosis(diagnosis: str, _actor: Reader, tongue: Tongue) -> Response:
    """Read one diagnosis"""
    rule = catalogue().by_id.get(diagnosis.strip().lower())
    if rule is None:
        raise NotFound("There is no such diagnosis.")
    return json_answer(_rule_json(rule, told(rule, _NO_CASE, Context(), tongue)), headers=_in(tongue))


@router.post("/diagnoses/explain", **answers(ref("Explained"), "What it means.", takes=_ASKED, example=_EXAMPLE))
async def explain_answer(actor: SettingsReader, desk: At, tenant: Chosen, values: Values, tongue: Tongue) -> Response:
    """Explain a server's answer

    As it would be explained if it came through the account. Nothing is sent or changed.
    """
    actor = at(actor, tenant)
    given = words_of(values, {"answer": None, "phase": "", "account": "", "host": "", "greeting": ""})
    faults = []
    if given["phase"] and given["phase"] not in PHASES:
        faults.append(Fault("phase", "is no phase.", f"There are: {', '.join(PHASES)}."))
    result = read_asked(given["answer"], given["phase"])
    if result is None:
        faults.append(_UNKNOWN)
    if faults or result is None:
        raise BadInput(faults)
    account = None
    if given["account"]:
        account = (await asyncio.wrap_future(desk.office.account(actor, given["account"]))).account
    context, case = _context(account, given), Case.of(result)
    rule = catalogue().find(case, context)
    apply = {} if account is None else change_of(rule.apply, account)
    shown = _rule_json(rule, told(rule, case, context, tongue)) | {"apply": apply}
    return json_answer(shown, headers=_in(tongue))


@router.get("/unknown-answers", **answers(list_of("answers", "UnknownAnswer"), "The most frequent first."))
async def list_unknown_answers(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List what servers answered that no rule knows

    Counted by kind of server, phase and codes, without the words. Such answers are explained by their class; tell us of
    those that come often.
    """
    found = await asyncio.wrap_future(desk.reports.unknown_answers(actor, tenant))
    shown = []
    for one in found:
        fields = one._asdict()
        shown.append(fields | {"first_at": moment(fields.pop("first_ms")), "last_at": moment(fields.pop("last_ms"))})
    return json_answer({"answers": shown})


def _context(account: Account | None, given: Mapping[str, str]) -> Context:
    if account is None:
        return Context(family=family(given["host"], given["greeting"]), host=given["host"])
    return Context(
        family=family(account.host, given["greeting"]),
        encryption=account.encryption,
        login=account.login,
        host=account.host,
        port=account.port,
        user=account.user,
        sender=account.sender_address,
    )


def _rule_json(rule: Rule, words: Words) -> dict[str, Any]:
    return {
        "id": rule.id,
        "families": sorted(rule.families),
        "scope": rule.scope.value,
        "severity": rule.severity.value,
        "action": rule.action.value,
        "title": words.title,
        "explanation": words.explanation,
        "remedy": words.remedy,
        "field": rule.field,
        "apply": dict(rule.apply),
        "source": rule.source,
        "as_of": rule.as_of,
        "answers": list(rule.answers),
    }


def _in(tongue: str) -> dict[str, str]:
    return {"content-language": tongue, "vary": "accept-language"}
