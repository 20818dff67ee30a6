"""What became of a test's message, as the store tells it: the same rows whoever delivers, in this process or another.

Only what was written down counts. A message that somebody else's account carried, or that still waits, is no success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.model.account import Account
from postroom.model.attempt import Attempt
from postroom.model.message import Recipient
from postroom.model.staged import Diagnosed, Finding, StagedStep, StepName
from postroom.model.state import State
from postroom.policy.diagnosis import catalogue
from postroom.policy.mending import change_of
from postroom.probe.walk import STEP_OF
from postroom.store import messages, timeline

__all__ = ["Seen", "look", "told"]

_WAITS = frozenset({State.QUEUED, State.SENDING})


@dataclass(frozen=True, slots=True)
class Seen:
    """The message's recipient, and its last attempt."""

    recipient: Recipient
    attempt: Attempt | None

    @property
    def decided(self) -> bool:
        """Whether there is something to tell: an attempt, or a state that nobody changes by himself."""
        return self.attempt is not None or self.recipient.state not in _WAITS


def look(connection: Connection, tenant_id: int, message_id: int) -> Seen | None:
    """None when it is gone."""
    found = messages.recipients(connection, tenant_id, message_id)
    if not found:
        return None
    tried = timeline.attempts(connection, tenant_id, message_id, 1)
    return Seen(found[0], tried[-1] if tried else None)


def told(
    seen: Seen, account: Account, facts: Mapping[str, Any], names: Mapping[int, str], mode: str = ""
) -> list[StagedStep]:
    """The steps that this decides. `facts`: of the message, for whoever reads; `names`: of accounts; `mode`: what
    becomes of other mail."""
    recipient, attempt = seen.recipient, seen.attempt
    if recipient.account_id != account.id and recipient.account_id is not None:
        other = {**facts, "because": "other-account", "account": names.get(recipient.account_id, "")}
        return [_step(name, Finding.NOT_TESTED, other) for name in (StepName.CONTENT, StepName.ACCEPTED)]
    lines = () if attempt is None else tuple(attempt.conversation.splitlines())
    ms = 0 if attempt is None else attempt.ended_ms - attempt.started_ms
    if recipient.state is State.SENT:
        content = _step(StepName.CONTENT, Finding.PASSED, facts, lines=_own(lines), ms=ms)
        return [content, _step(StepName.ACCEPTED, Finding.PASSED, {**facts, "mode": mode}, said=recipient.reply)]
    if attempt is None:
        why = "cancelled" if recipient.state is State.CANCELLED else "not-sent"
        not_sent = {**facts, "because": why, "why": recipient.reason or recipient.state.value}
        return [_step(name, Finding.NOT_TESTED, not_sent) for name in (StepName.CONTENT, StepName.ACCEPTED)]
    if recipient.state is State.UNKNOWN or recipient.reason == "no-answer":
        doubtful = {**facts, "where": "unknown"}
        return [_step(StepName.ACCEPTED, Finding.WAITING, doubtful, attempt.reply, lines, ms)]
    where = STEP_OF.get(attempt.phase, StepName.ACCEPTED)
    more = {**facts, "state": recipient.state.value, "due_ms": recipient.due_ms}
    diagnosis = _diagnosed(recipient, account)
    failed = _step(where, Finding.FAILED, more, attempt.reply, lines, ms, diagnosis)
    if where is StepName.ACCEPTED:
        return [_step(StepName.CONTENT, Finding.PASSED, facts), failed]
    because = {**facts, "because": "before"}
    after = [name for name in (StepName.CONTENT, StepName.ACCEPTED) if name is not where]
    return [failed, *(_step(name, Finding.NOT_TESTED, because) for name in after)]


def _own(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The message's own part of the conversation, without how its session began."""
    places = [place for place, line in enumerate(lines) if "C: MAIL FROM:" in line]
    return lines[places[-1] :] if places else lines


def _diagnosed(recipient: Recipient, account: Account) -> Diagnosed | None:
    rule = catalogue().by_id.get(recipient.diagnosis)
    return None if rule is None else Diagnosed(rule.id, "", change_of(rule.apply, account))


def _step(
    name: StepName,
    finding: Finding,
    seen: Mapping[str, Any],
    said: str = "",
    lines: tuple[str, ...] = (),
    ms: int = 0,
    diagnosis: Diagnosed | None = None,
) -> StagedStep:
    return StagedStep(name, finding, now_ms(), ms, seen=dict(seen), said=said, lines=lines, diagnosis=diagnosis)
