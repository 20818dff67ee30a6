"""What an answer means: `judge` turns each `Result` into a `Verdict` (promise P6: a refusal is data, no exception).

The rules of classification, which every verdict keeps:

- Scope comes first: many a 5xx speaks of the account. What concerns the account, its provider, the network or the
  server never fails a message; the account is paused, or rests and tries again, and nothing bounces.
- The first digit of the reply is believed when the enhanced code contradicts it.
- An unknown 4xx is tried again. An unknown 5xx at RCPT fails that recipient and bars nothing; after DATA it fails the
  message. Anywhere else, what is not understood is temporary.
- A message whose end may have left without an answer is doubtful, whatever else is known.

What is to be done follows from the verdict; when, from `retry`. Logging what was not understood is left to the caller,
who tells it by `NOT_UNDERSTOOD`.
"""

from __future__ import annotations

from postroom.model.attempt import Action, Result, Scope, Severity, Verdict
from postroom.policy.diagnosis import catalogue
from postroom.policy.family import family
from postroom.policy.rule import Case, Context

__all__ = [
    "ACCEPTED",
    "GREYLISTED",
    "NOT_UNDERSTOOD",
    "Context",
    "concerns_account",
    "family",
    "is_generic",
    "judge",
    "why_paused",
]

ACCEPTED = Verdict("accepted", Scope.NONE, Severity.DONE, Action.NONE, "The server took the message.")

GREYLISTED = "greylisted"
"""The diagnosis of an answer that only wants us to come back in some minutes (RFC 6647)."""

NOT_UNDERSTOOD = frozenset({"not-understood", "refused", "put-off", "internal", "unintelligible-reply"})
"""Diagnoses that say that we do not know what happened: to be logged loudly."""

_GRANT = "grant-"
_ACCOUNT_SCOPES = frozenset({Scope.ACCOUNT, Scope.TENANT, Scope.NETWORK, Scope.SERVER})


def judge(result: Result, context: Context) -> Verdict:
    """Never raises, whatever a server sent."""
    if result.delivered:
        return ACCEPTED
    case = Case.of(result)
    return catalogue().find(case, context).verdict(case, context)


def why_paused(verdict: Verdict) -> str:
    """What is kept with an account that it pauses: what happened; for a lost grant, what to do too."""
    return f"{verdict.title} {verdict.remedy}" if verdict.diagnosis.startswith(_GRANT) else verdict.title


def is_generic(diagnosis: str) -> bool:
    """Whether it only tells the class of an answer: a kind of answer that the catalogue does not know yet."""
    return diagnosis in catalogue().generic


def concerns_account(verdict: Verdict) -> bool:
    """Whether the whole account rests (or stops) because of it, and not only this message or recipient.

    A doubtful verdict concerns its message alone: that an answer was missing says nothing about the next one.
    """
    return verdict.scope in _ACCOUNT_SCOPES and verdict.severity is Severity.TEMPORARY
