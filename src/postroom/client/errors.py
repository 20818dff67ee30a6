"""What can go wrong between a program and its Postroom, as one tree.

    ClientError
    ├── NotConfigured       no address or no key was given, or not a usable one; nothing was asked
    ├── Refused             Postroom understood and said no; `faults` names everything that is wrong
    │   ├── NotAuthorised   the key is missing, unknown, revoked, or may not do this          (401, 403)
    │   ├── NotFound        there is no such thing for this key                               (404)
    │   ├── Conflict        it does not fit the present state, or the idempotency key was
    │   │                   used for something else                                           (409)
    │   └── TooLarge        over a limit of the installation                                  (413)
    ├── Unreachable         nobody answered, however often it was tried
    │   └── Busy            Postroom answered that it can't take it now                       (429, 503, 507)
    └── Unexpected          an answer that is not Postroom's, or a mistake on its side        (5xx)

Every text is safe to show: no key stands in it, and nothing of a message. `idempotency_key` of an error is the key of
the call that failed: the same call with this key later makes no second message, whatever became of the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "Busy",
    "ClientError",
    "Conflict",
    "Fault",
    "NotAuthorised",
    "NotConfigured",
    "NotFound",
    "Refused",
    "TooLarge",
    "Unexpected",
    "Unreachable",
]


class Fault(NamedTuple):
    """One thing that is wrong: where (like `to[2]`), what, and how to mend it."""

    field: str
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem} {self.mend}".strip(": ")


class ClientError(Exception):
    """The root. `text` says what happened; `idempotency_key` is the one that was sent, or empty."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.idempotency_key = ""


class NotConfigured(ClientError):
    """Neither arguments nor the environment nor this machine say where Postroom is, or with which key."""


class Refused(ClientError):
    """Postroom said no. `slug` tells programs which kind of no it is; `status` is that of HTTP."""

    def __init__(self, text: str, *, status: int, slug: str = "", faults: Iterable[Fault] = ()) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join([text, *map(str, self.faults)]))
        self.status = status
        self.slug = slug


class NotAuthorised(Refused):
    """Another key is needed, or more rights for this one."""


class NotFound(Refused):
    """There is no such thing, or it belongs to somebody else."""


class Conflict(Refused):
    """It exists, but is not in a state that allows this."""


class TooLarge(Refused):
    """Over a limit that protects the installation."""


class Unreachable(ClientError):
    """Nobody answered. `may_have_arrived`: the request may have been taken although no answer came."""

    def __init__(self, text: str, *, may_have_arrived: bool = False) -> None:
        super().__init__(text)
        self.may_have_arrived = may_have_arrived


class Busy(Unreachable):
    """Postroom is there and could not take it now; nothing was accepted. `retry_after`: seconds it asked for, or 0."""

    def __init__(self, text: str, *, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Unexpected(ClientError):
    """What answered is not Postroom, or Postroom made a mistake. `status` is that of HTTP."""

    def __init__(self, text: str, *, status: int = 0) -> None:
        super().__init__(text)
        self.status = status
