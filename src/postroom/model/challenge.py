"""A question that waits for its answer: what a browser was given, for what, and until when.

It is good once, for a short time, and only for whoever was given its token, of which the SHA-256 is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Asking", "Challenge"]


class Asking(StrEnum):
    """What a challenge is for. An answer to one is none to another."""

    NEW_PASSKEY = "new-passkey"
    PASSKEY = "passkey"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Challenge:
    """`user_id` and `session_id`: whom it was given to, where that is known; `content`: what he was asked. No field is
    secret. Times: ms UTC.
    """

    id: int
    tenant_id: int
    asking: Asking
    expires_ms: int
    content: str
    user_id: int | None = None
    session_id: int | None = None
