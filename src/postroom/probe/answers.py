"""What ended a conversation without mail, as a `Result`: for the same rules that explain what becomes of mail."""

from __future__ import annotations

from postroom.model.attempt import Failure, Result
from postroom.smtp.client import Lost, LostKind, Phase, Refusal, Reply
from postroom.wire.link import Link

__all__ = ["result_of"]


def result_of(phase: Phase, cause: Reply | Lost | Refusal, link: Link | None = None) -> Result:
    """`link`: the one it was said on; how that ended is told more exactly than a conversation can."""
    if isinstance(cause, Reply):
        return Result(phase.value, cause.code, cause.enhanced or "", cause.text)
    if isinstance(cause, Refusal):
        return Result(phase.value, 0, cause.enhanced or "", cause.text, cause.id)
    if cause.kind is LostKind.UNPROVEN:
        return Result(phase.value, text=cause.detail, failure=Failure.SERVER_UNPROVEN)
    if link is not None and link.gone is not None and cause.detail.startswith(link.gone.detail):
        return Result(phase.value, text=cause.detail, failure=link.gone.failure)
    return Result(phase.value, text=cause.detail, failure=Failure.UNINTELLIGIBLE)
