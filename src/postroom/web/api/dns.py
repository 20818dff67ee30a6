"""`/v1/dns-checks`: what receivers find in the DNS about a sender whose mail leaves through an account."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from postroom.model.dns import DnsCheck, Finding
from postroom.policy.sentences import tell
from postroom.web.api.answers import plain
from postroom.web.api.describing import answers, json_answer, list_of, object_of, ref
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, Tongue, Values, words_of

__all__ = ["router"]

router = APIRouter(prefix="/v1/dns-checks", tags=["dns"], route_class=Route)

_RECIPIENT = object_of(address={"type": "string", "description": "An address, or its domain."})
_EXAMPLE = {"sender": "news@example.com", "addresses": ["192.0.2.25"]}


def _json(check: DnsCheck, language: str) -> dict[str, Any]:
    findings = [_finding_json(one, language) for one in check.findings]
    return plain(check, "", without=["findings"]) | {"findings": findings}


def _finding_json(finding: Finding, language: str) -> dict[str, Any]:
    """Its id is a word and no number."""
    words = {name: tell(getattr(finding, name), language) for name in ("title", "what", "mend")}
    return {"id": finding.id} | plain(finding, "", without=["id"]) | words


@router.get("", **answers(list_of("dns_checks", "DnsCheck"), "The latest of each sender and account."))
async def list_dns_checks(actor: SettingsReader, desk: At, tenant: Chosen, tongue: Tongue) -> Response:
    """List what was last found in the DNS

    One result for each sender and account that were looked at; nothing is asked by this. Told in the language of
    Accept-Language, as far as Postroom knows it (English, German).
    """
    found = await asyncio.wrap_future(desk.office.dns_checks(actor, tenant))
    return json_answer({"dns_checks": [_json(check, tongue) for check in found]})


@router.post(
    "",
    **answers(
        ref("DnsCheck"), "What was found.", takes=ref("DnsCheckValues"), example=_EXAMPLE, may_be_empty=True, slows=True
    ),
)
async def check_dns(
    actor: SettingsWriter, desk: At, tenant: Chosen, tongue: Tongue, values: OptionalValues
) -> Response:
    """Look into the DNS for a sender and an account

    SPF, DKIM, DMARC and their alignment, for mail as it would leave: after rewriting, with the return path that the
    settings give. Each finding says what to do, with the record to set. What can't be known from here is said as such.
    The result is kept and takes the place of the last one. It may take half a minute.
    """
    return json_answer(_json(await desk.office.check_dns(actor, values, tenant), tongue))


@router.post(
    "/recipient",
    **answers(
        ref("DnsFinding"), "What was found.", takes=_RECIPIENT, example={"address": "ann@example.org"}, slows=True
    ),
)
async def check_recipient(actor: SettingsWriter, desk: At, tenant: Chosen, tongue: Tongue, values: Values) -> Response:
    """See whether a recipient's domain takes mail at all

    By its MX records, a null MX (RFC 7505) among them. Whether the mailbox exists, only its server knows.
    """
    address = words_of(values, {"address": None})["address"]
    return json_answer(_finding_json(await desk.office.check_recipient(actor, address, tenant), tongue))
