"""DKIM keys: with which a domain signs its mail, and whether its record has been seen in the DNS."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DkimAlgorithm", "DkimKey", "DkimState"]


class DkimAlgorithm(StrEnum):
    """The value of `a=` (RFC 8301, RFC 8463)."""

    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


class DkimState(StrEnum):
    """A key signs while it is `active`, and no longer.

    `waiting`: its record has not been seen yet. `missing`: it signed, until its record was gone from the DNS for too
    long; it signs again once the record is back. `retired`: a newer one took over, or a person said so; its record
    should stay until the mail that it signed has arrived.
    """

    WAITING = "waiting"
    ACTIVE = "active"
    MISSING = "missing"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class DkimKey:
    """`domain`: as A-labels, lower case; `bits`: of an RSA key, 256 for Ed25519; `public_key`: what stands in `p=`.

    `absent_since_ms`: since when its record is not in the DNS although the key signs. The private key is no field.
    """

    id: int
    tenant_id: int
    domain: str
    selector: str
    algorithm: DkimAlgorithm
    bits: int
    public_key: str
    state: DkimState = DkimState.WAITING
    absent_since_ms: int | None = None
    activated_ms: int | None = None
    retired_ms: int | None = None
    created_ms: int = 0
    version: int = 1

    @property
    def name(self) -> str:
        """Where its record stands, as a full name without the last dot."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def signs(self) -> bool:
        return self.state is DkimState.ACTIVE
