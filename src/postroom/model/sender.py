"""Senders: the addresses mail may leave from, each with its own reply addresses and, where wished, its own account."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sender"]


@dataclass(frozen=True, slots=True)
class Sender:
    """An empty string or None is inherited from the account, then the tenant."""

    id: int
    tenant_id: int
    address: str
    name: str = ""
    reply_to: str = ""
    return_path: str = ""
    confirmation_address: str = ""
    account_id: int | None = None
    paused_reason: str = ""
    created_ms: int = 0
    version: int = 1
