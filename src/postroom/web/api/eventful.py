"""Answers as streams of events (server-sent events, HTML living standard, 9.2), for those who accept them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request, Response
from starlette.responses import StreamingResponse

__all__ = ["as_events", "event", "events_answer", "in_language", "wants_events"]

_STREAM = "text/event-stream"


def as_events(told: dict[str, Any], status: str) -> dict[str, Any]:
    """A route's description with the same answer also as a stream of events."""
    told["openapi_extra"]["responses"][status]["content"][_STREAM] = {"schema": {"type": "string"}}
    return told


def wants_events(request: Request) -> bool:
    return _STREAM in request.headers.get("accept", "")


def event(kind: str, document: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(document)}\n\n"


def events_answer(events: AsyncIterator[str], tongue: str) -> Response:
    """Ends with its events, or when the other side hangs up. No proxy may hold it back."""
    headers = {"x-accel-buffering": "no", **in_language(tongue)}
    return StreamingResponse(events, 200, headers, media_type=_STREAM)


def in_language(tongue: str) -> dict[str, str]:
    return {"content-language": tongue, "vary": "accept-language"}
