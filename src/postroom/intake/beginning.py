"""What the first event of a message tells: in which state it began, and why; where it came from."""

from __future__ import annotations

import json
from functools import lru_cache

__all__ = ["accepted_detail"]

_MOST_TOLD = 20


@lru_cache(maxsize=64)
def accepted_detail(
    state: str,
    reason: str,
    resend_of: int | None,
    instead_of: tuple[str, ...] = (),
    kept: bool = False,
    origin: tuple[tuple[str, str], ...] = (),
) -> str:
    detail: dict[str, object] = {"state": state, **dict(origin)}
    if reason:
        detail["why"] = reason
    if instead_of:
        detail |= {"guard": "redirected", "instead_of": instead_of[:_MOST_TOLD]}
    if kept:
        detail["guard"] = "silenced"
    if resend_of is not None:
        detail["resend_of"] = resend_of
    return json.dumps(detail)
