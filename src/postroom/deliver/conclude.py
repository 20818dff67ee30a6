"""From results to what is written down: each recipient's move, the events, the attempt, and what it means beyond this
message.

A short ordered list of steps that decides nothing itself: `policy.verdict` says what a result means, `policy.retry`
when
to try again. What this module knows is how a verdict is spelled as a move (promise P4).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as _quoted
from typing import NamedTuple

from postroom.addresses import Address
from postroom.model.account import Account
from postroom.model.attempt import Action, Result, Severity, Verdict
from postroom.model.event import EventKind
from postroom.model.job import Job, JobRecipient
from postroom.model.preference import SUPPRESSED_MS, Suppression, Why
from postroom.model.state import State
from postroom.model.tenant import UnknownPolicy
from postroom.policy.preference import mailbox
from postroom.policy.retry import Schedule, next_due
from postroom.policy.verdict import ACCEPTED, GREYLISTED, Context, judge
from postroom.smtp.phase import Phase
from postroom.store.bulk import Row
from postroom.store.transmission import Move, Settlement

__all__ = ["Circumstances", "Concluded", "Ending", "conclude", "give_back", "put_aside"]

_SPLIT_MS = 2_000
_MOST_REPLY = 2_048
_MOST_NOTE = 500


@dataclass(slots=True)
class Circumstances:
    """What the lane knows when a result arrives. `chance`: a number in [0, 1) for the jitter; times are ms UTC."""

    account: Account
    courier: str
    family: str
    session_id: int | None
    now_ms: int
    schedule: Schedule
    next_id: Callable[[], int]
    chance: Callable[[], float]
    suppresses: bool = False
    """Whether the tenant wants nothing more to go to mailboxes that do not exist."""


class Ending(NamedTuple):
    """What became of one recipient, for the log and for whoever waits for the answer."""

    n: int
    address: str
    state: str
    words: str
    verdict: Verdict
    due_ms: int | None
    result: Result | None = None
    family: str = ""


class Concluded(NamedTuple):
    settlement: Settlement
    endings: tuple[Ending, ...]
    worst: Verdict | None
    """The verdict that concerns more than this message (pause, slow, hold …), or None."""


_BEYOND = {Action.PAUSE: 4, Action.HOLD_DAY: 3, Action.HOLD_SENDER: 2, Action.SLOW: 1}


def conclude(job: Job, results: Sequence[Result], conversation: str, around: Circumstances) -> Concluded:
    """One settlement for the whole job. `results` has one entry for each of its recipients, in order."""
    some_sent = any(result.delivered for result in results)
    endings: list[Ending] = []
    moves: list[Move] = []
    events: list[Row] = []
    worst: Verdict | None = None
    suppress: list[Suppression] = []
    for recipient, result in zip(job.recipients, results, strict=True):
        verdict = ACCEPTED if result.delivered else judge(result, _context(job, recipient, around))
        state, due, tries, reason = _way(job, recipient, verdict, some_sent, around)
        words = result.words[:_MOST_REPLY]
        moves.append(
            Move(
                job.message_id, recipient.n, job.fence, state, due, job.account_id, tries, reason,
                verdict.diagnosis, verdict.scope.value, words, around.now_ms,
            )
        )  # fmt: skip
        events += _events(job, recipient, state, due, verdict, result, words, around)
        if verdict.action is Action.SUPPRESS and around.suppresses and result.phase == Phase.RCPT:
            suppress.append(_suppressed(job, recipient, words, around))
        endings.append(Ending(recipient.n, recipient.address, state, words, verdict, due, result, around.family))
        if _BEYOND.get(verdict.action, 0) > (_BEYOND.get(worst.action, 0) if worst else 0):
            worst = verdict
    attempt = _attempt(job, results, conversation, around)
    wipe = job.message_id if job.secret else None
    return Concluded(Settlement(moves, events, attempt, wipe, suppress), tuple(endings), worst)


def _suppressed(job: Job, recipient: JobRecipient, words: str, around: Circumstances) -> Suppression:
    """For a time only: whoever it was may come back, and a server may be wrong."""
    return Suppression(
        job.tenant_id,
        mailbox(Address.parse(recipient.address)),
        Why.NO_MAILBOX,
        "delivery",
        words[:_MOST_NOTE],
        around.now_ms,
        around.now_ms + SUPPRESSED_MS,
        job.message_id,
    )


def _context(job: Job, recipient: JobRecipient, around: Circumstances) -> Context:
    account = around.account
    return Context(
        family=around.family,
        attempts=recipient.attempts,
        encryption=account.encryption,
        login=account.login,
        unknown_policy=UnknownPolicy(job.unknown_policy),
        host=account.host,
        port=account.port,
        user=account.user,
        sender=job.mail_from,
    )


def _way(
    job: Job, recipient: JobRecipient, verdict: Verdict, some_sent: bool, around: Circumstances
) -> tuple[str, int | None, int, str]:
    """(state, due time, tries to count, reason) that spell this verdict."""
    match verdict.action:
        case Action.NONE:
            return State.SENT.value, None, 1, ""
        case Action.FAIL | Action.SUPPRESS:
            return State.FAILED.value, None, 1, verdict.diagnosis
        case Action.ASK:
            return State.UNKNOWN.value, None, 1, "no-answer"
        case Action.HOLD_SENDER:
            return State.HELD.value, None, 1, "sender-held"
        case Action.PAUSE | Action.HOLD_DAY:
            return State.QUEUED.value, around.now_ms, 0, verdict.diagnosis
        case Action.SPLIT if some_sent:
            return State.QUEUED.value, around.now_ms + _SPLIT_MS, 0, verdict.diagnosis
        case _:
            return _again(job, recipient, verdict, around)


def _again(
    job: Job, recipient: JobRecipient, verdict: Verdict, around: Circumstances
) -> tuple[str, int | None, int, str]:
    due = next_due(
        around.schedule,
        recipient.attempts + 1,
        around.now_ms,
        job.since_ms,
        job.expires_ms,
        around.chance(),
        greylisted=verdict.diagnosis == GREYLISTED,
    )
    if due is None:
        return State.EXPIRED.value, None, 1, verdict.diagnosis
    reason = "no-answer" if verdict.severity is Severity.DOUBTFUL else verdict.diagnosis
    return State.DEFERRED.value, due, 1, reason


_EVENT_OF = {
    State.SENT.value: EventKind.SENT.value,
    State.FAILED.value: EventKind.FAILED.value,
    State.UNKNOWN.value: EventKind.UNKNOWN.value,
    State.HELD.value: EventKind.HELD.value,
    State.DEFERRED.value: EventKind.DEFERRED.value,
    State.EXPIRED.value: EventKind.EXPIRED.value,
    State.QUEUED.value: EventKind.RETURNED.value,
}


def _events(
    job: Job,
    recipient: JobRecipient,
    state: str,
    due: int | None,
    verdict: Verdict,
    result: Result,
    words: str,
    around: Circumstances,
) -> list[Row]:
    rows: list[Row] = []
    key = (job.message_id, job.tenant_id)
    if verdict.severity is Severity.DOUBTFUL and state != State.UNKNOWN.value:
        told = json.dumps({"why": "the message may have left, but the server's answer never came"})
        rows.append((key[0], around.next_id(), key[1], recipient.n, around.now_ms, EventKind.UNKNOWN.value, told))
    detail = {"reply": words, "account": around.account.name}
    if state != State.SENT.value:
        detail |= {"phase": result.phase, "diagnosis": verdict.diagnosis, "title": verdict.title}
    told = f"{{{', '.join([f'{_quoted(name)}: {_quoted(value)}' for name, value in detail.items()])}"
    told += "}" if due is None else f', "due_ms": {due}}}'
    rows.append((key[0], around.next_id(), key[1], recipient.n, around.now_ms, _EVENT_OF[state], told))
    return rows


def _attempt(job: Job, results: Sequence[Result], conversation: str, around: Circumstances) -> Row:
    telling = next((result for result in results if not result.delivered), results[0])
    return (
        job.message_id, around.next_id(), job.tenant_id, ",".join([str(r.n) for r in job.recipients]),
        job.account_id, around.account.version, around.courier, job.started_ms or around.now_ms, around.now_ms,
        telling.phase, telling.words[:_MOST_REPLY], around.session_id, conversation,
    )  # fmt: skip


def give_back(job: Job, due_ms: int, why: str, around: Circumstances) -> Settlement:
    """Nothing of the job was sent: it waits again, and no attempt is counted."""
    return put_aside(job, State.QUEUED, due_ms, job.account_id, why, around)


def put_aside(
    job: Job, state: State, due_ms: int | None, account_id: int | None, why: str, around: Circumstances
) -> Settlement:
    """Moves a whole job that no server was asked about: back to the queue, to another account, or to a state of its
    own. What the last attempt taught stays with it while it waits, and where it waited for too long.
    """
    kinds = {State.SILENCED: EventKind.SILENCED, State.DISABLED: EventKind.DISABLED, State.EXPIRED: EventKind.EXPIRED}
    kind = kinds.get(state, EventKind.HELD if state is State.HELD else EventKind.RETURNED).value
    detail = json.dumps({"why": why})
    said = None if state in (State.QUEUED, State.EXPIRED) else ""
    moves = [
        Move(job.message_id, r.n, job.fence, state.value, due_ms, account_id, 0, why, said, said, said, around.now_ms)
        for r in job.recipients
    ]
    events: list[Row] = [
        (job.message_id, around.next_id(), job.tenant_id, r.n, around.now_ms, kind, detail) for r in job.recipients
    ]
    return Settlement(moves, events)
