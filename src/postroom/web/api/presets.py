"""`/v1/presets`: what is known of providers, for whoever sets up an account."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Response

from postroom.policy.presets import presets
from postroom.web.api.describing import answers, json_answer, list_of
from postroom.web.api.login import SettingsReader
from postroom.web.api.requests import Route

__all__ = ["router"]

router = APIRouter(prefix="/v1/presets", tags=["accounts"], route_class=Route)


@router.get("", **answers(list_of("presets", "Preset"), "The providers."))
async def list_presets(actor: SettingsReader) -> Response:
    """List the providers that Postroom knows

    `preset` of an account names one; what is not given with it is filled from here.
    """
    return json_answer({"presets": [asdict(preset) for preset in presets().values()]})
