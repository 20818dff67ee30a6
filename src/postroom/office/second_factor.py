"""The second factor: codes that change with time (TOTP, RFC 6238), and recovery codes for a lost telephone.

Codes have six digits, a step has 30 seconds, HMAC is SHA-1: what every authenticator app understands. One step before
and after is taken as well (RFC 6238 section 5.2), each step once only. The secret is kept sealed to its user.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote

from sqlalchemy import Connection

from postroom.model.person import User
from postroom.secrets import KeyRing, SealedTo
from postroom.store import users

__all__ = [
    "accepted_step",
    "address_for_apps",
    "code_at",
    "new_recovery_codes",
    "new_secret",
    "recovery_digest",
    "reseal_second_factors",
    "sealed_to",
]

STEP_SECONDS = 30
_DIGITS = 6
_SECRET_OCTETS = 20
_CODES = 10
_CODE_OCTETS = 10


def new_secret() -> str:
    """160 random bits in base 32, as authenticator apps take it (RFC 4226 section 4, R6)."""
    return base64.b32encode(secrets.token_bytes(_SECRET_OCTETS)).decode("ascii")


def code_at(secret: str, step: int) -> str:
    """The code of a time step (RFC 4226 section 5.3)."""
    mac = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"


def accepted_step(secret: str, code: str, now_ms: int) -> int | None:
    """The time step whose code this is, now or one step off; None when it is none of them. Looks at all of them."""
    typed = "".join(code.split()).encode("utf-8", "replace")
    present = now_ms // 1000 // STEP_SECONDS
    found = None
    for step in (present - 1, present, present + 1):
        if hmac.compare_digest(code_at(secret, step).encode("ascii"), typed):
            found = step
    return found


def address_for_apps(secret: str, user: User) -> str:
    """The `otpauth:` address that an app takes, usually as a QR code."""
    label = quote(f"Postroom:{user.login}", safe=":@")
    return f"otpauth://totp/{label}?secret={secret}&issuer=Postroom&digits={_DIGITS}&period={STEP_SECONDS}"


def new_recovery_codes() -> list[str]:
    """Ten codes of 80 random bits, written in groups of four."""
    codes = []
    for _ in range(_CODES):
        text = base64.b32encode(secrets.token_bytes(_CODE_OCTETS)).decode("ascii").lower()
        codes.append("-".join(text[place : place + 4] for place in range(0, len(text), 4)))
    return codes


def recovery_digest(code: str) -> bytes:
    """What a recovery code is kept as, whatever spaces, hyphens and capitals it is typed with."""
    plain = "".join(char for char in code.lower() if char.isalnum())
    return hashlib.sha256(plain.encode("utf-8", "replace")).digest()


def sealed_to(user: User) -> SealedTo:
    """What a user's second factor is sealed to: this user of this tenant, and nothing else."""
    return SealedTo(user.tenant_id, user.id, "second factor", 0, "", str(user.id))


def reseal_second_factors(connection: Connection, ring: KeyRing) -> int:
    """Seals every second factor with the current key of the ring; how many were not."""
    count = 0
    for one in users.all_with_totp(connection):
        bound = sealed_to(one.user)
        if one.totp is not None and not ring.is_current(one.totp, bound):
            users.set_totp(connection, one.user, ring.reseal(one.totp, bound), confirmed=one.user.second_factor)
            count += 1
    return count
