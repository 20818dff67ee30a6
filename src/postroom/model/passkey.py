"""Passkeys: keys that a user's device or security key keeps, and that sign in without a password (W3C WebAuthn).

Postroom keeps the public half, the number its device gave it, and how often the device says it was used.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Passkey"]


@dataclass(frozen=True, slots=True)
class Passkey:
    """`name` is what its owner calls it. `backed_up`: its provider keeps copies, so more than one device may have it.
    `transports`: how a browser reaches it, in its own words (`internal`, `usb`, `hybrid` …). No field is secret.
    """

    id: int
    tenant_id: int
    user_id: int
    name: str
    created_ms: int
    used_ms: int | None = None
    backed_up: bool = False
    transports: tuple[str, ...] = ()
