"""Every error Postroom raises on purpose, as one tree.

    PostroomError
    ├── BadInput            something given to us is wrong; carries all faults at once      (HTTP 422)
    │   └── BadSettings     the same, found in the settings at the start
    ├── Unauthenticated     no key, or one that is not valid                                (401)
    ├── Forbidden           known, but not allowed to do this                               (403)
    ├── NotFound            no such thing in this tenant                                    (404)
    ├── Conflict            the thing exists, but is not in a state that allows this        (409)
    ├── TooMany             more of this at once, or more tries, than is taken; `seconds` says when again (429)
    ├── TooLarge            over a limit that protects the installation                     (413)
    ├── ProviderTrouble     another service that was needed for this did not answer, or not as it should (502)
    ├── NotAvailableYet     understood, but the means are not part of this release          (501)
    ├── StoreUnavailable    the database did not take the work; nothing was changed         (503)
    │   ├── StoreFull       no room left on the disk                                        (507)
    │   ├── StoreLocked     another process owns the database file
    │   └── SchemaTooNew    the database was written by a newer Postroom
    ├── KeyUnreadable       the key ring can't be read: no start, and never a silent new key
    └── SecretSealed        a secret was asked for a server it was not typed for

Each has a text that is safe to show to anyone who may see the thing itself, and `fields` for the log. A refusal by a
mail server is not an error: it is data (see `model.attempt`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "BadInput",
    "BadSettings",
    "Conflict",
    "Fault",
    "Forbidden",
    "KeyUnreadable",
    "NotAvailableYet",
    "NotFound",
    "PostroomError",
    "ProviderTrouble",
    "SchemaTooNew",
    "SecretSealed",
    "StoreFull",
    "StoreLocked",
    "StoreUnavailable",
    "TooLarge",
    "TooMany",
    "Unauthenticated",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with what was given: where, what, and how to mend it, in plain words."""

    field: str
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{_short(self.field)}: {_short(self.problem)} {_short(self.mend)}".rstrip()


_MOST_SHOWN = 1_000
_MOST_TOLD = 100


def _short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


class PostroomError(Exception):
    """The root. `status` and `title` are the HTTP spelling (RFC 9457); `slug` names the kind for programs."""

    status = 500
    title = "Something went wrong inside Postroom"
    slug = "internal"

    def __init__(self, text: str = "", **fields: object) -> None:
        super().__init__(text or self.title)
        self.text = text or self.title
        self.fields = fields

    @property
    def faults(self) -> tuple[Fault, ...]:
        return ()


class BadInput(PostroomError):
    """Everything that is wrong with the input, at once.

    `faults` has all of it; the text stays readable however much that is: input from outside decides its length.
    """

    status = 422
    title = "Some of what was given can't be used"
    slug = "bad-input"

    def __init__(self, faults: Iterable[Fault], **fields: object) -> None:
        self._faults = tuple(faults)
        told = [str(fault) for fault in self._faults[:_MOST_TOLD]]
        if len(self._faults) > _MOST_TOLD:
            told.append(f"and {len(self._faults) - _MOST_TOLD} more")
        super().__init__("; ".join(told) or self.title, **fields)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self._faults


class BadSettings(BadInput):
    title = "The settings have mistakes"
    slug = "bad-settings"


class Unauthenticated(PostroomError):
    status = 401
    title = "It is not known who asks"
    slug = "unauthenticated"


class Forbidden(PostroomError):
    status = 403
    title = "Whoever asks may not do that"
    slug = "forbidden"


class NotFound(PostroomError):
    status = 404
    title = "There is no such thing here"
    slug = "not-found"


class Conflict(PostroomError):
    status = 409
    title = "That does not fit the present state"
    slug = "conflict"


class TooLarge(PostroomError):
    status = 413
    title = "That is larger than this installation takes"
    slug = "too-large"


class TooMany(PostroomError):
    """`seconds`: how long to wait before it is worth trying again."""

    status = 429
    title = "Too many; try again a little later"
    slug = "too-many"

    def __init__(self, text: str = "", *, seconds: int = 1, **fields: object) -> None:
        super().__init__(text, seconds=seconds, **fields)
        self.seconds = seconds


class ProviderTrouble(PostroomError):
    status = 502
    title = "The identity provider did not answer as it should"
    slug = "provider-trouble"


class NotAvailableYet(PostroomError):
    status = 501
    title = "Not available yet"
    slug = "not-available-yet"


class StoreUnavailable(PostroomError):
    status = 503
    title = "The database can't be used right now; nothing was changed"
    slug = "store-unavailable"


class StoreFull(StoreUnavailable):
    status = 507
    title = "The disk is full; nothing was accepted"
    slug = "store-full"


class StoreLocked(StoreUnavailable):
    title = "Another process owns the database file"
    slug = "store-locked"


class SchemaTooNew(StoreUnavailable):
    title = "The database was written by a newer Postroom"
    slug = "schema-too-new"


class KeyUnreadable(PostroomError):
    title = "The key ring can't be read"
    slug = "key-unreadable"


class SecretSealed(PostroomError):
    status = 409
    title = "The stored secret was typed for another server and has to be typed again"
    slug = "secret-sealed"
