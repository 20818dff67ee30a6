"""`/v1/accounts/{account}/certificate`: what the server shows now, and trusting just that."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from postroom.office.trusting import SeenCertificate
from postroom.web.api.accounts import account_json
from postroom.web.api.answers import plain
from postroom.web.api.describing import answers, json_answer, object_of, ref
from postroom.web.api.login import SettingsWriter
from postroom.web.api.requests import At, Chosen, Route, Values, words_of

__all__ = ["router"]

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Route)

_TRUST = object_of(
    fingerprint={"type": "string", "description": "The SHA-256 of the certificate, as it was shown."},
    secret={"type": "string", "writeOnly": True, "description": "The password: the kept one is dropped by this."},
) | {"required": ["fingerprint"]}
_EXAMPLE = {"fingerprint": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef", "secret": "the password"}


def _json(seen: SeenCertificate) -> dict[str, Any]:
    return plain(seen, "") | {"changed": seen.changed}


@router.post("/{account}/certificate", **answers(ref("SeenCertificate"), "What it shows.", conflicts=True))
async def look_at_certificate(account: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Look at the certificate that the server shows now

    On the way that the account's mail takes; nothing but what leads to TLS is said there, and nothing is changed.
    """
    return json_answer(_json(await desk.office.look_at_certificate(actor, account, tenant)))


@router.post(
    "/{account}/certificate/trust",
    **answers(ref("Account"), "It is trusted.", takes=_TRUST, example=_EXAMPLE, conflicts=True),
)
async def trust_certificate(account: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Trust this one certificate

    The server has to show it at this moment. From then on no other is believed: when the server shows another one, the
    account is paused and its mail kept.
    """
    given = words_of(values, {"fingerprint": None, "secret": ""})
    view = await desk.office.trust_certificate(actor, account, given["fingerprint"], given["secret"] or None, tenant)
    return json_answer(account_json(view))
