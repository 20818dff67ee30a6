"""Whether a sender's mail gets through an account: what a real server said of it, and when.

A proof is of an address and an account as they are set now (`basis`); when either changes, it is untested again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Pair", "Proof", "ProofState", "ToldBy"]


class ProofState(StrEnum):
    UNTESTED = "untested"
    PROVEN = "proven"
    REFUSED = "refused"


class ToldBy(StrEnum):
    """What the server answered: a probe of Postroom's own, or a message of somebody's."""

    NOTHING = ""
    PROBE = "probe"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Pair:
    """What a proof is of. `address` is the sender's, as it is stored (`Address.spec`)."""

    tenant_id: int
    address: str
    account_id: int


@dataclass(frozen=True, slots=True)
class Proof:
    """`words` and `diagnosis`: the answer that `state` rests on, at `at_ms`; `family`: of the server that gave it.

    `tried_ms` and `trouble`: the last probe that proved nothing, and why. `due_ms`: when it is probed next, None when
    nobody wants it to be. `asked`: somebody wants it now.
    """

    pair: Pair
    state: ProofState = ProofState.UNTESTED
    at_ms: int | None = None
    told_by: ToldBy = ToldBy.NOTHING
    words: str = ""
    diagnosis: str = ""
    family: str = ""
    basis: str = ""
    probe_address: str = ""
    tried_ms: int | None = None
    trouble: str = ""
    tries: int = 0
    due_ms: int | None = None
    asked: bool = False
